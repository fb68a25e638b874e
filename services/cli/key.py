"""`hypercare key`"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from typer import Option

from services.cli.options import flat
from services.cli.terminal import Output, visible
from services.errors import Invalid
from services.web.keys import KeyRing, new_key

app = typer.Typer(add_completion=False, no_args_is_help=True)

Actor = Annotated[str, Option("--actor", help="The person or system that gets the key.")]
Role = Annotated[str, Option("--role", help="The role in which the holder acts.")]
Expires = Annotated[datetime | None, Option("--expires", formats=["%Y-%m-%d"], help="The day from which the key is refused (UTC).")]
File = Annotated[Path | None, Option("--file", help="Keys file to add the entry to; without it the entry is shown.")]


@app.callback()
def _key() -> None:
    """Make API keys."""


@app.command("new")
@flat
def make_key(actor: Actor, role: Role, output: Output, expires: Expires = None, file: File = None) -> None:
    """Make a key. It is shown once; the keys file holds only the digest of its secret."""
    key, entry = new_key(actor, role, expires.replace(tzinfo=UTC) if expires else None)
    if file is not None:
        add_entry(file, entry)
        output.remark(
            f"The key of {actor} is in {file}; it counts from the next request on. Hand the key over now, nobody can show it again"
        )
    shown = "" if file else "\n\n" + "\n".join(visible(line) for line in entry.splitlines())
    output.show({"key": key, "entry": entry}, key + shown)


def add_entry(path: Path, entry: str) -> None:
    """Added at the end, so that the file keeps its owner and mode; a new file is its owner's alone. Nothing is added to a broken file."""
    try:
        path.touch(mode=0o600)
        KeyRing(path)
        with path.open("a", encoding="utf-8") as stream:
            stream.write(f"\n{entry}")
    except OSError as error:
        raise Invalid(f"The keys file {path} cannot be changed: {error.strerror}") from error
