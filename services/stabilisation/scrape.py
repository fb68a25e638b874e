"""What one scrape reads from the database: each query runs once, when the first metric asks for it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from sqlalchemy import Connection, Row, Select, func, select

from schemas.figures import UNDECIDED
from schemas.oncall_events import ClimbsAudited, NightChecked, OnCallConfigured
from schemas.tables import CONSUMERS, DELIVERIES, ENTRIES, HANDLED, HEAD, HEARTBEATS, KNOWN_ERRORS, LETTERS, STEPS, TICKETS
from services.deliveries import AGAIN
from services.releases import Releases, releases_of
from services.stabilisation.burndown import OPENING
from services.stabilisation.census import Group
from services.stabilisation.chronicle import Chronicle
from services.stabilisation.figures import UNACKNOWLEDGED
from services.stabilisation.happened import HAPPENED_AT
from services.stabilisation.lives import QUEUING
from services.stabilisation.reading import Reading
from services.stabilisation.watching import Watched

OTHER = "other"
MOST_SITES = 50
MOST_SYSTEMS = 20
MOST_KNOWN_ERRORS = 100


@dataclass
class Scrape:
    """Names beyond the first `MOST_SITES` sites (in order of their first ticket) are told as "other": labels come from people.

    `watched` is None before the classifier has decided on anything.
    """

    connection: Connection
    now: datetime
    chronicle: Chronicle = field(default_factory=Chronicle)
    watched: Watched | None = None
    golives: Sequence[Reading] = ()

    @cached_property
    def head(self) -> Any:
        return self.connection.execute(select(HEAD)).one()

    @cached_property
    def submissions(self) -> dict[str, int]:
        """Tickets per site since the beginning, the site with the oldest ticket first."""
        return {site: len(tracks) for site, tracks in self.chronicle.sites.items()}

    @cached_property
    def sites(self) -> list[str]:
        named = list(self.submissions)
        return named if len(named) <= MOST_SITES else [*named[:MOST_SITES], OTHER]

    def site(self, name: str) -> str:
        return name if name in self._named else OTHER

    @cached_property
    def _named(self) -> frozenset[str]:
        return frozenset(self.sites)

    @cached_property
    def groups(self) -> list[Group]:
        found = list(self.chronicle.census.groups())
        systems = _most_used(found)
        return [group._replace(site=self.site(group.site), system=group.system if group.system in systems else OTHER) for group in found]

    @cached_property
    def entries(self) -> dict[str, int]:
        """Entries of the ledger by type."""
        return self._counts(select(ENTRIES.c.type, func.count()).group_by(ENTRIES.c.type))

    @cached_property
    def handled(self) -> dict[str, int]:
        """Events that each consumer is done with."""
        done = select(HANDLED.c.consumer, func.count()).where(HANDLED.c.note.is_distinct_from(AGAIN)).group_by(HANDLED.c.consumer)
        return self._counts(done)

    @cached_property
    def consumers(self) -> Sequence[Row[Any]]:
        return self.connection.execute(select(CONSUMERS).order_by(CONSUMERS.c.name)).all()

    @cached_property
    def letters(self) -> dict[str, int]:
        """Dead letters that wait for a person, by kind."""
        waiting = select(LETTERS.c.kind, func.count()).where(LETTERS.c.state == "waiting").group_by(LETTERS.c.kind)
        return self._counts(waiting)

    @cached_property
    def deliveries(self) -> dict[tuple[str, str], int]:
        """By channel and state."""
        columns = (DELIVERIES.c.channel, DELIVERIES.c.state)
        rows = self.connection.execute(select(*columns, func.count()).group_by(*columns))
        return {(channel, state): number for channel, state, number in rows}

    @cached_property
    def checks(self) -> dict[str, Any]:
        """What the last check of a night and the last recount of climbs found, by the type of their entries."""
        return {kind: row.data for kind, row in self._told.items()}

    @cached_property
    def _told(self) -> dict[str, Any]:
        """The last entry of each type about being on call."""
        kinds = (NightChecked.__name__, ClimbsAudited.__name__, OnCallConfigured.__name__)
        last = select(func.max(ENTRIES.c.seq)).where(ENTRIES.c.type.in_(kinds)).group_by(ENTRIES.c.type)
        columns = (ENTRIES.c.type, ENTRIES.c.data, ENTRIES.c.recorded_at)
        return {row.type: row for row in self.connection.execute(select(*columns).where(ENTRIES.c.seq.in_(last)))}

    @cached_property
    def night_age(self) -> float | None:
        """Seconds since the last check of a night was recorded; before the first since the teams file came into force. None where that
        file names neither a rota nor a ladder.
        """
        configured = self._told.get(OnCallConfigured.__name__)
        if configured is None or not _asks_for_people(configured.data["content"]):
            return None
        return self.age(self._told.get(NightChecked.__name__, configured).recorded_at)

    @cached_property
    def audit_age(self) -> float | None:
        """Seconds since climbs were last recounted; before the first since the teams file came into force. None where that names no
        ladder.
        """
        configured = self._told.get(OnCallConfigured.__name__)
        if configured is None or not _has_ladders(configured.data["content"]):
            return None
        beaten = select(HEARTBEATS.c.beaten_at).where(HEARTBEATS.c.name == ClimbsAudited.__name__)
        return self.age(self.connection.execute(beaten).scalar_one_or_none() or configured.recorded_at)

    @cached_property
    def night(self) -> dict[tuple[str, str], int]:
        """Faults by site and team that the last check of a night found; none before the first."""
        counts: Counter[tuple[str, str]] = Counter()
        for each in self.checks.get(NightChecked.__name__, {"watched": ()})["watched"]:
            counts[self.site(each["site"]), each["team"]] += each["faults"]
        return counts

    @cached_property
    def overdue_step(self) -> float:
        """Seconds since the oldest step of a ladder that is still to be taken was due; 0 where none is."""
        oldest = select(func.min(STEPS.c.due_at)).where(STEPS.c.state == "pending")
        return max(0.0, self.age(self.connection.execute(oldest).scalar_one()))

    @cached_property
    def releases(self) -> Releases:
        return releases_of(self.connection)

    @cached_property
    def known_error_hits(self) -> dict[str, int]:
        """Those that were written first have a name, so that no count ever falls because another one rises."""
        counts = self._counts(select(KNOWN_ERRORS.c.id, KNOWN_ERRORS.c.hits))
        names = sorted(counts, key=lambda name: (len(name), name))
        hits = {name: counts[name] for name in names[:MOST_KNOWN_ERRORS]}
        rest = names[MOST_KNOWN_ERRORS:]
        return hits | ({OTHER: sum(counts[name] for name in rest)} if rest else {})

    @cached_property
    def oldest_delivery(self) -> float:
        pending = select(func.min(DELIVERIES.c.requested_at)).where(DELIVERIES.c.state.in_(("pending", "leased")))
        return self.age(self.connection.execute(pending).scalar_one())

    @cached_property
    def oldest_undecided(self) -> float:
        oldest = select(func.min(TICKETS.c.submitted_at)).where(TICKETS.c.state == "submitted")
        return self.age(self.connection.execute(oldest).scalar_one())

    @cached_property
    def oldest_queued(self) -> dict[str, float]:
        """Per site: seconds since the oldest ticket of the triage queue came into it."""
        return self._oldest(QUEUING, ("triage",))

    @cached_property
    def oldest_sev1(self) -> dict[str, float]:
        """Per site: seconds since the oldest Sev1 that no engineer has in work was submitted or, where it was, last reopened."""
        return self._oldest(OPENING, UNACKNOWLEDGED, "sev1")

    def _counts(self, statement: Select[Any]) -> dict[str, int]:
        return {row[0]: row[1] for row in self.connection.execute(statement)}

    def _oldest(self, since: Sequence[str], states: Sequence[str], severity: str | None = None) -> dict[str, float]:
        begun = select(func.max(HAPPENED_AT)).where(ENTRIES.c.ticket == TICKETS.c.id, ENTRIES.c.type.in_(since))
        tickets = select(TICKETS.c.site, begun.correlate(TICKETS).scalar_subquery()).where(TICKETS.c.state.in_(states))
        if severity:
            tickets = tickets.where(TICKETS.c.severity == severity)
        ages = dict.fromkeys(self.sites, 0.0)
        for name, begin in self.connection.execute(tickets):
            ages[self.site(name)] = max(ages[self.site(name)], self.age(begin))
        return ages

    def unrelayed(self, position: int) -> float:
        """Seconds since the first entry after a position was recorded."""
        after = select(func.min(ENTRIES.c.seq)).where(ENTRIES.c.seq > position).scalar_subquery()
        return self.age(self.connection.execute(select(ENTRIES.c.recorded_at).where(ENTRIES.c.seq == after)).scalar())

    def age(self, since: datetime | None) -> float:
        return (self.now - since).total_seconds() if since else 0.0


def _asks_for_people(teams: dict[str, Any]) -> bool:
    return bool(teams.get("rotas")) or _has_ladders(teams)


def _has_ladders(teams: dict[str, Any]) -> bool:
    return any("ladder" in audience for audience in (teams.get("triage", {}), *teams.get("teams", {}).values()))


def _most_used(groups: Sequence[Group]) -> frozenset[str]:
    tickets: Counter[str] = Counter()
    for group in groups:
        tickets[group.system] += group.tickets
    return frozenset(sorted(tickets, key=lambda system: (-tickets[system], system))[:MOST_SYSTEMS]) | {UNDECIDED}
