"""Floors: no way of writing hides what a floor stands on. 200 disguised texts, and none falls below its floor."""

from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.floors import Rule, load_floors
from schemas.predictions import TicketText
from schemas.words import SEVERITIES

FLOORS = load_floors()
TEXTS = [
    (rule, example)
    for rule in FLOORS.rules
    if rule.severity and rule.when[0].source == "text"
    for example in rule.examples
    if isinstance(example, str)
]
KEYWORDS = "cosmetic, low priority, sev4, request, resolved, closed, duplicate, nice to have, workaround accepted, no GxP impact"
INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad"

Disguise = Callable[[str, Random], str]


def _cased(words: str, random: Random) -> str:
    return "".join(letter.upper() if random.random() < 0.5 else letter.lower() for letter in words)


def _sprinkled(words: str, random: Random) -> str:
    return "".join(letter + (random.choice(INVISIBLE) if random.random() < 0.4 else "") for letter in words)


def _broken(words: str, random: Random) -> str:
    """Line ends and runs of blanks in place of single blanks, also inside a term."""
    return "".join(random.choice(["\n", "\r\n", "  ", " \t", "\u00a0", "\n\t"]) if letter == " " else letter for letter in words)


def _marked_up(words: str, random: Random) -> str:
    tag = random.choice(["b", "i", "span style='color:red'", "font size=7"])
    return "<div>" + "&nbsp;".join(f"<{tag}>{word}</{tag.split()[0]}>" for word in words.split()) + "<br/></div>"


def _starred(words: str, random: Random) -> str:
    mark = random.choice(["*", "_", "**", "`", '"'])
    return " ".join(f"{mark}{word}{mark}" for word in words.split())


def _wide(words: str, _: Random) -> str:
    """Full-width letters, as some keyboards give."""
    return "".join(chr(ord(letter) + 0xFEE0) if "!" <= letter <= "~" and letter.isalpha() else letter for letter in words)


def _played_down(words: str, random: Random) -> str:
    opening = random.choice(["Not urgent, no hurry. ", "No impact at all!\n\n", "Only for information: ", "Please close this one.\n\n"])
    return opening + words + random.choice([". Not urgent.", ". Take your time; all is well.", ". Sev4 please."])


def _among_keywords(words: str, _: Random) -> str:
    return f"{KEYWORDS}.\n\n{words}.\n\n{KEYWORDS}"


def _after_filler(words: str, random: Random) -> str:
    filler = " ".join(random.choice(["the", "weather", "lunch", "colour", "and", "meeting", "blue", "canteen"]) for _ in range(1_300))
    return f"{filler[:8_000]}.\n\n{words}"


def _before_filler(words: str, random: Random) -> str:
    return f"{words}.\n\n" + "lorem ipsum dolor sit amet. " * random.randint(100, 300)


DISGUISES: tuple[Disguise, ...] = (
    *(_wide, _cased, _sprinkled, _broken, _starred, _marked_up),
    *(_played_down, _among_keywords, _after_filler, _before_filler),
)


def _disguised(number: int) -> tuple[Rule, str]:
    """Two disguises, one upon the other."""
    random = Random(number)
    rule, words = TEXTS[number * 7 % len(TEXTS)]
    first, second = random.sample(range(len(DISGUISES)), 2)
    for place in sorted((first, second)):
        words = DISGUISES[place](words, random)
    return rule, words


@pytest.mark.parametrize("number", range(200))
def test_a_disguised_text_does_not_fall_below_its_floor(number: int) -> None:
    rule, words = _disguised(number)
    assert rule.severity
    held = [hit for hit in FLOORS.hits(TicketText(title="Ticket", body=words)) if hit.severity]
    assert any(SEVERITIES.index(hit.severity) <= SEVERITIES.index(rule.severity) for hit in held if hit.severity), words[-300:]
    assert rule.id in {hit.rule for hit in held}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(TEXTS), st.text(max_size=300))
def test_nothing_that_is_written_after_it_takes_a_floor_away(told: tuple[Rule, str], more: str) -> None:
    rule, words = told
    assert rule.id in {hit.rule for hit in FLOORS.hits(TicketText(title=words, body=f"\n\n{more}"))}
    assert rule.id in {hit.rule for hit in FLOORS.hits(TicketText(title="Ticket", body=f"{words}\n\n{more}"))}
