"""Make and measure the starter version: `python -m models train`, `python -m models evaluate`. A site uses `hypercare model`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table as Grid

from models.card_files import PAGE, write_card
from models.errors import ModelError
from models.evaluate import Line, Report
from models.examples import CORPUS
from models.floor_report import FloorReport
from models.material import material_of
from models.registry import STARTER, read_manifest, save_model
from models.release import make_version, measure, scores_of

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
console = Console()

Corpus = Annotated[Path, typer.Option(help="folder of .jsonl files with labelled tickets", exists=True, file_okay=False)]
Folder = Annotated[Path, typer.Option(help="folder of the model version")]
Name = Annotated[str, typer.Option(help="first part of the version's name")]


def _watch(writers: Sequence[str]) -> Iterable[str]:
    return track(writers, description="writers left out and scored", console=console, transient=True)


@app.command()
def train(corpus: Corpus = CORPUS, model: Folder = STARTER, name: Name = "starter") -> None:
    """Learn from the corpus and write a version; the same corpus gives the same version."""
    manifest, files = make_version(material_of(corpus), name, _watch)
    save_model(model, manifest, files)
    console.print(f"{manifest.version}: {sum(map(len, files.values())):,} bytes written to {model}")


@app.command()
def evaluate(corpus: Corpus = CORPUS, model: Folder = STARTER) -> None:
    """Measure the way the version was made, each writer left out in turn, and write its card."""
    material, manifest = material_of(corpus), read_manifest(model)
    measured = measure(material, _watch)
    card = write_card(model, manifest, measured)
    if not card.material.same:
        console.print(f"[yellow]{manifest.version} was not made from this corpus; the card tells what training on it would give")
    _show(measured.report, measured.floors)
    console.print(f"card written to {model / PAGE}")


def _grid(title: str, lines: Sequence[Line]) -> Grid:
    grid = Grid(title=title)
    for heading in ("", "tickets", "strict", "right", "severity", "routed", "routed right"):
        grid.add_column(heading, justify="right" if heading else "left")
    for line in lines:
        shares = (line.strict, line.right, line.severity, line.routed, line.routed_right)
        grid.add_row(line.group, str(line.tickets), *(f"{share:.3f}" for share in shares))
    return grid


def _show(report: Report, floors: FloorReport) -> None:
    console.print(_grid("writers left out", [*report.writers, report.overall]))
    for group, lines in report.groups.items():
        console.print(_grid(f"by {group}", lines))
    for name, value in scores_of(report).items():
        console.print(f"{name:<33}{value:g}")
    for name in ("sev1_recall", "sev1_false_alarms", "gxp_recall", "gxp_false_alarms"):
        console.print(f"floors {name:<26}{getattr(floors, name):g}")


def main() -> None:
    try:
        app()
    except ModelError as error:
        console.print(f"[red]{error}")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
