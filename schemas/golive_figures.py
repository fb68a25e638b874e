"""Everything countable of a go-live at an instant, and what follows from it. docs/figures.md defines each figure to the last event."""

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel

from schemas.attention import Attention
from schemas.figures import Durations
from schemas.golives import GoLive, Phase

Light = Literal["green", "amber", "red"]
Verdict = Literal["pass", "fail", "waived", "unknown"]
ForecastState = Literal["date", "too_early", "never", "holds"]


class Frozen(BaseModel, frozen=True):
    pass


class DayBalance(Frozen):
    """One severity on one site-local day: opening + created + reopened + entered = closing + resolved + cancelled + backlogged + left.

    `entered` and `left`: open tickets that came from or went to another severity (or, where figures are of one system, another system).
    The last day ends at the instant of the figures.
    """

    day: date
    severity: str
    opening: int
    created: int
    reopened: int
    entered: int
    resolved: int
    cancelled: int
    backlogged: int
    left: int
    closing: int


class Ages(Frozen):
    """Seconds since the submission of the open tickets."""

    count: int
    p50: float | None
    p90: float | None
    oldest: float | None


class InTime(Frozen):
    """Of the clocks whose time is up or that stopped in time: `late` stopped after they were due, or still run.

    `target`: seconds of the calendar's time, by the policy in force now. `late_open` of the late ones are still on their way, as are the
    `pending`; `due_soon` of these are past the last warning.
    """

    clock: str
    severity: str
    target: float | None
    met: int
    late: int
    late_open: int
    pending: int
    due_soon: int

    @property
    def share(self) -> float | None:
        return self.met / (self.met + self.late) if self.met + self.late else None


class Share(Frozen):
    """`part` of `whole`; the ratio is absent where the whole is 0. `tickets`: those of the part, the first 50."""

    part: int
    whole: int
    ratio: float | None
    tickets: tuple[str, ...] = ()


class Flow(Frozen):
    """Counts over the last 24 h, 3 and 7 times 24 h, and the 7 before those."""

    day: int
    days_3: int
    days_7: int
    days_7_before: int


class Bounces(Frozen):
    """How often tickets went on from a team that they had been sent to."""

    total: int
    tickets: int
    twice: int


class Workarounds(Frozen):
    in_force: int
    unaccepted: int
    oldest_seconds: float | None
    tickets: tuple[str, ...]


class Gxp(Frozen):
    """Tickets with a GxP flag: open ones, those that nobody has assessed (with the age of the oldest flag by severity, where there is one),
    and confirmed ones without a record of the quality system.
    """

    open: int
    unassessed: int
    unassessed_oldest_seconds: dict[str, float]
    unlinked: int
    tickets: tuple[str, ...]


class Exposure(Frozen):
    """What was reported over the last 7 site days, and what arrived on the days that were reported, per unit of it."""

    days: int
    steps: float
    batches_started: float
    batches_completed: float
    batches_right_first_time: float
    active_users: float | None
    rostered_users: float | None
    arrivals_per_100_steps: float | None
    arrivals_per_batch: float | None
    arrivals_per_user: float | None


class OpenNow(Frozen):
    """Open tickets. `unverified` are resolved and not confirmed, `backlogged` were moved out: neither is open, both stay in sight."""

    total: int
    by_severity: dict[str, int]
    by_system: dict[str, int]
    by_cause: dict[str, int]
    ages: dict[str, Ages]
    unverified: int
    backlogged: int


class Flows(Frozen):
    """`ended`: resolved, cancelled or moved to the backlog. `burn_index`: ended over arrived in 7 days, absent where nothing arrived."""

    arrivals: Flow
    ended: Flow
    resolved: Flow
    reopened: Flow
    closed: Flow
    arrivals_by_system_7d: dict[str, int]
    burn_index: float | None


class Taken(Frozen):
    """Seconds from the submission, by severity and for "all"."""

    acknowledgement: dict[str, Durations]
    workaround: dict[str, Durations]
    resolution: dict[str, Durations]


class Handling(Frozen):
    """How well tickets are handled: shares of those that came, or were resolved, of late."""

    reopened: Share
    first_assignment: Share
    bounces: Bounces
    own_staff: Share
    repeats: Share
    training: Share
    undecided: Share
    undecided_before: Share


class GoLiveFigures(Frozen):
    """As known at `as_of`, when the ledger ended with `ledger_seq`. `system` and `severity` are set where only these are counted.

    `day`: site-local days since that of the go-live. `difference`: open tickets that the balance does not explain; it is 0.
    """

    golive: str
    site: str
    wave: str
    phase: Phase
    as_of: datetime
    ledger_seq: int
    day: int
    system: str | None
    severity: str | None
    balance: tuple[DayBalance, ...]
    difference: int
    open: OpenNow
    flows: Flows
    taken: Taken
    in_time: tuple[InTime, ...]
    handling: Handling
    workarounds: Workarounds
    gxp: Gxp
    last_sev1_at: datetime | None
    days_since_sev1: float | None
    exposure: Exposure | None


class PlannedDay(Frozen):
    """At the start of a site-local day, and at the end at the instant of the figures. `planned` is absent without an approved plan."""

    at: datetime
    open: dict[str, int]
    planned: dict[str, float] | None
    first_planned: dict[str, float] | None


class Mark(Frozen):
    at: datetime
    kind: str
    title: str


class PlannedBurndown(Frozen):
    """Open tickets against the plan. `gap` = open - planned over the planned severities; `growth_3d` how much it grew in three days;
    `noise_3d` = 2√(arrivals + endings) of these three days. `required_per_day` = (open - target + arrivals that are planned until then) /
    days left until the planned end.
    """

    golive: str
    as_of: datetime
    days: tuple[PlannedDay, ...]
    marks: tuple[Mark, ...]
    plan_version: int | None
    gap: float | None
    relative_gap: float | None
    growth_3d: float | None
    noise_3d: float
    required_per_day: float | None
    closures_per_day: float


class CriterionVerdict(Frozen):
    """`value` is what was measured, `threshold` what it is held to, both in words; `tickets` are the evidence, the first 50.

    `since`: it has this verdict without a break since then, looked at once a day at the stand-up. `tickets_url` lists the evidence.
    """

    id: str
    title: str
    measure: str
    verdict: Verdict
    value: str
    threshold: str
    since: datetime | None
    tickets: tuple[str, ...] = ()
    tickets_url: str | None = None
    note: str | None = None


class Readiness(Frozen):
    """The exit criteria evaluated. It states; people decide. `would_have_passed_on`: the first stand-up at which all held.

    `relapse` says why the go-live is to be gone back into, while the guard after an exit lasts.
    """

    golive: str
    as_of: datetime
    criteria_version: int
    passed: int
    of: int
    all_hold: bool
    since: datetime | None
    would_have_passed_on: datetime | None
    light: Light
    reasons: tuple[str, ...]
    criteria: tuple[CriterionVerdict, ...]
    relapse: str | None

    @property
    def weakest(self) -> tuple[CriterionVerdict, ...]:
        """The three that have failed longest, then those that nothing is known of."""
        failing = [each for each in self.criteria if each.verdict in ("fail", "unknown")]
        return tuple(sorted(failing, key=lambda each: (each.verdict, each.since or self.as_of))[:3])


class ForecastDay(Frozen):
    day: date
    low: float
    median: float
    high: float


class TargetForecast(Frozen):
    """When a target will be met: on half, and on 85 %, of the paths by then. Site days, absent where `state` gives none; `reason` says why.

    `slip_days`: how much later the half-way date is than in the snapshot of the day before. `late_days`: the 85 % date after the planned
    end.
    """

    target: str
    state: ForecastState
    reason: str
    p50: date | None
    p85: date | None
    slip_days: float | None = None
    late_days: float | None = None


class GoLiveForecast(Frozen):
    """`fan`: open tickets of the coming days on 15, 50 and 85 % of the paths. `remaining`: problems still expected to be found."""

    golive: str
    as_of: datetime
    planned_end: datetime
    paths: int
    targets: tuple[TargetForecast, ...]
    remaining: float | None
    trend: float | None
    fit: dict[str, float | str] | None
    fan: tuple[ForecastDay, ...]


class Sat(Frozen):
    """The verdicts of a stand-up, in the order of the criteria."""

    at: datetime
    verdicts: tuple[Verdict, ...]


class Status(Frozen):
    """All that a snapshot keeps of a go-live. What was added later is absent from earlier snapshots.

    `golive`: as people had declared and planned it. `sittings`: the criteria at every stand-up, and now.
    """

    figures: GoLiveFigures
    burndown: PlannedBurndown
    readiness: Readiness
    forecast: GoLiveForecast
    golive: GoLive | None = None
    attention: Attention | None = None
    sittings: tuple[Sat, ...] = ()
