"""Stretches of time in which one person is on call, in order and without overlap, and how one list of them covers another."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple


class Span(NamedTuple):
    """`layer` says what put the person there: a layer's name, `calendar`, or `override` with its id."""

    begin: datetime
    end: datetime
    person: str
    layer: str


def covered(lower: Sequence[Span], upper: Sequence[Span]) -> list[Span]:
    """`upper`, and of `lower` what it leaves open."""
    rest = [piece for span in lower for piece in _left_open(span, upper)] if upper else lower
    return sorted([*rest, *upper])


def _left_open(span: Span, upper: Sequence[Span]) -> Iterator[Span]:
    begin = span.begin
    for other in upper:
        if other.end <= begin:
            continue
        if other.begin >= span.end:
            break
        if other.begin > begin:
            yield span._replace(begin=begin, end=other.begin)
        begin = other.end
    if begin < span.end:
        yield span._replace(begin=begin)


def within(spans: Iterable[Span], begin: datetime, end: datetime) -> list[Span]:
    cut = (span._replace(begin=max(span.begin, begin), end=min(span.end, end)) for span in spans)
    return [span for span in cut if span.begin < span.end]


def joined(spans: Iterable[Span]) -> list[Span]:
    """What follows at once with the same person by the same layer is one stretch."""
    found: list[Span] = []
    for span in spans:
        if found and (found[-1].end, *found[-1][2:]) == (span.begin, *span[2:]):
            found[-1] = found[-1]._replace(end=span.end)
        else:
            found.append(span)
    return found


def gaps(spans: Iterable[Span], begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """When between two instants nobody is on call."""
    found, reached = [], begin
    for span in within(spans, begin, end):
        if span.begin > reached:
            found.append((reached, span.begin))
        reached = span.end
    return [*found, (reached, end)] if reached < end else found
