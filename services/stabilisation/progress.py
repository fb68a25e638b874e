"""What is known of the go-lives, kept up to date in one process: views of their tickets, and all that follows from them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple

from sqlalchemy import Connection

from models.course import Wave
from schemas.attention import Attention
from schemas.golive_figures import GoLiveFigures, GoLiveForecast, PlannedBurndown, Readiness, Sat, Status
from schemas.golives import ExposureText, GoLive
from services.errors import NotFound
from services.golives import GoLives, golives_of
from services.ledger import Ledger
from services.policies import Terms, in_terms, terms_of
from services.snapshots import p50_the_day_before, snapshots_of
from services.stabilisation.attention import attention
from services.stabilisation.chronicle import Chronicle, Track, micros
from services.stabilisation.clocks import Clockwork
from services.stabilisation.days import local_date, standups
from services.stabilisation.figures import instant_asked, last_seq
from services.stabilisation.gap import grows, planned_burndown
from services.stabilisation.golive_figures import golive_figures
from services.stabilisation.light import Seen, light_of
from services.stabilisation.measures import Evidence
from services.stabilisation.outlook import outlook, slip, wave_of
from services.stabilisation.readiness import Sitting, phase_of, readiness, relapse_of, sit
from services.stabilisation.view import DAY, EVERYTHING, Life, Movement, Only, View, members, movements_of

MOST_SITTINGS = 20_000
MOST_GOLIVES = 50


@dataclass
class Progress:
    """Of one process. What was at a stand-up is worked out once and remembered: the past does not change."""

    chronicle: Chronicle = field(default_factory=Chronicle)
    sittings: dict[object, Sitting] = field(default_factory=dict)
    _cast: dict[str, "Members"] = field(default_factory=dict)
    _clockworks: dict[str, Clockwork] = field(default_factory=dict)

    @contextmanager
    def look(self, ledger: Ledger, as_of: datetime | None = None) -> Iterator["Outline"]:
        """As known at an instant, or now; one reader at a time. Raises `Invalid` for an instant in the future."""
        with self.chronicle.up_to_date(ledger.database) as connection:
            at = instant_asked(connection, ledger, as_of)
            yield Outline(self, connection, at, golives_of(connection, as_of), as_of is None)

    def clockwork(self, site: str, terms: Terms) -> Clockwork:
        """What it worked out is remembered while the terms of the site stay the same."""
        if site not in self._clockworks or self._clockworks[site].terms != terms:
            self._clockworks[site] = Clockwork(terms)
        return self._clockworks[site]

    def members(self, golives: GoLives, golive: GoLive) -> "Members":
        """Remembered until something happens."""
        stage = (self.chronicle.position, _places(golives, golive))
        if golive.id not in self._cast or self._cast[golive.id].stage != stage:
            tracks = members(self.chronicle, golives, golive)
            self._cast[golive.id] = Members(stage, tracks, movements_of(Life(track, len(track.stands)) for track in tracks))
        return self._cast[golive.id]


def _places(golives: GoLives, golive: GoLive) -> Sequence[object]:
    """What of all the go-lives of a site says which tickets are of one."""
    return tuple((each.id, each.text.starts_at, each.text.areas) for each in golives.at(golive.site))


class Members(NamedTuple):
    """The tickets of a go-live with all their movements, as of a position of the ledger and the go-lives of the site."""

    stage: object
    tracks: Sequence[Track]
    movements: Sequence[Movement]


@dataclass
class Outline:
    """Every go-live as known at one instant."""

    progress: Progress
    connection: Connection
    at: datetime
    golives: GoLives
    now: bool = True

    def newest(self) -> list[GoLive]:
        """As many as are watched, so that the label sets of their series stay closed."""
        return sorted(self.golives.of.values(), key=lambda golive: golive.text.starts_at, reverse=True)[:MOST_GOLIVES]

    def sight(self, golive: str, only: Only = EVERYTHING) -> "Sight":
        """Raises `NotFound`, for one that was declared later too."""
        if golive not in self.golives.of and not self.now and (later := golives_of(self.connection).of.get(golive)):
            raise NotFound(f"{golive} was declared at {later.declared_at.isoformat(timespec='seconds')}: nothing was known of it then")
        return Sight(self, self.golives.find(golive), only)

    @cached_property
    def seq(self) -> int:
        return last_seq(self.connection, self.at)

    def view(self, golive: GoLive, only: Only = EVERYTHING) -> View:
        """Movements that are known already serve every instant, unless history was told after it."""
        at, found = micros(self.at), self.progress.members(self.golives, golive)
        told = found.movements if only == EVERYTHING and (self.now or not self.progress.chronicle.rewritten) else None
        return View(golive, found.tracks, at, at, only, told, self.clockwork(golive.site))

    def clockwork(self, site: str) -> Clockwork:
        return self.progress.clockwork(site, in_terms(self.terms, site))

    @cached_property
    def terms(self) -> dict[str, Terms]:
        return terms_of(self.connection, None if self.now else self.at)


@dataclass
class Sight:
    """One go-live as known at one instant: each part is worked out when it is asked for."""

    outline: Outline
    golive: GoLive
    only: Only = EVERYTHING

    @cached_property
    def view(self) -> View:
        return self.outline.view(self.golive, self.only)

    @cached_property
    def relapse(self) -> str | None:
        return relapse_of(self.view)

    @cached_property
    def exposure(self) -> list[ExposureText]:
        reports = self.outline.golives.exposure.get(self.golive.site, {})
        return [reports[day] for day in sorted(reports)]

    @cached_property
    def figures(self) -> GoLiveFigures:
        phase = phase_of(self.golive, self.outline.at, self.relapse)
        return golive_figures(self.view, phase, self.exposure, self.outline.seq)

    @cached_property
    def burndown(self) -> PlannedBurndown:
        return planned_burndown(self.view)

    @property
    def reported(self) -> bool:
        """Is there a snapshot to report of?"""
        return next(snapshots_of(self.outline.connection, self.golive), None) is not None

    @cached_property
    def forecast(self) -> GoLiveForecast:
        told = outlook(self.view, self.waves())
        before = p50_the_day_before(self.outline.connection, self.golive, self.outline.at)
        targets = (each.model_copy(update={"slip_days": slip(before.get(each.target), each)}) for each in told.targets)
        return told.model_copy(update={"targets": tuple(targets)})

    def waves(self) -> list[Wave]:
        """Of the go-lives before this one, at every site: what the model of the next is told beforehand."""
        earlier = [each for each in self.outline.golives.of.values() if each.text.starts_at < self.golive.text.starts_at]
        waves = (wave_of(self.outline.view(each), self._scale(each)) for each in earlier)
        return [wave for wave in waves if wave]

    def _scale(self, other: GoLive) -> float:
        """Users here to users there, where both sites report them."""
        here, there = (_rostered(self.outline.golives.exposure.get(each.site, {})) for each in (self.golive, other))
        return here / there if here and there else 1.0

    @cached_property
    def sittings(self) -> list[Sitting]:
        """At every stand-up since the go-live, and now."""
        past = [self._sitting(micros(instant)) for _, instant in standups(self.golive.text, self.outline.at)]
        return [*past, sit(self._evidence(self.view))]

    def _sitting(self, at: int) -> Sitting:
        chronicle, golive, kept = self.outline.progress.chronicle, self.golive, self.outline.progress.sittings
        told = (_places(self.outline.golives, golive), self.outline.clockwork(golive.site).terms)
        said = (golive.text, golive.criteria, golive.waivers, golive.attestations, golive.scope_events, told)
        key = (golive.id, hash(repr(said)), hash(tuple(self.exposure)), at, chronicle.rewritten and (chronicle.rewritten, self.view.known))
        if key not in kept:
            if len(kept) >= MOST_SITTINGS:
                kept.clear()
            kept[key] = sit(self._evidence(self.view.earlier(at)))
        return kept[key]

    def _evidence(self, view: View) -> Evidence:
        today = local_date(self.golive.text, view.instant)
        return Evidence(view, [each for each in self.exposure if each.day <= today])

    @cached_property
    def readiness(self) -> Readiness:
        growing = tuple(grows(self.view, self.view.at - number * DAY) for number in range(3))
        seen = Seen(self.figures, self.burndown, self.forecast, self.relapse, (growing[0], growing[1], growing[2]))
        return readiness(self.golive, self.sittings, light_of(seen), self.relapse)

    @cached_property
    def attention(self) -> Attention:
        return attention(self.view, self.outline.connection)

    @property
    def status(self) -> Status:
        return Status(
            figures=self.figures,
            burndown=self.burndown,
            readiness=self.readiness,
            forecast=self.forecast,
            golive=self.golive,
            attention=self.attention,
            sittings=tuple(Sat(at=each.at, verdicts=each.verdicts) for each in self.sittings),
        )


def _rostered(reports: dict[date, ExposureText]) -> float:
    told = [each.rostered_users for each in reports.values() if each.rostered_users]
    return _mean(told)


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
