"""The figures of a site, or of all sites, at an instant: pure functions over the lives of its tickets.

Now they are read from the ticket rows, for an earlier instant from the ledger's entries; both give the same figures.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from statistics import fmean

from sqlalchemy import Connection, func, select

from schemas.figures import (
    GRADES,
    UNDECIDED,
    Arrivals,
    Bucket,
    Burndown,
    Durations,
    Figures,
    Open,
    Overview,
    Step,
    Summary,
    Times,
    TriageQueue,
)
from schemas.tables import ENTRIES, TICKETS
from schemas.words import OPEN_STATES, STATES
from services.errors import Invalid, NotFound
from services.ledger import Ledger, read_head
from services.stabilisation.burndown import LENGTHS, burndown, floor
from services.stabilisation.lives import Life, known, standing

UNACKNOWLEDGED = ("submitted", "triage", "routed")


def figures(ledger: Ledger, site: str | None = None, as_of: datetime | None = None) -> Figures:
    """As known at `as_of`, or now. Raises `NotFound` for a site without tickets and `Invalid` for an instant in the future."""
    with ledger.database.read() as connection:
        at = instant_asked(connection, ledger, as_of)
        lives = _lives(connection, site, as_of)
        if site is not None and not lives and not _has_tickets(connection, site):
            raise NotFound("No ticket was ever reported for this site; GET /v1/figures lists the sites there are")
        return figures_of(lives, burndown(connection, site, at), site, last_seq(connection, at))


def overview(ledger: Ledger, as_of: datetime | None = None) -> Overview:
    """Raises `Invalid` for an instant in the future."""
    with ledger.database.read() as connection:
        at = instant_asked(connection, ledger, as_of)
        lives = _lives(connection, None, as_of)
        shown = figures_of(lives, burndown(connection, None, at), None, last_seq(connection, at))
    return Overview(sites=_summaries(lives, at), figures=shown)


def site_names(ledger: Ledger) -> list[str]:
    with ledger.database.read() as connection:
        return list(connection.execute(select(TICKETS.c.site).distinct().order_by(TICKETS.c.site)).scalars())


def instant_asked(connection: Connection, ledger: Ledger, as_of: datetime | None) -> datetime:
    now = present(connection, ledger.clock())
    if as_of and as_of > now:
        raise Invalid(f"as_of lies in the future; hypercare knows what was recorded up to {now.isoformat(timespec='seconds')}")
    return as_of or now


def _lives(connection: Connection, site: str | None, as_of: datetime | None) -> list[Life]:
    return known(connection, site, as_of) if as_of else standing(connection, site)


def _summaries(lives: Sequence[Life], at: datetime) -> tuple[Summary, ...]:
    at_sites: dict[str, list[Life]] = {}
    for life in lives:
        at_sites.setdefault(life.site, []).append(life)
    return tuple(_summary(site, at_sites[site], at) for site in sorted(at_sites))


def _summary(site: str, lives: Sequence[Life], at: datetime) -> Summary:
    open_lives = [life for life in lives if life.state in OPEN_STATES]
    return Summary(
        site=site,
        open=len(open_lives),
        sev1_open=sum(life.severity == "sev1" for life in open_lives),
        triage_queue=sum(life.state == "triage" for life in open_lives),
        oldest_seconds=_age(at, (life.submitted_at for life in open_lives)),
    )


def present(connection: Connection, clock: datetime) -> datetime:
    """Now, but never before the last entry: the ledger does not go back when a clock does."""
    recorded: datetime = read_head(connection)["recorded_at"]
    return max(clock, recorded)


def _has_tickets(connection: Connection, site: str) -> bool:
    return connection.execute(select(TICKETS.c.id).where(TICKETS.c.site == site).limit(1)).first() is not None


def last_seq(connection: Connection, at: datetime) -> int:
    return connection.execute(select(func.max(ENTRIES.c.seq)).where(ENTRIES.c.recorded_at <= at)).scalar_one() or 0


def figures_of(lives: Sequence[Life], over_time: Burndown, site: str | None, seq: int) -> Figures:
    """Pure: the same lives give the same figures. The instant is where the burndown ends."""
    at = over_time.points[-1].at
    open_lives = [life for life in lives if life.state in OPEN_STATES]
    sev1 = [life for life in open_lives if life.severity == "sev1"]
    return Figures(
        site=site,
        as_of=at,
        ledger_seq=seq,
        open=_open(open_lives, at),
        done=_counted((life.state for life in lives), [state for state in STATES if state not in OPEN_STATES]),
        arrivals=_arrivals([life.submitted_at for life in lives], at),
        acknowledgement=_times(lives, "acknowledged_at"),
        resolution=_times(lives, "resolved_at"),
        triage_queue=_triage_queue(open_lives, at),
        reopened=sum(life.reopened > 0 for life in lives),
        reopenings=sum(life.reopened for life in lives),
        sev1_open=len(sev1),
        sev1_unacknowledged=sum(life.state in UNACKNOWLEDGED for life in sev1),
        burndown=over_time,
    )


def _open(lives: Sequence[Life], at: datetime) -> Open:
    matrix = Counter((life.severity or UNDECIDED, life.state) for life in lives)
    return Open(
        total=len(lives),
        by_system=dict(sorted(Counter(life.system or UNDECIDED for life in lives).items())),
        by_severity=_counted((life.severity or UNDECIDED for life in lives), GRADES),
        by_state=_counted((life.state for life in lives), OPEN_STATES),
        by_severity_and_state={grade: {state: matrix[grade, state] for state in OPEN_STATES} for grade in GRADES},
        oldest_seconds=_age(at, (life.submitted_at for life in lives)),
    )


def _counted(values: Iterable[str], keys: Sequence[str]) -> dict[str, int]:
    counts = Counter(values)
    return {key: counts[key] for key in keys}


def _age(at: datetime, since: Iterable[datetime]) -> float | None:
    oldest = min(since, default=None)
    return (at - oldest).total_seconds() if oldest else None


def _triage_queue(lives: Sequence[Life], at: datetime) -> TriageQueue:
    since = [life.queued_at or life.submitted_at for life in lives if life.state == "triage"]
    return TriageQueue(tickets=len(since), oldest_seconds=_age(at, since))


def _arrivals(submitted: Sequence[datetime], at: datetime) -> Arrivals:
    return Arrivals(total=len(submitted), per_hour=_buckets(submitted, at, "hour", 24), per_day=_buckets(submitted, at, "day", 7))


def _buckets(instants: Sequence[datetime], at: datetime, step: Step, number: int) -> tuple[Bucket, ...]:
    last = floor(at, step)
    starts = [last - place * LENGTHS[step] for place in reversed(range(number))]
    counts = Counter(floor(instant, step) for instant in instants if instant >= starts[0])
    return tuple(Bucket(start=start, count=counts[start]) for start in starts)


def _times(lives: Sequence[Life], until: str) -> Times:
    """From submission until the first acknowledgement, or the last resolution, of the tickets that have it."""
    taken: dict[str, list[float]] = {grade: [] for grade in GRADES}
    for life in lives:
        end: datetime | None = getattr(life, until)
        if end is not None:
            taken[life.severity or UNDECIDED].append((end - life.submitted_at).total_seconds())
    every = [seconds for several in taken.values() for seconds in several]
    return Times(all=durations(every), by_severity={grade: durations(several) for grade, several in taken.items()})


def durations(seconds: Sequence[float]) -> Durations:
    """Median and 90th percentile interpolate linearly between ranks (Hyndman and Fan 1996, type 7)."""
    if not seconds:
        return Durations(count=0, mean=None, median=None, p90=None)
    ordered = sorted(seconds)
    return Durations(count=len(ordered), mean=fmean(ordered), median=quantile(ordered, 0.5), p90=quantile(ordered, 0.9))


def quantile(ordered: Sequence[float], share: float) -> float:
    place = (len(ordered) - 1) * share
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
