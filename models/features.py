"""Text to hashed counts, for a whole batch at once, in numpy alone.

A batch is a list of lines; what its words are and what is known of each of them is found by `models.reading`. A word has a hash and
letters: its own slot and those of its four-byte grams. New words are joined into one byte array and every gram is found by arithmetic on
the whole array: words by differences of a prefix polynomial hash (Karp and Rabin 1987), four-byte grams as big-endian integers. A gram
may begin or end at a space, never span one. The constants are fixed, so a text gives the same slots in every process and on every machine.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from schemas.predictions import TicketText

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
Slots = npt.NDArray[np.uint16]
Batch = Sequence[bytes]

FEATURES = "words12-grams4-digits0-concepts-placed-titles-v3"
BITS = 16
SLOTS = 1 << BITS
LONGEST_TEXT = 8_000
_BATCH_BYTES = 1 << 17
_FIELD, _SPACE = 2, 32
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 1 << 64)
_SCATTER = np.uint64(0xD6E8FEB86659FD93)
_PAIR = np.uint64(0xA0761D6478BD642F)
_GRAM = np.uint64(0xE7037ED1A0B428DB)
_TITLES = np.uint64(0x1D8E4E27C47D124F)


def _folded_byte(byte: int) -> int:
    """Digits become one digit: an order number is like any other order number."""
    if byte >= 128:
        return byte
    if chr(byte).isdigit():
        return ord("0")
    return ord(chr(byte).lower()) if chr(byte).isalpha() else _SPACE


_ASCII = bytes(range(128))
_FOLDED = bytes(_folded_byte(byte) for byte in range(256))


def fold(text: str) -> str:
    """Lower case without accents, as words are compared: `Prüfung` is `prufung`, `Maß` is `mass`."""
    if text.isascii():
        return text.lower()
    parts = unicodedata.normalize("NFKD", text.casefold())
    other = parts.encode("utf-8", "surrogatepass").translate(None, _ASCII).decode("utf-8", "surrogatepass")
    for mark in filter(unicodedata.combining, set(other)):
        parts = parts.replace(mark, "")
    return parts


def plain(text: str) -> bytes:
    """Folded bytes: anything but letters and digits is a space, any digit is a zero."""
    return fold(text).encode("utf-8", "replace").translate(_FOLDED)


def _line(text: TicketText) -> bytes:
    """A text as words, its title apart by the first line feed, then its role as one more word that no reporter can type."""
    title = text.title[:LONGEST_TEXT]
    return plain(title) + b" \n " + plain(text.body[: LONGEST_TEXT - len(title)]) + _role(text.reporter_role[:64])


@lru_cache(maxsize=256)
def _role(role: str) -> bytes:
    return b" \x02role:%b" % plain(role).strip().replace(b" ", b"_")


def batches(texts: Iterable[TicketText]) -> Iterator[Batch]:
    """Lines of about 128 kB together: enough to spread numpy's cost per call, little enough to keep its work arrays small."""
    held: list[bytes] = []
    size = 0
    for text in texts:
        held.append(_line(text))
        size += len(held[-1])
        if size >= _BATCH_BYTES:
            yield held
            held, size = [], 0
    if held:
        yield held


@lru_cache(maxsize=8)
def _powers(base: int, count: int) -> Hashes:
    steps = np.full(count, base, np.uint64)
    steps[0] = 1
    return np.cumprod(steps, dtype=np.uint64)


def _rounded_up(count: int) -> int:
    return 1 << max(12, count.bit_length())


def slots(hashes: Hashes) -> Slots:
    mixed = (hashes ^ (hashes >> np.uint64(32))) * _SCATTER
    return (mixed >> np.uint64(64 - BITS)).astype(np.uint16)


def title_slots(hashes: Hashes) -> Slots:
    """The slot of each word where it stands in a title."""
    return slots(hashes * _TITLES)


def pairs(hashes: Hashes) -> Slots:
    """The slot of each word with the word behind it."""
    return slots(hashes[:-1] * _PAIR + hashes[1:])


class Letters(NamedTuple):
    """Of some words: the hash of each, whether it is a field, how many slots it has by itself, and these slots, each word's own first."""

    hash: Hashes
    field: Flags
    size: Ints
    slot: Slots


def letters(words: Sequence[bytes]) -> Letters:
    """A word of n bytes has n slots: each byte but its first ends the inner part of a four-byte gram, the first stands for the word itself.
    A field has one.
    """
    line = np.frombuffer(b" %b " % b" ".join(words), np.uint8)
    length = np.fromiter(map(len, words), np.int64, len(words))
    stop = np.cumsum(length + 1)
    start = stop - length
    hashes = np.zeros(len(line), np.uint64)
    hashes[2:-1] = np.ndarray(max(0, len(line) - 3), ">u4", line.data, strides=(1,)) * _GRAM
    hashes[start] = own = _hashes(line, start, stop)
    field: Flags = line[start] == _FIELD
    kept = line != _SPACE
    kept[1:-1] &= ~field.repeat(length + 1)[:-1]
    kept[start] = True
    return Letters(own, field, np.where(field, 1, length), slots(hashes[kept]))


def _hashes(line: npt.NDArray[np.uint8], start: Ints, stop: Ints) -> Hashes:
    size = _rounded_up(len(line))
    prefix = np.zeros(len(line) + 1, np.uint64)
    np.cumsum(line * _powers(_BASE, size)[: len(line)], dtype=np.uint64, out=prefix[1:])
    return np.asarray((prefix[stop] - prefix[start]) * _powers(_INVERSE, size)[start])


def word_hashes(terms: Sequence[str]) -> Hashes:
    """The hash that each one-word term has wherever it stands in a text; terms are folded first."""
    return letters(b" ".join(map(plain, terms)).split()).hash
