"""A cut of the carried corpus that is small enough to train on in a test, and a version made from it."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from models.calibrate import load_costs
from models.examples import PRACTICE, Example, read_corpus, seen_before
from models.lexicon import load_lexicon
from models.manifest import Manifest
from models.registry import save_model
from models.release import Material, make_version

WRITERS = ("C1", "C2", "C4", "C8")


@cache
def whole_corpus() -> tuple[Example, ...]:
    return tuple(read_corpus())


@cache
def small_corpus() -> tuple[Example, ...]:
    return tuple(example for example in whole_corpus() if example.writer in WRITERS and int(example.id.partition("-")[2]) % 2)


@cache
def carried() -> Material:
    """What the starter version was made of."""
    return Material(whole_corpus(), load_lexicon(), load_costs(), tuple(read_corpus(PRACTICE)), seen_before())


def material(examples: Sequence[Example]) -> Material:
    return Material(examples, carried().lexicon, carried().costs)


@cache
def small_version() -> tuple[Manifest, dict[str, bytes]]:
    return make_version(material(small_corpus()), "small")


def save_small(folder: Path) -> Manifest:
    manifest, files = small_version()
    save_model(folder, manifest, files)
    return manifest


def write_corpus(folder: Path, examples: Sequence[Example]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "tickets.jsonl").write_text("".join(example.model_dump_json() + "\n" for example in examples), encoding="utf-8")
