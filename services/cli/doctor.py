"""`hypercare doctor`: looks at everything at once, and says how to mend what is wrong."""

from collections.abc import Iterator, Sequence

import typer

from services.cli.examined import disk, storage
from services.cli.findings import Check, Finding
from services.cli.options import flat
from services.cli.surroundings import kafka, keys, mail, model, on_call, port, settings_and_names
from services.cli.terminal import Output, visible
from services.errors import Misconfigured
from services.settings import Settings, load_settings

app = typer.Typer(add_completion=False)

CHECKS: tuple[Check, ...] = (storage, disk, keys, port, model, on_call, kafka, mail)


@app.command()
@flat
def examine(output: Output) -> None:
    """Say what is wrong with this installation and how to mend it. Exit code 1 where anything is wrong."""
    with output.bar("examining", 1 + len(CHECKS)) as advance:
        findings = settings_and_names()
        advance(1)
        settings = _usable()
        for check in CHECKS:
            findings += check(settings) if settings else ()
            advance(1)
    _tell(findings, output)
    if any(finding.state == "error" for finding in findings):
        raise typer.Exit(1)


def _usable() -> Settings | None:
    try:
        return load_settings()
    except Misconfigured:
        return None


def _tell(findings: Sequence[Finding], output: Output) -> None:
    shown = [finding for finding in findings if not output.quiet or finding.state != "good"]
    output.show([finding._asdict() for finding in findings], "\n".join(line for finding in shown for line in _lines(finding)))


def _lines(finding: Finding) -> Iterator[str]:
    yield visible(f"{finding.state:<8} {finding.check:<11} {finding.told}")
    if finding.mend:
        yield visible(f"{'':<20} -> {finding.mend}")
