"""Literal terms found in words, all of a book at once, in one pass over a text.

A term is words with single spaces; `*` at the end of a word stands for any ending. There is no other repetition and nothing is tried
twice: the time is that of the words times the few terms whose longest word begins like one of them, so no text can make it backtrack.
"""

import html
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

from models.errors import RulesInvalid
from models.features import fold

_TERM = re.compile(r"[^\W_]+\*?(?:[ '][^\W_]+\*?)*")
_WORD = re.compile(r"[^\W_]+")
_KEY = 3
_BREAK = re.compile(r"</?(?:br|p|div|li|tr|td|th|h[1-6])(?![a-z])[^<>]*>", re.IGNORECASE)
_TAG = re.compile(r"<[/!a-zA-Z][^<>]*>")
_INVISIBLE = re.compile("[\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]+")

_Word = tuple[str, bool]


def visible(text: str) -> str:
    """What a reader sees: no tags, no invisible characters, and entities as the characters they name."""
    if not text.isascii():
        text = _INVISIBLE.sub("", text)
    if "<" in text:
        text = _TAG.sub("", _BREAK.sub("\n\n", text))
    return _INVISIBLE.sub("", html.unescape(text)) if "&" in text else text


def words(text: str) -> list[str]:
    """Folded: neither case nor accents tell words apart."""
    return _WORD.findall(fold(text))


def _pieces(term: str) -> tuple[_Word, ...]:
    """The words of a term, each with whether it may go on."""
    pieces: list[_Word] = []
    for written in term.replace("'", " ").split():
        folded = fold(written.rstrip("*"))
        pieces.append((folded, written.endswith("*")))
    return tuple(pieces)


def _checked(term: str) -> tuple[_Word, ...]:
    if not _TERM.fullmatch(term):
        raise RulesInvalid(f"{term!r} is not a term: use words with single spaces, and * only at the end of a word")
    pieces = _pieces(term)
    if any(stem and len(word) < _KEY for word, stem in pieces):
        raise RulesInvalid(f"{term!r} is not a term: before a * there are at least {_KEY} letters")
    return pieces


def _anchor(pieces: Sequence[_Word]) -> int:
    """The place of the longest word: the one least often met by chance."""
    return max(range(len(pieces)), key=lambda place: len(pieces[place][0]))


def _fits(found: Sequence[str], at: int, pieces: Sequence[_Word]) -> bool:
    if at < 0 or at + len(pieces) > len(found):
        return False
    for piece, stem in pieces:
        if found[at] != piece and not (stem and found[at].startswith(piece)):
            return False
        at += 1
    return True


class Terms:
    """Sets of terms, each known by one bit. `found` gives the bits of those sets that have a term in the words."""

    def __init__(self) -> None:
        self._bits: dict[tuple[str, ...], int] = {}
        self._masks: dict[tuple[_Word, ...], int] = defaultdict(int)
        self._whole: dict[str, list[tuple[int, tuple[_Word, ...], int]]] = {}
        self._stems: dict[str, list[tuple[str, int, tuple[_Word, ...], int]]] = {}

    def bit(self, terms: Iterable[str]) -> int:
        """Zero for no terms at all."""
        key = tuple(sorted(set(terms)))
        if key and key not in self._bits:
            bit = self._bits[key] = 1 << len(self._bits)
            for term in key:
                self._masks[_checked(term)] |= bit
        return self._bits.get(key, 0)

    def sealed(self) -> "Terms":
        """Ready to find: to be called when all sets are known."""
        whole: dict[str, list[tuple[int, tuple[_Word, ...], int]]] = defaultdict(list)
        stems: dict[str, list[tuple[str, int, tuple[_Word, ...], int]]] = defaultdict(list)
        for pieces, mask in self._masks.items():
            place = _anchor(pieces)
            word, stem = pieces[place]
            if stem:
                stems[word[:_KEY]].append((word, place, pieces, mask))
            else:
                whole[word].append((place, pieces, mask))
        self._whole, self._stems = dict(whole), dict(stems)
        return self

    def found(self, said: Sequence[str]) -> int:
        mask = 0
        for at, word in enumerate(said):
            for place, pieces, bits in self._whole.get(word, ()):
                if mask | bits != mask and (len(pieces) == 1 or _fits(said, at - place, pieces)):
                    mask |= bits
            for stem, place, pieces, bits in self._stems.get(word[:_KEY], ()):
                if word.startswith(stem) and mask | bits != mask and (len(pieces) == 1 or _fits(said, at - place, pieces)):
                    mask |= bits
        return mask
