"""`hypercare model`: train a version from what people confirmed, measure and compare it, and say which one decides."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer
from sqlalchemy import Connection
from typer import Argument, Option

from models.card_files import PAGE, write_card
from models.errors import ModelError
from models.examples import CORPUS
from models.gate import COMPARED, objections
from models.manifest import Manifest
from models.material import material_of
from models.registry import save_model
from models.release import make_version, measure
from schemas.events import ModelPromoted, ModelTrained
from services.cli.options import flat
from services.cli.person import Person
from services.cli.storage import migrated_database
from services.cli.terminal import Output, table
from services.db import Database
from services.errors import Conflict, Misconfigured
from services.judgements import Judgement, Judgements
from services.ledger import Draft, Ledger
from services.releases import Releases, promote, releases_of, roll_back, shadow
from services.settings import load_settings
from services.shelf import Shelf
from services.teaching import doubts, labels

app = typer.Typer(add_completion=False, no_args_is_help=True)

Corpus = Annotated[
    Path | None,
    Option("--corpus", help="Folder of .jsonl files with labelled tickets; without it, the carried corpus.", exists=True, file_okay=False),
]
Version = Annotated[str, Argument(help="Name of a version, as `hypercare model list` shows it.")]


@app.callback()
def _model() -> None:
    """Train, measure, compare and release model versions."""


class Look(NamedTuple):
    """What there is: the versions at hand, and what the ledger says of them."""

    shelf: Shelf
    releases: Releases

    @property
    def current(self) -> str:
        return self.releases.current or self.shelf.base_version()

    def state(self, version: str) -> str:
        if version == self.current:
            return "decides"
        if version == self.releases.shadow:
            return "in shadow"
        return "decided before" if version in self.releases.line else ""

    def manifest(self, version: str) -> Manifest:
        folder = self.shelf.folder(version)
        return next(manifest for name, manifest in self.shelf.versions().items() if name == version and folder)


def _look(connection: Connection) -> Look:
    return Look(Shelf.of(load_settings()), releases_of(connection))


@contextmanager
def _spoken() -> Iterator[None]:
    """What the model library refuses, and what cannot be written, is told like everything else."""
    try:
        yield
    except ModelError as error:
        raise Misconfigured(str(error)) from error
    except OSError as error:
        raise Misconfigured(f"{error.filename} cannot be written ({error.strerror}); HYPERCARE_MODELS_DIR names another folder") from error


@app.command("list")
@flat
def list_versions(output: Output) -> None:
    """List the versions at hand, and say which one decides."""
    with migrated_database() as database, database.read() as connection:
        look = _look(connection)
    rows = [_row(look, version, manifest) for version, manifest in look.shelf.versions().items()]
    headings = ("version", "state", "tickets", "labels of this site", "right", "severity", "Sev1 recall")
    output.show(rows, table(headings, [list(row.values()) for row in rows]))


def _row(look: Look, version: str, manifest: Manifest) -> dict[str, Any]:
    data, scores = manifest.content.data, manifest.content.scores
    learned = {"version": version, "state": look.state(version), "tickets": data.tickets + data.practice, "labels": data.local}
    return learned | {name: scores.get(name) for name in ("right_mean", "severity_mean", "sev1_candidate_recall")}


@app.command()
@flat
def show(version: Version, output: Output) -> None:
    """Show what a version says about itself, and who made and released it."""
    with migrated_database() as database, database.read() as connection:
        look = _look(connection)
    content = look.manifest(version).content.model_dump(mode="json", exclude={"goldens", "calibration"})
    told = {"version": version, "state": look.state(version), "trained_by": look.releases.trained.get(version)} | content
    lines = {name: value for name, value in told.items() if not isinstance(value, dict)} | told["scores"]
    output.show(told, table(("", ""), [list(line) for line in lines.items()]))


@dataclass(frozen=True)
class Training:
    """What to learn from beside what people confirmed."""

    name: Annotated[str, Option("--name", help="First part of the version's name.")] = "site"
    without: Annotated[list[str] | None, Option("--without", help="A person whose labels are left out; may be given again.")] = None
    corpus: Corpus = None


@app.command()
@flat
def train(training: Training, person: Person, output: Output) -> None:
    """Learn from the carried corpus and from what people of this site confirmed, and keep the version.

    It takes a minute or two and decides nothing by itself: compare it, let it answer in shadow, have somebody else promote it.
    """
    with migrated_database() as database, _spoken():
        with database.read() as connection:
            look, local = _look(connection), labels(connection, training.without or ())
            doubted = [each for each in doubts(connection) if each.actor not in (training.without or ())]
        manifest, files = make_version(
            material_of(training.corpus or CORPUS, local), training.name, _watch(output, "learning, each writer left out in turn")
        )
        save_model(look.shelf.made / manifest.version, manifest, files)
        refused = (f"the gate refuses it: {each}" for each in objections(look.manifest(look.current), manifest))
        remarks = (*refused, *(f"{each}; look at them, or train it --without {each.actor}" for each in doubted))
        event = ModelTrained(version=manifest.version, data=manifest.content.data.sha256, labels=len(local), remarks=remarks)
        _write(database, lambda draft: draft.append(event, person.attribution()))
    told = f"{manifest.version}: learned from {len(local)} labels of this site beside the carried corpus"
    output.say(event.model_dump(mode="json"), "\n".join((told, *(f"mind: {each}" for each in remarks))))


@app.command()
@flat
def evaluate(version: Version, output: Output, corpus: Corpus = None) -> None:
    """Measure a version the way it was made, each writer left out in turn, and write its card.

    Takes some minutes. The card stands beside the version's files.
    """
    with migrated_database() as database, _spoken():
        with database.read() as connection:
            look, local = _look(connection), labels(connection)
        folder, manifest = look.shelf.folder(version), look.manifest(version)
        measured = measure(
            material_of(corpus or CORPUS, local if manifest.content.data.local else []),
            _watch(output, "measuring, each writer left out in turn"),
        )
        card = write_card(folder, manifest, measured)
    if not card.material.same:
        output.remark("people have confirmed more since the version was made; the card tells what training on all of it would give")
    output.say({"card": str(folder / PAGE)}, f"card written to {folder / PAGE}")


@app.command()
@flat
def compare(challenger: Version, output: Output, champion: Annotated[str | None, Option("--with")] = None) -> None:
    """Hold a version against the one that decides: on the frozen corpus, and on what both said of this site's tickets.

    Fails where the gate would not let it be promoted.
    """
    with migrated_database() as database, database.read() as connection:
        look, judgements = _look(connection), Judgements()
        judgements.catch_up(connection)
    first, second = look.manifest(champion or look.current), look.manifest(challenger)
    rows: list[list[object]] = [[name, first.content.scores.get(name), second.content.scores.get(name)] for name in COMPARED]
    rows += _in_shadow(list(judgements), challenger)
    refused = objections(first, second)
    told = {"champion": first.version, "challenger": challenger, "figures": {str(row[0]): row[1:] for row in rows}, "objections": refused}
    for remark in look.releases.remarks.get(challenger, ()):
        output.remark(f"mind: {remark}")
    output.show(told, table(("", first.version, challenger), rows))
    if refused:
        raise Conflict("\n".join(f"{challenger} may not be promoted: {each}" for each in refused))


def _in_shadow(judgements: Sequence[Judgement], version: str) -> list[list[object]]:
    """Of the tickets that the version saw in shadow and people judged."""
    both = [each for each in judgements if each.said and each.said.shadow and each.said.shadow[0] == version and each.system]
    if not both:
        return []
    champion = sum(bool(each.right) for each in both) / len(both)
    challenger = sum(bool(each.system and each.said and each.said.shadow and each.system.value == each.said.shadow[1]) for each in both)
    return [
        ["judged tickets seen in shadow", len(both), len(both)],
        ["right of these", round(champion, 4), round(challenger / len(both), 4)],
    ]


@app.command("shadow")
@flat
def answer_in_shadow(person: Person, output: Output, version: Annotated[str | None, Argument(help="Name of a version.")] = None) -> None:
    """Let a version answer beside the one that decides; without a name, none.

    What it says is kept with each decision and changes nothing.
    """
    with migrated_database() as database:
        if version:
            with database.read() as connection, _spoken():
                _look(connection).shelf.load(version)
        _write(database, lambda draft: shadow(draft, version, person.attribution()))
    output.say({"shadow": version}, f"{version} answers in shadow" if version else "no version answers in shadow")


@app.command("promote")
@flat
def promote_version(version: Version, person: Person, output: Output) -> None:
    """Let a version decide from now on; every running classifier takes it up within seconds.

    Refused where it is worse than the one that decides, where it cannot be used, or where the same person trained it.
    """
    with migrated_database() as database, _spoken():
        with database.read() as connection:
            look = _look(connection)
        look.shelf.load(version)
        challenger = look.manifest(version)
        refused = objections(look.manifest(look.current), challenger)
        if refused:
            raise Conflict("\n".join(f"{version} may not be promoted: {each}" for each in refused))
        for remark in look.releases.remarks.get(version, ()):
            output.remark(f"mind: {remark}")
        figures = {name: challenger.content.scores[name] for name in COMPARED if name in challenger.content.scores}
        event = ModelPromoted(version=version, previous=look.current, figures=figures)
        _write(database, lambda draft: promote(draft, event, person.attribution()))
    output.say(
        event.model_dump(mode="json"), f"{version} decides from now on; {look.current} did until now. `hypercare model rollback` undoes it"
    )


@app.command()
@flat
def rollback(person: Person, output: Output) -> None:
    """Let the version that decided before decide again."""
    with migrated_database() as database:
        version, left = _write(database, lambda draft: roll_back(draft, person.attribution()))
    output.say({"version": version, "previous": left}, f"{version} decides again; {left} does no more")


def _write(database: Database, command: Callable[[Draft], Any]) -> Any:
    ledger = Ledger(database)
    try:
        return ledger.write(command).result()
    finally:
        ledger.close()


def _watch(output: Output, what: str) -> Callable[[Sequence[str]], Iterable[str]]:
    def watched(steps: Sequence[str]) -> Iterator[str]:
        with output.bar(what, len(steps)) as advance:
            for step in steps:
                yield step
                advance(1)

    return watched
