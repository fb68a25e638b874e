"""The same problem told again, as people do it: mistyped, with some of its words, and others around. For measuring `models.similar`."""

import random
from collections.abc import Sequence

from schemas.predictions import TicketText

LETTERS = "abcdefghijklmnopqrstuvwxyz"
_AROUND = (
    "again the same as this morning",
    "please look at this",
    "nochmal gemeldet von der Nachtschicht",
    "as told on the phone",
    "still not solved",
)


def _typed(text: str, chance: random.Random, share: float) -> str:
    """Letters left out, doubled, or hit beside."""
    return "".join(_mistyped(letter, chance) if letter.isalpha() and chance.random() < share else letter for letter in text)


def _mistyped(letter: str, chance: random.Random) -> str:
    return chance.choice(("", letter * 2, chance.choice(LETTERS)))


def told_again(text: TicketText, chance: random.Random, typing: float = 0.05, kept: float = 0.7) -> TicketText:
    """`typing` is the share of mistyped letters, `kept` the share of words that are said again; a sentence of somebody else is added."""
    words = f"{text.title} {text.body}".split()
    said = [word for word in words if chance.random() < kept] or words
    return TicketText(title=chance.choice(_AROUND), body=_typed(" ".join(said), chance, typing), reporter_role=text.reporter_role)


def all_told_again(texts: Sequence[TicketText], seed: int = 7) -> list[TicketText]:
    chance = random.Random(seed)
    return [told_again(text, chance) for text in texts]
