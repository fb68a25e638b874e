"""What experts listen for, as data: concepts, each with the many ways in which people say it, in six languages (`lexicon/*.toml`).

How terms are read and found in texts is said in `models.hearing`.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from models.errors import LexiconInvalid
from models.hearing import Ears

LEXICON = Path(__file__).parent / "lexicon"
LANGUAGES = ("any", "en", "de", "es", "fr", "it", "pt")
_LEAST_STEM = 3
_LETTER = re.compile(r"[^\W\d_]")

Term = Annotated[str, Field(pattern=r"^[^\W_]+\*?( [^\W_]+\*?)*$")]


class Concept(BaseModel):
    """`means` is said to people. `leans` is the system that mostly has to change something where this is heard, if there is one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]+$")]
    means: Annotated[str, Field(min_length=5)]
    leans: str | None = None
    terms: Annotated[tuple[Term, ...], Field(min_length=1)]


_CONCEPTS = TypeAdapter(tuple[Concept, ...])


@dataclass(frozen=True)
class Lexicon:
    """Concepts are known by their number, their place in `concepts`."""

    concepts: tuple[Concept, ...]

    @cached_property
    def ears(self) -> Ears:
        return Ears([concept.terms for concept in self.concepts])

    def lessons(self) -> list[tuple[str, str]]:
        """(term, system) of every concept that leans to one: what a term says by itself."""
        return [(term.replace("*", ""), concept.leans) for concept in self.concepts if concept.leans for term in concept.terms]

    def written(self) -> bytes:
        """JSON; the same concepts give the same bytes."""
        return _CONCEPTS.dump_json(self.concepts) + b"\n"

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.written()).hexdigest()


def read_lexicon(raw: bytes) -> Lexicon:
    """What `Lexicon.written` wrote. Raises LexiconInvalid."""
    try:
        return Lexicon(_CONCEPTS.validate_json(raw))
    except ValidationError as error:
        raise LexiconInvalid(f"this is no lexicon: {error.errors()[0]['msg']}") from error


def load_lexicon(folder: Path = LEXICON) -> Lexicon:
    """The concepts of a folder's .toml files, in the order of their names. Raises LexiconInvalid with the place and the cure."""
    concepts: dict[str, Concept] = {}
    for path in sorted(folder.glob("*.toml")):
        for concept in _concepts(path):
            if concept.name in concepts:
                raise LexiconInvalid(f"{path}: {concept.name} is there twice; put all of its terms in one place")
            concepts[concept.name] = concept
    if not concepts:
        raise LexiconInvalid(f"no .toml file with concepts in {folder}")
    return Lexicon(tuple(concepts[name] for name in sorted(concepts)))


def _concepts(path: Path) -> Iterator[Concept]:
    try:
        told = tomllib.loads(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LexiconInvalid(f"{path} cannot be read: {error}") from error
    for name, fields in told.items():
        yield _concept(path, name, dict(fields))


def _concept(path: Path, name: str, fields: dict[str, object]) -> Concept:
    spoken = {language: TypeAdapter(tuple[str, ...]).validate_python(fields.pop(language, ())) for language in LANGUAGES}
    terms = tuple(dict.fromkeys(term for said in spoken.values() for term in said))
    short = [term for term in terms for word in term.split() if word.endswith("*") and len(word) <= _LEAST_STEM]
    if short:
        raise LexiconInvalid(f"{path}: {name}: {short[0]!r} has a stem of less than {_LEAST_STEM} letters; it would be heard everywhere")
    digits = [term for term in terms if not _LETTER.search(term)]
    if digits:
        raise LexiconInvalid(f"{path}: {name}: {digits[0]!r} has no letter, and any number is like any other; put a word beside it")
    try:
        return Concept.model_validate(fields | {"name": name, "terms": terms})
    except ValidationError as error:
        wrong = error.errors()[0]
        raise LexiconInvalid(f"{path}: {name}: {'.'.join(map(str, wrong['loc']))}: {wrong['msg']}") from error
