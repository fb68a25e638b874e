"""Which tickets people look at one by one, and what was known of each: titles, owners and dates from the ledger up to the instant."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter

from sqlalchemy import Connection, select

from schemas.attention import MOST_LISTED, Attention, Listed, Quality, TicketNote, Told
from schemas.entries import Entry
from schemas.figures import UNDECIDED
from schemas.tables import ENTRIES
from schemas.tickets import Ticket
from services.stabilisation.chronicle import EPOCH
from services.stabilisation.in_time import late_clocks
from services.stabilisation.view import DAY, Life, View
from services.tickets import fold

MOST_TOLD = 5
GRAVE = ("sev1", "sev2")
PROMISE = "promise"
KNOWN_ERROR = "KnownErrorRecorded"


def attention(view: View, connection: Connection) -> Attention:
    """Pure of what was learned after `view.known`."""
    at = EPOCH + timedelta(microseconds=view.known)
    promised = _promised(view, connection, at)
    lists = {
        "gxp": sorted(filter(_waits_for_quality, view.lives), key=gravity),
        "grave": sorted((life for life in view.open if life.stand.severity in GRAVE), key=gravity),
        "late": sorted((life for life in view.open if _late(view, life, promised)), key=gravity),
        "oldest": sorted(view.open, key=_born),
        "workarounds": sorted((life for life in view.open if life.stand.worked_around_at is not None), key=_worked_around),
    }
    groups, errors = (_told(view, name) for name in ("parent", "known_error"))
    named = {life.ticket: life for lives in lists.values() for life in lives[:MOST_LISTED]}
    known = folded(connection, [*named, *groups], at)
    return Attention(
        tickets={ticket: note_of(view, named[ticket], known[ticket]) for ticket in sorted(named, key=_number)},
        **{name: Listed(total=len(lives), tickets=_ids(lives)) for name, lives in lists.items()},
        new=_new(view),
        groups=tuple(_named(each, known[each].title, lives, view) for each, lives in groups.items()),
        known_errors=_known_errors(view, errors, connection, at),
        quality=_quality(view),
    )


def _born(life: Life) -> tuple[int, int]:
    return life.track.born, _number(life.ticket)


def gravity(life: Life) -> tuple[str, int, int]:
    return (life.stand.severity or "sev9", *_born(life))


def _worked_around(life: Life) -> tuple[int, int]:
    return life.stand.worked_around_at or 0, _number(life.ticket)


def _number(ticket: str) -> int:
    return int(ticket.rpartition("-")[2])


def _ids(lives: Sequence[Life]) -> tuple[str, ...]:
    return tuple(life.ticket for life in lives[:MOST_LISTED])


def _waits_for_quality(life: Life) -> bool:
    stand = life.stand
    flagged = stand.gxp != "none" and stand.state != "cancelled"
    return flagged and (stand.open or not stand.assessed or (stand.gxp == "confirmed" and not stand.linked))


def _promised(view: View, connection: Connection, at: datetime) -> dict[str, Ticket]:
    """The open tickets that have a promised date."""
    return folded(connection, [life.ticket for life in view.open if life.stand.due_at], at)


def _late(view: View, life: Life, promised: Mapping[str, Ticket]) -> tuple[str, ...]:
    late = late_clocks(view, life)
    due = promised[life.ticket].due_at if life.ticket in promised else None
    return (*late, PROMISE) if due is not None and due < view.instant else late


def _told(view: View, name: str) -> dict[str, list[Life]]:
    """The tickets that say the same, by what they name, where one is open or new: those that told most within 24 hours first."""
    found: dict[str, list[Life]] = defaultdict(list)
    for life in view.every:
        if thing := getattr(life.stand, name):
            found[thing].append(life)
    live = [thing for thing, lives in found.items() if any(life.stand.open for life in lives) or _of_the_day(view, lives)]
    order = sorted(live, key=lambda thing: (-_of_the_day(view, found[thing]), -len(found[thing]), _number(thing)))
    return {thing: found[thing] for thing in order[:MOST_TOLD]}


def _of_the_day(view: View, lives: Iterable[Life]) -> int:
    return sum(life.track.born > view.at - DAY for life in lives)


def _named(thing: str, title: str, lives: Sequence[Life], view: View, workaround: str | None = None) -> Told:
    still = sum(life.stand.open for life in lives)
    return Told(id=thing, title=title, tickets=len(lives), day=_of_the_day(view, lives), open=still, workaround=workaround)


def _known_errors(view: View, errors: Mapping[str, list[Life]], connection: Connection, at: datetime) -> tuple[Told, ...]:
    written = select(ENTRIES.c.data).where(ENTRIES.c.type == KNOWN_ERROR, ENTRIES.c.recorded_at <= at).order_by(ENTRIES.c.seq)
    texts = {str(data["known_error"]): data for data in connection.execute(written).scalars()} if errors else {}
    told = ((each, texts.get(each, {}), lives) for each, lives in errors.items())
    return tuple(_named(each, text.get("title", each), lives, view, text.get("workaround")) for each, text, lives in told)


def _new(view: View) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for life in view.born_since(1):
        counts[life.stand.system or UNDECIDED][life.stand.severity or UNDECIDED] += 1
    return {system: dict(sorted(counts[system].items())) for system in sorted(counts)}


def _quality(view: View) -> Quality:
    flagged = [life.stand for life in view.lives if life.stand.gxp != "none" and life.stand.state != "cancelled"]
    confirmed = [stand for stand in flagged if stand.gxp == "confirmed"]
    return Quality(
        flagged=len(flagged),
        assessed=sum(stand.assessed for stand in flagged),
        confirmed=len(confirmed),
        linked=sum(stand.linked for stand in confirmed),
    )


def folded(connection: Connection, tickets: Sequence[str], at: datetime) -> dict[str, Ticket]:
    """These tickets as their entries recorded up to then made them."""
    stories: dict[str, list[Entry]] = defaultdict(list)
    told = select(ENTRIES).where(ENTRIES.c.ticket.in_(tickets), ENTRIES.c.recorded_at <= at).order_by(ENTRIES.c.seq)
    for row in connection.execute(told).mappings():
        stories[row["ticket"]].append(Entry.model_construct(**row))
    made = ((ticket, fold(story)) for ticket, story in stories.items())
    return {ticket: found for ticket, found in made if found is not None}


_KEPT = attrgetter("title", "team", "area", "batch", "due_at", "waiting_for", "clock", "workaround", "quality_record")


def note_of(view: View, life: Life, ticket: Ticket) -> TicketNote:
    """What the figures count comes from the view, the words from the ticket."""
    stand = life.stand
    title, team, area, batch, due_at, waiting_for, clock, workaround, quality_record = _KEPT(ticket)
    return TicketNote(
        id=ticket.id,
        title=title,
        state=stand.state,
        severity=stand.severity,
        system=stand.system,
        team=team,
        area=area,
        batch=batch,
        owner=stand.owner,
        since=_instant(life.track.born),
        due_at=due_at,
        waiting_for=waiting_for,
        clock=clock,
        workaround=workaround,
        worked_around_at=_instant(stand.worked_around_at) if stand.worked_around_at is not None else None,
        workaround_accepted=stand.accepted,
        gxp=stand.gxp,
        gxp_assessed=stand.assessed,
        quality_record=quality_record,
        reopened=stand.reopened,
        late=_late(view, life, {ticket.id: ticket}),
    )


def _instant(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)
