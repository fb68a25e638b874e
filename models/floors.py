"""Rules that hold whatever a model says: a least severity, a GxP flag, and the reason in words.

A rule is data (`floors.toml`). It holds when one of its `when` clauses does. A clause may ask for terms (each group of `all` has one in
one sentence, none of `none` stands there) and for what the intake fields say: told, left blank, not denied, a number reached. What is
told as a question, a supposition or a thing of the past is passed over, by terms that are data as well (`[unsaid]`).
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from models.errors import RulesInvalid
from models.terms import Terms, visible, words
from schemas.predictions import Floor, TicketText
from schemas.words import Severity

FLOORS = Path(__file__).parent / "floors.toml"
LONGEST_READ = 20_000
"""All of what the API takes as a body: no filler can push a sentence out of sight."""

_SENTENCE_END = re.compile(r"[.!?;:](?=\s|$)|\n[ \t\r]*\n|\s[-–—•*]\s")
_PART_END = re.compile(r"[.!?](?=\s|$)|[,;:()\n]|\s[-–—]\s")

Spoken = Literal["stopped", "workaround", "clock"]
Source = Literal["text", "area", "equipment", "process_order", "batch", "stopped", "workaround", "clock"]
Counted = Literal["people_affected"]
Group = Annotated[tuple[str, ...], Field(min_length=1)]
FIELDS: tuple[Source, ...] = ("area", "equipment", "process_order", "batch", "stopped", "workaround", "clock")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class When(_Part):
    """What must be so at once.

    `source` says where the terms of `all` and `none` are looked for: title and body, or one intake field. Those of `all` meet in one
    sentence, or `within` a few neighbouring ones; a sentence with a term of `none` is left out, and a field with one does not count.
    `told` names fields that say something, `blank` those that say nothing or no, `undenied` those that do not say no; `at_least` counts.
    """

    source: Source = "text"
    all: tuple[Group, ...] = ()
    none: tuple[str, ...] = ()
    within: Annotated[int, Field(ge=1, le=5)] = 1
    told: tuple[Source, ...] = ()
    blank: tuple[Source, ...] = ()
    undenied: tuple[Source, ...] = ()
    at_least: Mapping[Counted, Annotated[int, Field(ge=1)]] = {}

    @model_validator(mode="after")
    def _asks_for_something(self) -> Self:
        if not (self.all or self.told or self.at_least):
            raise ValueError("a clause without all, told or at_least would always hold")
        return self


class Rule(_Part):
    """`examples` and `counterexamples` are texts that the rule must and must not hold for; a file that fails them is refused.

    A text stands for a title, or for the field that the rule reads first; a table names title, body and fields.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    severity: Severity | None = None
    gxp: bool
    reason: str
    when: Annotated[tuple[When, ...], Field(min_length=1)]
    examples: Annotated[tuple[str | TicketText, ...], Field(min_length=1)]
    counterexamples: Annotated[tuple[str | TicketText, ...], Field(min_length=1)]

    def ticket(self, example: str | TicketText) -> TicketText:
        if isinstance(example, TicketText):
            return example
        source = self.when[0].source
        return TicketText(title=example) if source == "text" else TicketText(title="-", **{source: example})


class Unsaid(_Part):
    """Words that take back what they stand beside.

    A sentence of the text with a term of `text` is passed over. A field is read in parts, up to a comma or a full stop: a part that is
    one of `empty` says nothing, one that is one of `no`, or holds a term listed for its field, says no. A field that begins with a part
    that is one of `no` says no altogether, as "nothing, line 4 runs" does.
    """

    text: tuple[str, ...] = ()
    empty: tuple[str, ...] = ()
    no: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    workaround: tuple[str, ...] = ()
    clock: tuple[str, ...] = ()


class _Book(_Part):
    unsaid: Unsaid = Unsaid()
    terms: Mapping[str, Group] = {}
    floor: tuple[Rule, ...]

    def spelled(self, terms: Iterable[str]) -> Iterator[str]:
        """`@name` stands for the terms of that name."""
        for term in terms:
            if not term.startswith("@"):
                yield term
            elif term[1:] in self.terms:
                yield from self.terms[term[1:]]
            else:
                raise RulesInvalid(f"{term!r} names no terms; add {term[1:]} under [terms]")


@dataclass(frozen=True, slots=True)
class _Said:
    """What one source says, as bits: sentence by sentence, and all together."""

    sentences: tuple[int, ...] = ()
    denied: bool = False
    whole: int = 0

    @classmethod
    def of(cls, sentences: Iterable[int], denied: bool = False) -> Self:
        kept = tuple(sentences)
        return cls(kept, denied and not kept, _together(kept))


def _together(sentences: Iterable[int]) -> int:
    found = 0
    for sentence in sentences:
        found |= sentence
    return found


_NOTHING = _Said()


class _Fields:
    """Reads intake fields. What a field says no with is not part of what it says."""

    def __init__(self, unsaid: Unsaid, terms: Terms) -> None:
        self._terms = terms
        self._empty = {" ".join(words(one)) for one in unsaid.empty}
        self._no = {" ".join(words(one)) for one in unsaid.no}
        self._denials = {name: terms.bit(getattr(unsaid, name)) for name in ("stopped", "workaround", "clock")}

    def read(self, name: str, value: str) -> _Said:
        parts = list(filter(None, map(words, _PART_END.split(visible(value)))))
        if parts and self._plain_no(parts[0]):
            return _Said.of((), denied=True)
        told = [(part, self._terms.found(part)) for part in parts]
        kept = [(part, found) for part, found in told if not (self._plain_no(part) or found & self._denials.get(name, 0))]
        return _Said.of((found for part, found in kept if " ".join(part) not in self._empty), denied=len(kept) < len(told))

    def _plain_no(self, part: Sequence[str]) -> bool:
        return " ".join(part) in self._no


class _Clause:
    def __init__(self, when: When, book: _Book, terms: Terms) -> None:
        self._when = when
        self._need = 0
        for group in when.all:
            self._need |= terms.bit(book.spelled(group))
        self._none = terms.bit(book.spelled(when.none))
        self._fields = bool(when.told or when.blank or when.undenied or when.at_least)

    def holds(self, said: Mapping[str, _Said], text: TicketText) -> bool:
        return self._spoken(said.get(self._when.source, _NOTHING)) and (not self._fields or self._fielded(said, text))

    def _spoken(self, said: _Said) -> bool:
        need, size = self._need, self._when.within
        if not need or said.whole & need != need:
            return not need
        if self._when.source != "text":
            return not said.whole & self._none
        left = [sentence for sentence in said.sentences if not sentence & self._none]
        return any(_together(left[first : first + size]) & need == need for first in range(len(left)))

    def _fielded(self, said: Mapping[str, _Said], text: TicketText) -> bool:
        when = self._when
        return (
            all(said.get(name, _NOTHING).sentences for name in when.told)
            and not any(said.get(name, _NOTHING).sentences for name in when.blank)
            and not any(said.get(name, _NOTHING).denied for name in when.undenied)
            and all((getattr(text, name) or 0) >= count for name, count in when.at_least.items())
        )


def _sentences(text: TicketText) -> Iterator[list[str]]:
    """Of title and body, and the title read on into the body: some reporters begin their sentence in the title."""
    title = visible(text.title[:LONGEST_READ])
    body = [words(part) for part in _SENTENCE_END.split(visible(text.body[:LONGEST_READ]))]
    yield from filter(None, map(words, _SENTENCE_END.split(title)))
    yield from filter(None, body)
    if body and body[0]:
        yield words(title) + body[0]


class Floors:
    """All rules of a file. `digest` is the file's SHA-256: it names the rules that a decision was made by."""

    def __init__(self, book: _Book, digest: str) -> None:
        self.rules = book.floor
        self.digest = digest
        self._terms = Terms()
        self._passed_over = self._terms.bit(book.unsaid.text)
        self._fields = _Fields(book.unsaid, self._terms)
        self._clauses = [[_Clause(when, book, self._terms) for when in rule.when] for rule in self.rules]
        self._terms.sealed()

    def hits(self, text: TicketText) -> tuple[Floor, ...]:
        """The rules that hold, in the order of the file."""
        said = self._said(text)
        return tuple(
            Floor(rule=rule.id, severity=rule.severity, gxp=rule.gxp, reason=rule.reason)
            for rule, clauses in zip(self.rules, self._clauses, strict=True)
            if any(clause.holds(said, text) for clause in clauses)
        )

    def _said(self, text: TicketText) -> dict[str, _Said]:
        found = (self._terms.found(sentence) for sentence in _sentences(text))
        said = {"text": _Said.of(one for one in found if one and not one & self._passed_over)}
        for name in FIELDS:
            if value := getattr(text, name):
                said[name] = self._fields.read(name, value)
        return said


def _prove(floors: Floors) -> None:
    for rule in floors.rules:
        for example, expected in [*((w, True) for w in rule.examples), *((w, False) for w in rule.counterexamples)]:
            holds = any(hit.rule == rule.id for hit in floors.hits(rule.ticket(example)))
            if holds is not expected:
                raise RulesInvalid(
                    f"floor {rule.id} {'does not hold' if expected else 'holds'} for its own example {example!r}; mend the rule"
                )


def _unique(rules: Sequence[Rule]) -> None:
    ids = [rule.id for rule in rules]
    twice = sorted({one for one in ids if ids.count(one) > 1})
    if twice:
        raise RulesInvalid(f"floor {twice[0]} is there twice; give each rule its own id")


def load_floors(path: Path | None = None) -> Floors:
    """The rules of `path`, or those that come with the product. Raises RulesInvalid with the place and the cure."""
    where = path or FLOORS
    try:
        raw = where.read_bytes()
        book = _Book.model_validate(tomllib.loads(raw.decode("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        raise RulesInvalid(f"{where} cannot be used as floors: {error}") from error
    _unique(book.floor)
    floors = Floors(book, hashlib.sha256(raw).hexdigest())
    _prove(floors)
    return floors
