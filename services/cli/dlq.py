"""`hypercare dlq`: dead letters, looked at and settled by a person, with a reason."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import select
from typer import Argument, Option

from schemas.entries import Attribution
from schemas.tables import LETTERS
from services.cli.options import flat
from services.cli.person import Person
from services.cli.storage import migrated_database
from services.cli.terminal import Output, complain, table
from services.deliveries import discard, replay
from services.errors import HypercareError, NotFound
from services.intake import accept
from services.ledger import Draft, Ledger

app = typer.Typer(add_completion=False, no_args_is_help=True)

Standing = Annotated[Literal["waiting", "replayed", "discarded", "all"], Option("--state", help="Which letters.")]
Kind = Annotated[Literal["record", "event", "delivery", "all"], Option("--kind", help="What could not be dealt with.")]
Limit = Annotated[int, Option("--limit", min=1, help="At most so many, oldest first.")]
Letter = Annotated[str, Argument(help="Id of a dead letter.")]
Letters = Annotated[list[str], Argument(help="Ids of dead letters.")]
LISTED = ("id", "kind", "state", "origin", "ticket", "arrived_at", "error")
Settle = Callable[[Draft, str, Attribution], str | None]


@app.callback()
def _dlq() -> None:
    """Look at dead letters, replay or discard them."""


@app.command("list")
@flat
def list_letters(output: Output, state: Standing = "waiting", kind: Kind = "all", limit: Limit = 100) -> None:
    """List dead letters, oldest first."""
    wanted = select(LETTERS).order_by(LETTERS.c.arrived_at, LETTERS.c.id).limit(limit)
    for column, value in ((LETTERS.c.state, state), (LETTERS.c.kind, kind)):
        wanted = wanted if value == "all" else wanted.where(column == value)
    with migrated_database() as database, database.read() as connection:
        rows = [dict(row) for row in connection.execute(wanted).mappings()]
    cells = [[row[name] if name != "arrived_at" else row[name].isoformat(timespec="seconds") for name in LISTED] for row in rows]
    output.show(rows, table(LISTED, cells) if rows else "No dead letters.")


@app.command("show")
@flat
def show_letter(letter: Letter, output: Output) -> None:
    """Show all of one dead letter, and of a record its text."""
    with migrated_database() as database, database.read() as connection:
        found = connection.execute(select(LETTERS).where(LETTERS.c.id == letter)).mappings().first()
    if found is None:
        raise NotFound(f"There is no dead letter {letter}; `hypercare dlq list --state all` shows them")
    content: dict[str, Any] = found["content"]
    lines = {name: value for name, value in found.items() if name != "content"} | content
    if "value" in content:
        lines |= {"value": b64decode(content["value"]).decode("utf-8", "backslashreplace")}
    output.show(dict(found), table(("", ""), list(lines.items())))


@app.command("replay")
@flat
def replay_letters(letters: Letters, person: Person, output: Output) -> None:
    """Send dead letters through again: once the cause is mended."""
    _settle(letters, send_again, person, output)


@app.command("discard")
@flat
def discard_letters(letters: Letters, person: Person, output: Output) -> None:
    """Settle dead letters for good: nobody needs what they hold."""
    _settle(letters, throw_away, person, output)


def send_again(draft: Draft, letter: str, by: Attribution) -> str | None:
    """As `replay`; a record becomes a ticket now, or stays where it is where it still cannot be understood."""
    row = replay(draft, letter, by)
    if row["kind"] != "record":
        return None
    return accept(draft, b64decode(row["content"]["value"]), dict(row["content"]["headers"]), by, letter).id


def throw_away(draft: Draft, letter: str, by: Attribution) -> None:
    discard(draft, letter, by)


def _settle(letters: Sequence[str], settle: Settle, person: Person, output: Output) -> None:
    """Each letter is its own command, so that a refused one does not keep the others."""
    by = person.attribution()
    with migrated_database() as database:
        ledger = Ledger(database)
        outcomes = [_outcome(ledger, letter, settle, by) for letter in dict.fromkeys(letters)]
        ledger.close()
    output.say(outcomes, "\n".join(f"{told['letter']} {told['became']}" for told in outcomes if not told["problem"]))
    failed = [f"{told['letter']}: {told['problem']}" for told in outcomes if told["problem"]]
    if failed:
        complain("\n".join(failed))
        raise typer.Exit(1)


def _outcome(ledger: Ledger, letter: str, settle: Settle, by: Attribution) -> dict[str, str]:
    def command(draft: Draft) -> str | None:
        return settle(draft, letter, by)

    try:
        ticket = ledger.write(command).result()
    except HypercareError as error:
        return {"letter": letter, "became": "", "problem": str(error)}
    return {"letter": letter, "became": f"is ticket {ticket}" if ticket else "is settled", "problem": ""}
