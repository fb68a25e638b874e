"""JSON with one meaning only: UTF-8, no key twice, finite numbers that fit 64 bits, whole characters, little depth."""

import json
import re
from collections.abc import Sequence
from math import isfinite
from typing import Any, NoReturn

from services.errors import Invalid

DEEPEST = 8
LARGEST_INTEGER = 2**63 - 1
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def parse(body: bytes) -> Any:
    """The value, or `Invalid` with what to mend."""
    try:
        text = body.decode("utf-8-sig")
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_constant, parse_float=_number, parse_int=_integer)
    except UnicodeDecodeError:
        raise Invalid("The body is not UTF-8; send it again in that encoding") from None
    except json.JSONDecodeError as error:
        raise Invalid(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _too_deep() from None
    _check_depth(value)
    if _SURROGATE.search(text):
        _check_characters(value)
    return value


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Invalid("An object of the body holds a key twice; keep the one that you mean")
    return value


def _constant(_name: str) -> NoReturn:
    raise Invalid("The body holds NaN or Infinity, which are not JSON; leave the field out where there is no number")


def _number(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise Invalid("The body holds a number that is too large")
    return number


def _integer(text: str) -> int:
    """The length is looked at first: Python refuses, and slowly, what has thousands of digits."""
    if len(text) > 20 or abs(number := int(text)) > LARGEST_INTEGER:
        raise Invalid("The body holds an integer that does not fit 64 bits")
    return number


def _check_depth(value: Any) -> None:
    level = [value]
    for _ in range(DEEPEST + 1):
        level = [child for parent in level if isinstance(parent, dict | list) for child in _children(parent)]
        if not level:
            return
    raise _too_deep()


def _children(parent: Any) -> Any:
    return parent.values() if isinstance(parent, dict) else parent


def _too_deep() -> Invalid:
    return Invalid(f"The body is nested more than {DEEPEST} levels deep")


def _check_characters(value: Any) -> None:
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise Invalid("The body holds half of a surrogate pair; send the whole character or leave it out") from None
