"""The figures of a go-live, as pure functions of a view of its tickets."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from schemas.figures import GRADES, UNDECIDED, Durations
from schemas.golive_figures import Ages, Exposure, Flow, Flows, GoLiveFigures, Gxp, OpenNow, Taken, Workarounds
from schemas.golives import ExposureText, Phase
from services.stabilisation.balance import balance, difference
from services.stabilisation.chronicle import EPOCH, micros
from services.stabilisation.days import instant_of, local_date
from services.stabilisation.figures import durations, quantile
from services.stabilisation.handling import handling
from services.stabilisation.in_time import in_time
from services.stabilisation.view import DAY, ENDED, MOST_TICKETS, SECOND, Life, View

UNTIL = {"acknowledgement": "acknowledged_at", "workaround": "worked_around_at", "resolution": "resolved_at"}


def golive_figures(view: View, phase: Phase, exposure: Iterable[ExposureText], seq: int) -> GoLiveFigures:
    text, rows = view.golive.text, balance(view)
    sev1 = max((life.track.occurred for life in view.every if life.stand.severity == "sev1"), default=None)
    return GoLiveFigures(
        golive=view.golive.id,
        site=text.site,
        wave=text.wave,
        phase=phase,
        as_of=view.instant,
        ledger_seq=seq,
        day=(local_date(text, view.instant) - local_date(text, text.starts_at)).days,
        system=view.only.system,
        severity=view.only.severity,
        balance=rows,
        difference=difference(view, rows),
        open=_open(view),
        flows=_flows(view),
        taken=Taken(**{name: _taken(view, until) for name, until in UNTIL.items()}),
        in_time=tuple(in_time(view, view.lives)),
        handling=handling(view),
        workarounds=_workarounds(view),
        gxp=gxp(view),
        last_sev1_at=EPOCH + timedelta(microseconds=sev1) if sev1 is not None else None,
        days_since_sev1=max(view.at - sev1, 0) / DAY if sev1 is not None else None,
        exposure=_exposure(view, exposure),
    )


def _open(view: View) -> OpenNow:
    return OpenNow(
        total=len(view.open),
        by_severity=counted((life.stand.severity or UNDECIDED for life in view.open), GRADES),
        by_system=dict(sorted(Counter(life.stand.system or UNDECIDED for life in view.open).items())),
        by_cause=dict(sorted(Counter(life.stand.caused_by or UNDECIDED for life in view.open).items())),
        ages={grade: _ages(view, grade) for grade in GRADES},
        unverified=_in_state(view, "resolved"),
        backlogged=_in_state(view, "backlogged"),
    )


def _in_state(view: View, state: str) -> int:
    return sum(life.stand.state == state for life in view.lives)


def _flows(view: View) -> Flows:
    return Flows(
        arrivals=flow(view, ("created",)),
        ended=flow(view, ENDED),
        resolved=flow(view, ("resolved",)),
        reopened=flow(view, ("reopened",)),
        closed=_closed(view),
        arrivals_by_system_7d=dict(sorted(Counter(life.stand.system or UNDECIDED for life in view.born_since(7)).items())),
        burn_index=burn_index(view),
    )


def flow(view: View, kinds: Sequence[str]) -> Flow:
    day, three, seven, before = (view.at - number * DAY for number in (1, 3, 7, 14))
    return Flow(
        day=view.count(kinds, day, view.at),
        days_3=view.count(kinds, three, view.at),
        days_7=view.count(kinds, seven, view.at),
        days_7_before=view.count(kinds, before, seven),
    )


def burn_index(view: View) -> float | None:
    """Tickets that ended over tickets that arrived, in 7 days."""
    arrived = view.count(("created",), view.at - 7 * DAY, view.at)
    return view.count(ENDED, view.at - 7 * DAY, view.at) / arrived if arrived else None


def _closed(view: View) -> Flow:
    begin = view.at - 14 * DAY
    instants = [when for life in view.lives if life.last > begin for when in _closings(life)]
    day, three, seven, both = (sum(at > view.at - number * DAY for at in instants) for number in (1, 3, 7, 14))
    return Flow(day=day, days_3=three, days_7=seven, days_7_before=both - seven)


def _closings(life: Life) -> list[int]:
    return [after.when for before, after in pairwise(life.steps()) if before.stand.state != "closed" and after.stand.state == "closed"]


def _ages(view: View, grade: str) -> Ages:
    ages = sorted((view.at - life.track.born) / SECOND for life in view.open if (life.stand.severity or UNDECIDED) == grade)
    if not ages:
        return Ages(count=0, p50=None, p90=None, oldest=None)
    return Ages(count=len(ages), p50=quantile(ages, 0.5), p90=quantile(ages, 0.9), oldest=ages[-1])


def _taken(view: View, until: str) -> dict[str, Durations]:
    """From the submission, of the tickets that have come so far, by the severity that they have now."""
    taken: dict[str, list[float]] = {grade: [] for grade in GRADES}
    for life in view.lives:
        end: int | None = getattr(life.stand, until)
        if end is not None:
            taken[life.stand.severity or UNDECIDED].append((end - life.track.born) / SECOND)
    every = [seconds for several in taken.values() for seconds in several]
    return {"all": durations(every)} | {grade: durations(several) for grade, several in taken.items()}


def _workarounds(view: View) -> Workarounds:
    since = {life.ticket: life.stand.worked_around_at for life in view.open if life.stand.worked_around_at is not None}
    unaccepted = [life.ticket for life in view.open if life.ticket in since and not life.stand.accepted]
    oldest = (view.at - min(since.values())) / SECOND if since else None
    return Workarounds(
        in_force=len(since),
        unaccepted=len(unaccepted),
        oldest_seconds=oldest,
        tickets=tuple(sorted(since, key=since.__getitem__))[:MOST_TICKETS],
    )


def gxp(view: View) -> Gxp:
    flagged = [life for life in view.lives if life.stand.gxp != "none" and life.stand.state != "cancelled"]
    waiting = sorted(_unassessed(flagged), key=lambda life: _flagged_at(view, life))
    oldest = {life.stand.severity or UNDECIDED: (view.at - _flagged_at(view, life)) / SECOND for life in reversed(waiting)}
    unlinked = [life.ticket for life in flagged if life.stand.gxp == "confirmed" and not life.stand.linked]
    return Gxp(
        open=sum(life.stand.open for life in flagged),
        unassessed=len(waiting),
        unassessed_oldest_seconds={grade: oldest[grade] for grade in GRADES if grade in oldest},
        unlinked=len(unlinked),
        tickets=tuple(dict.fromkeys([*(life.ticket for life in waiting), *unlinked]))[:MOST_TICKETS],
    )


def _unassessed(flagged: Iterable[Life]) -> Iterator[Life]:
    return (life for life in flagged if not life.stand.assessed)


def _flagged_at(view: View, life: Life) -> int:
    return view.at if life.stand.flagged_at is None else life.stand.flagged_at


def _exposure(view: View, reports: Iterable[ExposureText]) -> Exposure | None:
    told = [each for each in reports if _is_of_the_week(view, each)]
    if not told:
        return None
    arrived = sum(_arrived(view, each) for each in told)
    steps, batches, users = (sum(_reported(told, name)) for name in ("steps", "batches_started", "active_users"))
    return Exposure(
        days=len(told),
        steps=steps,
        batches_started=batches,
        batches_completed=sum(_reported(told, "batches_completed")),
        batches_right_first_time=sum(_reported(told, "batches_right_first_time")),
        active_users=_mean(_reported(told, "active_users")),
        rostered_users=_mean(_reported(told, "rostered_users")),
        arrivals_per_100_steps=_per(100 * arrived, steps),
        arrivals_per_batch=_per(arrived, batches),
        arrivals_per_user=_per(arrived, users),
    )


def _is_of_the_week(view: View, report: ExposureText) -> bool:
    text, today = view.golive.text, local_date(view.golive.text, view.instant)
    return max(local_date(text, text.starts_at), today - timedelta(days=6)) <= report.day <= today


def _reported(told: Sequence[ExposureText], name: str) -> list[float]:
    return [value for value in (getattr(each, name) for each in told) if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return _per(sum(values), len(values))


def _per(number: float, of: float) -> float | None:
    return number / of if of else None


def _arrived(view: View, report: ExposureText) -> int:
    begin, end = (micros(instant_of(view.golive.text, day)) for day in (report.day, report.day + timedelta(days=1)))
    return view.count(("created",), begin - 1, min(end - 1, view.at))


def counted(values: Iterable[str], keys: Sequence[str]) -> dict[str, int]:
    counts = Counter(values)
    return {key: counts[key] for key in keys}
