"""What an exit criterion can measure: a table of functions. docs/readiness.md defines each of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from models.growth import laplace
from schemas.golive_figures import Share
from schemas.golives import Attestation, Criterion, ExposureText, GoLive
from services.stabilisation.chronicle import micros
from services.stabilisation.days import first_day, instant_of, local_date, rests
from services.stabilisation.golive_figures import gxp
from services.stabilisation.handling import own_staff, reopened
from services.stabilisation.in_time import in_time
from services.stabilisation.view import DAY, ENDED, MOST_TICKETS, Life, View

GRAVE = ("sev1", "sev2")
CLOCKS_TO_EXIT = ("acknowledgement", "resolution")
RISING = 1.645
"""Laplace's U above it says that arrivals grow more frequent, at 10 % two-sided."""
LEAST_FOR_TREND = 5
"""With fewer tickets the last of them alone would make a trend."""
ONE_DAY = timedelta(days=1)


class Reading(NamedTuple):
    """`holds` None: there is nothing to tell from. `value` and `threshold` in words; `tickets` are the evidence."""

    holds: bool | None
    value: str
    threshold: str
    tickets: tuple[str, ...] = ()


@dataclass(frozen=True)
class Evidence:
    """What a measure may look at: the tickets at an instant, and the reports of the site's days up to it."""

    view: View
    exposure: Sequence[ExposureText]

    @property
    def golive(self) -> GoLive:
        return self.view.golive

    @property
    def at(self) -> datetime:
        return self.view.instant


def limit(criterion: Criterion, name: str) -> float:
    return criterion.limits[name]


def _sev1_free(evidence: Evidence, criterion: Criterion) -> Reading:
    view, days = evidence.view, limit(criterion, "days")
    begin = _production_days_ago(evidence, int(days))
    late = [life for life in view.every if life.stand.severity == "sev1" and (life.stand.open or life.track.occurred >= micros(begin))]
    still = sum(life.stand.open for life in late)
    lived = begin >= evidence.golive.text.starts_at
    value = f"{still} open, {len(late)} open or of the last {days:g} production days" if lived else f"not {days:g} production days yet"
    return Reading(lived and not late, value, f"none in {days:g} production days", _named(late))


def _production_days_ago(evidence: Evidence, days: int) -> datetime:
    """The midnight before so many whole days on which somebody works."""
    day: date = local_date(evidence.golive.text, evidence.at)
    while days > 0 and day >= first_day(evidence.golive.text):
        day -= ONE_DAY
        days -= not rests(evidence.golive, day)
    return instant_of(evidence.golive.text, day)


def _sev2_held(evidence: Evidence, criterion: Criterion) -> Reading:
    view, most, days = evidence.view, limit(criterion, "most"), int(limit(criterion, "days"))
    still = _open(view, "sev2")
    bare = [life for life in still if life.stand.worked_around_at is None or not life.stand.owner or not life.stand.due_at]
    worst = max([len(still), *(view.open_before(view.at - number * DAY).get("sev2", 0) for number in range(1, days + 1))])
    value = f"{len(still)} open, at most {worst} in {days} days, {len(bare)} without workaround, owner or date"
    return Reading(worst <= most and not bare, value, f"at most {most:g}, each with all three", _named(bare or still))


def _sev3_low(evidence: Evidence, criterion: Criterion) -> Reading:
    view, oldest = evidence.view, limit(criterion, "oldest_days")
    still = _open(view, "sev3")
    capacity = view.count(ENDED, view.at - 7 * DAY, view.at) / 7 * limit(criterion, "capacity_days")
    most = max(limit(criterion, "most"), capacity)
    old = [life for life in still if view.at - life.track.born > oldest * DAY]
    value = f"{len(still)} open, {len(old)} older than {oldest:g} days"
    return Reading(len(still) <= most and not old, value, f"at most {most:.0f}, none older", _named(old or still))


def _arrivals_normal(evidence: Evidence, criterion: Criterion) -> Reading:
    view, days = evidence.view, limit(criterion, "days")
    most = limit(criterion, "factor") * evidence.golive.text.normal_arrivals
    mean = view.count(("created",), view.at - 7 * DAY, view.at) / 7
    begin = view.at - round(days * DAY)
    times = [(move.when - begin) / DAY for move in view.movements if move.kind == "created" and begin < move.when]
    trend = laplace(times, days) if len(times) >= LEAST_FOR_TREND else 0.0
    lived = micros(evidence.golive.text.starts_at) <= begin
    value = f"{mean:.1f} a day, trend {trend:+.1f}" if lived else f"{mean:.1f} a day, not {days:g} days yet"
    return Reading(lived and mean <= most and trend < RISING, value, f"at most {most:.1f} a day, trend below {RISING}")


def _burning_down(evidence: Evidence, criterion: Criterion) -> Reading:
    view, index, wanted, of = evidence.view, *(limit(criterion, name) for name in ("index", "days", "of"))
    good = sum(_burns(view, view.at - number * DAY, index) for number in range(int(of)))
    return Reading(good >= wanted, f"{good} of {of:g} days", f"{wanted:g} of {of:g}")


def _burns(view: View, end: int, index: float) -> bool:
    """In the seven days up to then. A week without arrivals has nothing to burn."""
    begin = end - 7 * DAY
    return view.count(ENDED, begin, end) >= index * view.count(("created",), begin, end)


def _reopened(evidence: Evidence, criterion: Criterion) -> Reading:
    most, days = limit(criterion, "share"), limit(criterion, "days")
    found = reopened(evidence.view, days)
    holds = None if found.ratio is None and not _lived(evidence, days) else (found.ratio or 0.0) <= most
    return Reading(holds, _of(found), f"at most {most:.0%}", found.tickets)


def _in_time(evidence: Evidence, criterion: Criterion) -> Reading:
    view, least, days = evidence.view, limit(criterion, "share"), limit(criterion, "days")
    told = [each for each in in_time(view, view.born_since(days)) if each.severity in GRAVE and each.clock in CLOCKS_TO_EXIT]
    met, whole = sum(each.met for each in told), sum(each.met + each.late for each in told)
    holds = met >= least * whole if whole or _lived(evidence, days) else None
    return Reading(holds, f"{met} of {whole} times in time", f"at least {least:.0%}")


def _own_staff(evidence: Evidence, criterion: Criterion) -> Reading:
    least, days = limit(criterion, "share"), limit(criterion, "days")
    found = own_staff(evidence.view, days)
    holds = None if found.ratio is None and not _lived(evidence, days) else found.ratio is None or found.ratio >= least
    return Reading(holds, _of(found), f"at least {least:.0%}")


def _batches(evidence: Evidence, criterion: Criterion) -> Reading:
    least, share = limit(criterion, "completed"), limit(criterion, "right_first_time")
    begin = first_day(evidence.golive.text)
    told = [each for each in evidence.exposure if each.day >= begin and each.batches_completed is not None]
    done = sum(each.batches_completed or 0 for each in told)
    right = sum(each.batches_right_first_time or 0 for each in told)
    threshold = f"at least {least:g}, {share:.0%} right first time"
    if not told:
        return Reading(None, "no batches were reported", threshold)
    return Reading(done >= least and right >= share * done, f"{done:g} completed, {right:g} right first time", threshold)


def _gxp_assessed(evidence: Evidence, criterion: Criterion) -> Reading:
    view, flags = evidence.view, gxp(evidence.view)
    bare = [life for life in view.open if life.stand.worked_around_at is not None and not life.stand.accepted]
    value = f"{flags.unassessed} not assessed, {flags.unlinked} not linked, {len(bare)} workarounds not accepted"
    tickets = tuple(dict.fromkeys((*flags.tickets, *_named(bare))))[:MOST_TICKETS]
    return Reading(not tickets, value, "none of them", tickets)


def _attested(evidence: Evidence, criterion: Criterion) -> Reading:
    """The latest word of a person; one that has run out says nothing any more."""
    said = [each for each in evidence.golive.attestations if each.criterion == criterion.id and each.attested_at <= evidence.at]
    if not said or (said[-1].until and said[-1].until <= evidence.at):
        return Reading(None, "nobody has said so yet" if not said else "what was said has run out", "a person's word")
    return Reading(said[-1].holds, _said(said[-1]), "a person's word")


def _said(word: Attestation) -> str:
    return f"{word.by} ({word.role}): {word.evidence}"


def _open(view: View, severity: str) -> list[Life]:
    return sorted((life for life in view.open if life.stand.severity == severity), key=lambda life: life.track.born)


def _named(lives: Sequence[Life]) -> tuple[str, ...]:
    return tuple(life.ticket for life in lives)[:MOST_TICKETS]


def _lived(evidence: Evidence, days: float) -> bool:
    return evidence.at - evidence.golive.text.starts_at >= days * ONE_DAY


def _of(share: Share) -> str:
    return f"{share.part} of {share.whole}" + ("" if share.ratio is None else f" ({share.ratio:.0%})")


MEASURES: dict[str, Callable[[Evidence, Criterion], Reading]] = {
    "sev1_free": _sev1_free,
    "sev2_held": _sev2_held,
    "sev3_low": _sev3_low,
    "arrivals_normal": _arrivals_normal,
    "burning_down": _burning_down,
    "reopened": _reopened,
    "in_time": _in_time,
    "own_staff": _own_staff,
    "batches": _batches,
    "gxp_assessed": _gxp_assessed,
    "attested": _attested,
}
"""The functions of schemas.golives.LIMITS."""
