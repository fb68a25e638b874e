"""What the doctor finds, in the words of the person who has to mend it."""

from collections.abc import Callable, Iterator
from typing import Literal, NamedTuple

from services.settings import Settings

State = Literal["good", "warning", "error"]


class Finding(NamedTuple):
    """`told` says what is so, `mend` what to do about it: empty where all is good."""

    check: str
    state: State
    told: str
    mend: str = ""


Check = Callable[[Settings], Iterator[Finding]]


def good(check: str, told: str) -> Finding:
    return Finding(check, "good", told)


def warning(check: str, told: str, mend: str) -> Finding:
    return Finding(check, "warning", told, mend)


def wrong(check: str, told: str, mend: str) -> Finding:
    return Finding(check, "error", told, mend)
