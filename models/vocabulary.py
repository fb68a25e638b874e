"""Which words an explanation may show: words that many use and that tell something, no names of people or places, no numbers.

The rule looks at use, so it needs no list of names. At least three writers must use a word, but not in every fifth ticket ("the").
It is name-like when most of its uses inside a sentence are capitalised, or nearly all of its uses anywhere ("Regards, ..."); German
capitalises every noun, so there only a word behind a form of address counts.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.examples import Example
from models.features import Hashes, fold, word_hashes

_LEAST_WRITERS = 3
_NAME_LIKE = 0.4
_ALWAYS_TITLED = 0.9
_TELLS_NOTHING = 0.2
_WORD = re.compile(r"[^\W\d_]{2,}")
_ADDRESSED = re.compile(r"\b(?:herr|herrn|hr|frau|fr|dr|mr|mrs|ms)\.? $", re.IGNORECASE)
_INSIDE = re.compile(r"[\w,)\"'] $")


@dataclass(slots=True)
class _Use:
    writers: set[str] = field(default_factory=set)
    times: int = 0
    titled: int = 0
    name_like: int = 0

    def is_name_like(self) -> bool:
        return self.name_like >= _NAME_LIKE * self.times or self.titled >= _ALWAYS_TITLED * self.times

    def is_common(self, most: float) -> bool:
        return len(self.writers) >= _LEAST_WRITERS and self.times < most and not self.is_name_like()


def _titled(word: str, before: str, language: str) -> tuple[bool, bool]:
    """Is the word written like a name here, and is that so inside a sentence, where other words are not?"""
    if language == "de":
        addressed = bool(_ADDRESSED.search(before))
        return addressed, addressed
    return word.istitle(), word.istitle() and bool(_INSIDE.search(before))


def _uses(example: Example) -> Iterator[tuple[str, bool, bool]]:
    text = f"{example.title}. {example.body}"
    for found in _WORD.finditer(text):
        before = text[max(0, found.start() - 6) : found.start()]
        yield fold(found[0]), *_titled(found[0], before, example.language)


def common_words(examples: Sequence[Example]) -> list[str]:
    """Folded words in alphabetical order."""
    use: defaultdict[str, _Use] = defaultdict(_Use)
    for example in examples:
        for word, titled, inside in _uses(example):
            seen = use[word]
            seen.writers.add(example.writer)
            seen.times += 1
            seen.titled += titled
            seen.name_like += inside
    places = {fold(word) for example in examples for word in _WORD.findall(example.site)}
    most = _TELLS_NOTHING * len(examples)
    return sorted(word for word, seen in use.items() if seen.is_common(most) and word not in places)


def vocabulary(examples: Sequence[Example]) -> Hashes:
    """Sorted hashes of the words that may be shown."""
    return np.unique(word_hashes(common_words(examples)))
