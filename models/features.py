"""Text to hashed counts, for a whole batch at once, in numpy alone.

All texts of a batch are joined into one byte array and every gram is found by arithmetic on the whole array: words by differences of a
prefix polynomial hash (Karp and Rabin 1987), four-byte grams by packing bytes into integers. A gram may begin or end at a space, never
span one. The constants are fixed, so a text gives the same slots in every process and on every machine.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from schemas.predictions import TicketText

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]

FEATURES = "words12-grams4-digits0-concepts-v2"
BITS = 16
SLOTS = 1 << BITS
LONGEST_TEXT = 8_000
_BATCH_BYTES = 1 << 16
_END, _FIELD, _SPACE = 1, 2, 32
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_SCATTER = np.uint64(0xD6E8FEB86659FD93)
_PAIR = np.uint64(0xA0761D6478BD642F)
_GRAM = np.uint64(0xE7037ED1A0B428DB)


def _folded_byte(byte: int) -> int:
    """Digits become one digit: an order number is like any other order number."""
    if byte >= 128:
        return byte
    if chr(byte).isdigit():
        return ord("0")
    return ord(chr(byte).lower()) if chr(byte).isalpha() else _SPACE


_FOLDED = bytes(_folded_byte(byte) for byte in range(256))


def fold(text: str) -> str:
    """Lower case without accents, as words are compared: `Prüfung` is `prufung`, `Maß` is `mass`."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(part for part in parts if not unicodedata.combining(part))


def plain(text: str) -> bytes:
    """Folded bytes: anything but letters and digits is a space, any digit is a zero."""
    return fold(text).encode("utf-8", "replace").translate(_FOLDED)


def _line(text: TicketText) -> bytes:
    """A text as padded words, then its fields as words that no reporter can type, then the end mark."""
    words = plain(f"{text.title[:LONGEST_TEXT]} . {text.body}"[:LONGEST_TEXT])
    role = plain(text.reporter_role[:64]).strip().replace(b" ", b"_")
    return b" %b \x02role:%b \x01" % (words, role)


def batches(texts: Iterable[TicketText]) -> Iterator[bytes]:
    """Joined lines of about 64 kB: enough to spread numpy's cost per call, little enough to keep its work arrays small."""
    held: list[bytes] = []
    size = 0
    for text in texts:
        held.append(_line(text))
        size += len(held[-1])
        if size >= _BATCH_BYTES:
            yield b"".join(held)
            held, size = [], 0
    if held:
        yield b"".join(held)


@lru_cache(maxsize=8)
def _powers(base: int, count: int) -> Hashes:
    steps = np.full(count, base, np.uint64)
    steps[0] = 1
    return np.cumprod(steps, dtype=np.uint64)


def _rounded_up(count: int) -> int:
    return 1 << max(12, count.bit_length())


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a batch in reading order; `hash` is 64 bits wide, `field` marks the words that are fields."""

    buffer: bytes
    start: Ints
    stop: Ints
    text: Ints
    hash: Hashes
    field: Flags

    def term(self, index: int) -> str:
        return self.buffer[self.start[index] : self.stop[index]].decode("utf-8", "replace").lstrip("\x02")


@dataclass(frozen=True, slots=True)
class Grams:
    """Every gram of a batch, one item an occurrence: its text, its slot, and the word it lies in; a pair lies in the next word as well."""

    texts: int
    words: Words
    text: Ints
    slot: Ints
    word: Ints
    pair: Flags

    @property
    def length(self) -> Ints:
        """(texts,) how many words each text has; fields are none."""
        return np.bincount(self.words.text[~self.words.field], minlength=self.texts)


def _slots(hashes: Hashes) -> Ints:
    mixed = (hashes ^ (hashes >> np.uint64(32))) * _SCATTER
    return (mixed >> np.uint64(64 - BITS)).astype(np.int64)


def _squeezed(batch: bytes) -> Bytes:
    raw = np.frombuffer(batch, np.uint8)
    space = raw == _SPACE
    kept = np.ones(len(raw), np.bool_)
    kept[1:] = ~(space[1:] & space[:-1])
    return raw[kept]


def _words(line: Bytes, blank: Flags) -> Words:
    edge = np.diff(blank.astype(np.int8))
    start, stop = np.flatnonzero(edge == -1) + 1, np.flatnonzero(edge == 1) + 1
    size = _rounded_up(len(line))
    prefix = np.zeros(len(line) + 1, np.uint64)
    np.cumsum(line * _powers(_BASE, size)[: len(line)], dtype=np.uint64, out=prefix[1:])
    hashes = (prefix[stop] - prefix[start]) * _powers(_INVERSE, size)[start]
    text = np.cumsum(line == _END)[start]
    return Words(line.tobytes(), start, stop, text, hashes, line[start] == _FIELD)


def _fours(line: Bytes, blank: Flags, words: Words) -> tuple[Hashes, Ints]:
    """Packed bytes of every in-word gram, and the word each lies in. The bytes between first and last are never blank."""
    inside = np.flatnonzero(~(blank[1:-2] | blank[2:-1]))
    word = np.searchsorted(words.start, inside + 1, side="right") - 1
    inside, word = inside[~words.field[word]], word[~words.field[word]]
    wide = line.astype(np.uint64)
    packed = wide[inside]
    for step in range(1, 4):
        packed = (packed << np.uint64(8)) | wide[inside + step]
    return packed * _GRAM, word


def grams(batch: bytes) -> Grams:
    """Words, pairs of neighbouring words of one text, and in-word four-byte grams of joined lines."""
    line = _squeezed(batch)
    blank = (line == _SPACE) | (line == _END)
    words = _words(line, blank)
    first = np.flatnonzero((words.text[1:] == words.text[:-1]) & ~words.field[1:])
    fours, home = _fours(line, blank, words)
    hashes = np.concatenate([words.hash, words.hash[first] * _PAIR + words.hash[first + 1], fours])
    word = np.concatenate([np.arange(len(words.start)), first, home])
    pair = np.zeros(len(word), np.bool_)
    pair[len(words.start) : len(words.start) + len(first)] = True
    return Grams(int(np.count_nonzero(line == _END)), words, words.text[word], _slots(hashes), word, pair)


def word_hashes(terms: Sequence[str]) -> Hashes:
    """The hash that each one-word term has wherever it stands in a text; terms are folded first."""
    joined = b"".join(b" %b \x01" % plain(term) for term in terms)
    line = _squeezed(joined)
    return _words(line, (line == _SPACE) | (line == _END)).hash
