"""Cuts of the carried corpus and lexicon that are small enough to train on in a test, and a version made from them."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest

from models.calibrate import load_costs
from models.examples import PRACTICE, Example, read_corpus, seen_before
from models.lexicon import Concept, Lexicon, load_lexicon
from models.manifest import Manifest
from models.registry import save_model
from models.release import Material, make_version

WRITERS = ("C1", "C2", "C4", "C8")
EVERY_TERM = 10
"""Of the carried lexicon's 35,000 terms that teach, every so-manieth: beside 550 tickets, learning these takes nine tenths of the time."""


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


@cache
def small_lexicon() -> Lexicon:
    concepts = carried().lexicon.concepts
    return Lexicon(tuple(concept.model_copy(update={"terms": concept.terms[::EVERY_TERM]}) for concept in concepts))


def material(examples: Sequence[Example]) -> Material:
    return Material(examples, small_lexicon(), carried().costs)


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


@contextmanager
def few_terms(folder: Path) -> Iterator[None]:
    """Whoever trains or measures a version meanwhile, by a command too, does it with the terms of `small_lexicon`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "few.toml").write_text("".join(map(_table, small_lexicon().concepts)), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("models.material.LEXICON", folder)
        yield


def _table(concept: Concept) -> str:
    """As a lexicon file has it."""
    fields = {"means": concept.means, "leans": concept.leans, "any": concept.terms}
    lines = [f"{name} = {json.dumps(value, ensure_ascii=False)}\n" for name, value in fields.items() if value]
    return f"[{concept.name}]\n{''.join(lines)}"
