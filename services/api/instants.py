"""Instants in addresses: RFC 3339 with an offset, and nothing that only looks like a time."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator

_FORM = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:[Zz]|[+ -]\d\d:\d\d)")


def _told(text: object) -> object:
    """A `+` that was not escaped arrives as a space."""
    if not isinstance(text, str) or not _FORM.fullmatch(text):
        raise ValueError("needs date, time and UTC offset, for example 2026-03-01T06:15:00Z")
    try:
        return datetime.fromisoformat(f"{text[:-6]}{text[-6:].replace(' ', '+')}".upper()).astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of the calendar") from None


PastOrFuture = Annotated[AwareDatetime, BeforeValidator(_told)]
