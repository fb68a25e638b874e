"""Who is on call: the layers of a rota over its calendar, and the overrides over all of them. Pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from schemas.oncall import Override, OverrideText, Rota
from services.oncall.recurrence import Appointment, appointed
from services.oncall.rotation import turns, zone_of
from services.oncall.spans import Span, covered, joined, within

LOOKS = tuple(timedelta(days=days) for days in (2, 16, 128))
"""How far ahead `on_call` looks for the end of a duty, in turn: most end soon."""


MOMENT = timedelta(seconds=1)


class Roster(NamedTuple):
    """A rota with what was read from its calendar, and the overrides that people made beside the file."""

    rota: Rota
    calendar: tuple[Appointment, ...] = ()
    overrides: tuple[Override, ...] = ()


class Duty(NamedTuple):
    """`until` is None where the duty ends later than 128 days from now."""

    person: str
    layer: str
    until: datetime | None


def on_call(roster: Roster, at: datetime) -> Duty | None:
    """None where nobody is on call at that instant."""
    duty = None
    for look in LOOKS:
        found = schedule(roster, at, at + look)
        if not found or found[0].begin > at.astimezone(UTC):
            return None
        duty = Duty(found[0].person, found[0].layer, found[0].end)
        if duty.until and duty.until < at + look:
            return duty
    return duty._replace(until=None) if duty else None


def next_duty(roster: Roster, duty: Duty) -> Duty | None:
    """Whose turn it is when this one ends."""
    return on_call(roster, duty.until) if duty.until else None


def present(roster: Roster, at: datetime) -> str | None:
    """Who is on call at that instant, without asking until when."""
    found = schedule(roster, at, at + MOMENT)
    return found[0].person if found and found[0].begin <= at else None


def on_layer(roster: Roster, layer: str, at: datetime) -> str | None:
    """Whom a layer alone puts there, whatever covers it; overrides of that person hold."""
    rota = roster.rota.model_copy(update={"layers": tuple(each for each in roster.rota.layers if each.name == layer)})
    replaced = rota.model_copy(update={"overrides": tuple(each for each in rota.overrides if each.instead_of)})
    overrides = tuple(each for each in roster.overrides if each.instead_of)
    return present(Roster(replaced, overrides=overrides), at)


def schedule(roster: Roster, begin: datetime, end: datetime) -> list[Span]:
    """Who is on call between two instants, in order; what is missing is a gap. In UTC."""
    since, until = begin.astimezone(UTC), end.astimezone(UTC)
    zone = zone_of(roster.rota.time_zone)
    spans = within(appointed(roster.calendar, zone, since, until), since, until)
    for layer in roster.rota.layers:
        spans = covered(spans, turns(layer, zone, since, until))
    for name, override in _named(roster):
        spans = _overridden(spans, name, override, (since, until))
    return joined(spans)


def _named(roster: Roster) -> Iterable[tuple[str, OverrideText]]:
    yield from (("override", override) for override in roster.rota.overrides)
    yield from ((f"override {override.id}", override) for override in roster.overrides)


def _overridden(spans: Sequence[Span], name: str, override: OverrideText, bounds: tuple[datetime, datetime]) -> list[Span]:
    """Without `instead_of` it also fills a gap."""
    if override.instead_of is None:
        return covered(spans, within([Span(override.begin, override.end, override.person, name)], *bounds))
    theirs = within((span for span in spans if span.person == override.instead_of), override.begin, override.end)
    return covered(spans, [span._replace(person=override.person, layer=name) for span in theirs])
