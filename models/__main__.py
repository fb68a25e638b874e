"""Train and measure models: `python -m models train`, `python -m models evaluate`."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table as Grid

from models.calibrate import COSTS, load_costs
from models.card_files import PAGE, write_card
from models.errors import ModelError
from models.evaluate import Line, Report
from models.examples import CORPUS, PRACTICE, read_corpus, seen_before
from models.floor_report import FloorReport
from models.lexicon import LEXICON, load_lexicon
from models.registry import STARTER, read_manifest, save_model
from models.release import Material, make_version, measure, scores_of

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)
console = Console()

Corpus = Annotated[Path, typer.Option(help="folder of .jsonl files with labelled tickets", exists=True, file_okay=False)]
Folder = Annotated[Path, typer.Option(help="folder of the model version")]
Name = Annotated[str, typer.Option(help="first part of the version's name")]


def _material(corpus: Path) -> Material:
    """Practice belongs to the carried corpus: a folder of one's own is learned from alone."""
    practice = read_corpus(PRACTICE) if corpus == CORPUS else []
    return Material(read_corpus(corpus), load_lexicon(LEXICON), load_costs(COSTS), practice, seen_before(corpus))


def _watch(writers: Sequence[str]) -> Iterable[str]:
    return track(writers, description="writers left out and scored", console=console, transient=True)


@app.command()
def train(corpus: Corpus = CORPUS, model: Folder = STARTER, name: Name = "starter") -> None:
    """Learn from the corpus and write a version; the same corpus gives the same version."""
    manifest, files = make_version(_material(corpus), name, _watch)
    save_model(model, manifest, files)
    console.print(f"{manifest.version}: {sum(map(len, files.values())):,} bytes written to {model}")


@app.command()
def evaluate(corpus: Corpus = CORPUS, model: Folder = STARTER) -> None:
    """Measure the way the version was made, each writer left out in turn, and write its card."""
    material, manifest = _material(corpus), read_manifest(model)
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
