"""The exit criteria of a go-live, evaluated at an instant and at every stand-up before it. It states; people decide."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlencode

from schemas.golive_figures import CriterionVerdict, Light, Readiness, Verdict
from schemas.golives import Criterion, GoLive, Phase, Waiver
from services.stabilisation.chronicle import micros
from services.stabilisation.measures import MEASURES, Evidence, Reading
from services.stabilisation.view import DAY, View

GUARD = timedelta(days=14)
RELAPSE = 1.5
LEAST_LEVEL = 1.0
"""Tickets a day: below it the arrivals at the exit say nothing about a relapse."""
HOLDING: tuple[Verdict, ...] = ("pass", "waived")


class Sitting(NamedTuple):
    """Every criterion as it was at an instant."""

    at: datetime
    verdicts: tuple[Verdict, ...]
    readings: tuple[Reading, ...]

    @property
    def all_hold(self) -> bool:
        return all(verdict in HOLDING for verdict in self.verdicts)


def sit(evidence: Evidence) -> Sitting:
    criteria = evidence.golive.criteria.criteria
    readings = tuple(MEASURES[each.measure](evidence, each) for each in criteria)
    pairs = zip(criteria, readings, strict=True)
    return Sitting(evidence.at, tuple(_verdict(evidence, criterion, reading) for criterion, reading in pairs), readings)


def _verdict(evidence: Evidence, criterion: Criterion, reading: Reading) -> Verdict:
    if reading.holds:
        return "pass"
    if waiver_of(evidence.golive, criterion.id, evidence.at):
        return "waived"
    return "unknown" if reading.holds is None else "fail"


def waiver_of(golive: GoLive, criterion: str, at: datetime) -> Waiver | None:
    """The latest word counts: a waiver that ends at once takes an earlier one back."""
    told = [each for each in golive.waivers if each.criterion == criterion and each.granted_at <= at]
    return told[-1] if told and told[-1].until > at else None


def readiness(golive: GoLive, sittings: Sequence[Sitting], light: tuple[Light, tuple[str, ...]], relapse: str | None) -> Readiness:
    """`sittings` in order, the last one now."""
    now = sittings[-1]
    criteria = tuple(_told(golive, place, sittings) for place in range(len(now.verdicts)))
    return Readiness(
        golive=golive.id,
        as_of=now.at,
        criteria_version=golive.criteria_version,
        passed=sum(verdict in HOLDING for verdict in now.verdicts),
        of=len(now.verdicts),
        all_hold=now.all_hold,
        since=_since(sittings, lambda sitting: sitting.all_hold) if now.all_hold else None,
        would_have_passed_on=next((sitting.at for sitting in sittings if sitting.all_hold), None),
        light=light[0],
        reasons=light[1],
        criteria=criteria,
        relapse=relapse,
    )


def _told(golive: GoLive, place: int, sittings: Sequence[Sitting]) -> CriterionVerdict:
    now = sittings[-1]
    criterion, verdict, reading = golive.criteria.criteria[place], now.verdicts[place], now.readings[place]
    waiver = waiver_of(golive, criterion.id, now.at) if verdict == "waived" else None
    return CriterionVerdict(
        id=criterion.id,
        title=criterion.title,
        measure=criterion.measure,
        verdict=verdict,
        value=reading.value,
        threshold=reading.threshold,
        since=_since(sittings, lambda sitting: sitting.verdicts[place] == verdict),
        tickets=reading.tickets,
        tickets_url="/v1/tickets?" + urlencode([("id", ticket) for ticket in reading.tickets]) if reading.tickets else None,
        note=f"waived by {waiver.by} ({waiver.role}) until {waiver.until:%Y-%m-%d}: {waiver.reason}" if waiver else None,
    )


def _since(sittings: Sequence[Sitting], holds: Callable[[Sitting], bool]) -> datetime:
    """The first of the unbroken run that ends with the last one."""
    first = len(sittings) - 1
    while first > 0 and holds(sittings[first - 1]):
        first -= 1
    return sittings[first].at


def phase_of(golive: GoLive, at: datetime, relapse: str | None) -> Phase:
    if golive.exited_at and golive.exited_at <= at:
        return "relapsed" if relapse else "guarded" if at < golive.exited_at + GUARD else "exited"
    if at < golive.text.starts_at:
        return "planned"
    return "overdue" if at > golive.text.planned_end else "hypercare"


def relapse_of(view: View) -> str | None:
    """Why a go-live that was ended should be gone back into; None without a reason, or once the guard of 14 days is over."""
    exited = view.golive.exited_at
    if exited is None or not exited <= view.instant < exited + GUARD:
        return None
    begin = micros(exited)
    if sev1 := [life.ticket for life in view.every if life.stand.severity == "sev1" and life.track.occurred > begin]:
        return f"a Sev1 occurred after the exit: {', '.join(sev1[:3])}"
    before = view.count(("created",), begin - 7 * DAY, begin) / 7
    now = view.count(("created",), view.at - 7 * DAY, view.at) / 7
    if now > RELAPSE * max(before, LEAST_LEVEL):
        return f"{now:.1f} tickets a day arrive, {before:.1f} at the exit"
    return None
