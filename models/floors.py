"""Rules that hold whatever a model says: a least severity, a GxP flag, and the reason in words.

A rule is data (`floors.toml`). It holds when one of its `when` clauses does; a clause holds when each of its `all` groups has a term in
one sentence and no term of `none` stands there. Terms are literal words; `*` at the end of a word stands for any ending. Matching folds
case and accents, keeps to whole words, and takes time proportional to the text: no term can make it backtrack.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import RulesInvalid
from models.features import LONGEST_TEXT, fold
from schemas.predictions import Floor, TicketText
from schemas.words import Severity

FLOORS = Path(__file__).parent / "floors.toml"

_NOT_WORD = re.compile(r"[^\w*]+")
_SENTENCE_END = re.compile(r"[.!?;:](?=\s|$)|\n|\s[-–—]\s")
_KEY = 4
_TERM = re.compile(r"[\w']+\*?(?: [\w']+\*?)*")

Source = Literal["text", "area", "equipment", "process_order", "batch", "stopped", "workaround"]
Terms = Annotated[tuple[str, ...], Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class When(_Part):
    """`source` says what is read: title and body, or one intake field. `blank` names intake fields that must be empty."""

    source: Source = "text"
    all: Annotated[tuple[Terms, ...], Field(min_length=1)]
    none: tuple[str, ...] = ()
    blank: tuple[Literal["workaround"], ...] = ()


class Rule(_Part):
    """`examples` and `counterexamples` are texts that the rule must and must not hold for; a file that fails them is refused."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]+$")]
    severity: Severity | None = None
    gxp: bool
    reason: str
    when: Annotated[tuple[When, ...], Field(min_length=1)]
    examples: Annotated[tuple[str, ...], Field(min_length=1)]
    counterexamples: Annotated[tuple[str, ...], Field(min_length=1)]


class _Book(_Part):
    floor: tuple[Rule, ...]


def _words(text: str) -> str:
    return _NOT_WORD.sub(" ", fold(text)).strip()


def _ending(word: str) -> str:
    return re.escape(word[:-1]) + r"\w*" if word.endswith("*") else re.escape(word)


def _pattern(terms: Sequence[str]) -> re.Pattern[str]:
    """Alternatives of literal words; the only repetition is of word characters and ends where the word does."""
    for term in terms:
        if not _TERM.fullmatch(term):
            raise RulesInvalid(f"{term!r} is not a term: use words with single spaces, and * only at the end of a word")
    alternatives = sorted({" ".join(map(_ending, _words(term).split())) for term in terms}, key=lambda one: (-len(one), one))
    return re.compile(rf"(?<!\w)(?:{'|'.join(alternatives)})(?!\w)")


def _key(term: str) -> str:
    """The first word of a term, or the first letters that any of its endings share: what a text must hold for the term to be in it."""
    first = _words(term).split()[0]
    return first[:-1][:_KEY] if first.endswith("*") else first


def _keys(sentences: Iterable[str]) -> frozenset[str]:
    words = {word for sentence in sentences for word in sentence.split()}
    return frozenset(words | {word[:size] for word in words for size in range(1, _KEY + 1)})


class _Clause:
    def __init__(self, when: When) -> None:
        self._when = when
        self._keys = [frozenset(map(_key, terms)) for terms in when.all]
        self._all = [_pattern(terms) for terms in when.all]
        self._none = _pattern(when.none) if when.none else None

    def holds(self, text: TicketText, sentences: Sequence[str], keys: frozenset[str]) -> bool:
        if any(getattr(text, name) for name in self._when.blank):
            return False
        if self._when.source != "text":
            return self._in(_words(getattr(text, self._when.source) or ""))
        return not any(map(keys.isdisjoint, self._keys)) and any(map(self._in, sentences))

    def _in(self, sentence: str) -> bool:
        return all(group.search(sentence) for group in self._all) and not (self._none and self._none.search(sentence))


def _sentences(text: TicketText) -> Iterator[str]:
    """Of title and body, and the title read on into the body: some reporters begin their sentence in the title."""
    title = _words(text.title[:LONGEST_TEXT])
    body = [_words(part) for part in _SENTENCE_END.split(text.body[:LONGEST_TEXT])]
    yield from filter(None, map(_words, _SENTENCE_END.split(text.title[:LONGEST_TEXT])))
    yield from filter(None, body)
    if body and body[0]:
        yield f"{title} {body[0]}"


class Floors:
    """All rules of a file. `digest` is the file's SHA-256: it names the rules that a decision was made by."""

    def __init__(self, rules: Sequence[Rule], digest: str) -> None:
        self.rules = tuple(rules)
        self.digest = digest
        self._clauses = [[_Clause(when) for when in rule.when] for rule in self.rules]

    def hits(self, text: TicketText) -> tuple[Floor, ...]:
        """The rules that hold, in the order of the file."""
        sentences = list(_sentences(text))
        keys = _keys(sentences)
        return tuple(
            Floor(rule=rule.id, severity=rule.severity, gxp=rule.gxp, reason=rule.reason)
            for rule, clauses in zip(self.rules, self._clauses, strict=True)
            if any(clause.holds(text, sentences, keys) for clause in clauses)
        )


def _example(rule: Rule, words: str) -> TicketText:
    """A rule that reads one intake field is tried with its examples in that field."""
    source = rule.when[0].source
    return TicketText(title=words) if source == "text" else TicketText(title="-", **{source: words})


def _prove(floors: Floors) -> None:
    for rule in floors.rules:
        for words, expected in [*((w, True) for w in rule.examples), *((w, False) for w in rule.counterexamples)]:
            holds = any(hit.rule == rule.id for hit in floors.hits(_example(rule, words)))
            if holds is not expected:
                raise RulesInvalid(
                    f"floor {rule.id} {'does not hold' if expected else 'holds'} for its own example {words!r}; mend the rule"
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
    floors = Floors(book.floor, hashlib.sha256(raw).hexdigest())
    _prove(floors)
    return floors
