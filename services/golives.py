"""Go-lives as their events made them, and who may say what of them. No table: the ledger's few entries are folded at each question."""

import tomllib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from schemas import golive_events as g
from schemas.entries import Attribution, Entry
from schemas.event import Event
from schemas.golives import (
    Attestation,
    CriteriaText,
    ExposureText,
    GoLive,
    GoLiveText,
    Plan,
    PlanVersion,
    ScopeEvent,
    ScopeEventText,
    Waiver,
)
from schemas.tables import ENTRIES
from services.errors import Forbidden, Invalid, NotFound, Refused
from services.ledger import Draft, Subject
from services.snapshots import snapshot_ids

SHIPPED = Path(__file__).with_name("criteria.toml")


@lru_cache(1)
def shipped_criteria() -> CriteriaText:
    return CriteriaText.model_validate(tomllib.loads(SHIPPED.read_text("utf-8")))


@dataclass
class GoLives:
    """`of` by id; `exposure` by site and day, the latest report of each."""

    of: dict[str, GoLive] = field(default_factory=dict)
    exposure: dict[str, dict[date, ExposureText]] = field(default_factory=dict)

    def take(self, entry: Entry) -> None:
        fold = _FOLDS.get(entry.type)
        if fold:
            kind, change = fold
            change(self, kind.model_validate(entry.data), entry)

    def find(self, golive: str) -> GoLive:
        if golive not in self.of:
            raise NotFound(f"There is no go-live {golive}; GET /v1/golives lists those there are")
        return self.of[golive]

    def at(self, site: str) -> list[GoLive]:
        """Those of a site, in the order in which they go live."""
        return sorted((each for each in self.of.values() if each.site == site), key=lambda each: each.text.starts_at)

    def change(self, golive: str, **changes: Any) -> None:
        self.of[golive] = self.of[golive].model_copy(update=changes)


def _declared(golives: GoLives, event: g.GoLiveDeclared, entry: Entry) -> None:
    text = GoLiveText.model_validate(event.model_dump(exclude={"golive"}))
    if event.golive in golives.of:
        golives.change(event.golive, text=text, revisions=golives.of[event.golive].revisions + 1)
    else:
        golives.of[event.golive] = GoLive(id=event.golive, text=text, declared_at=entry.recorded_at, criteria=shipped_criteria())


def _proposed(golives: GoLives, event: g.PlanProposed, entry: Entry) -> None:
    version = PlanVersion(version=event.version, plan=event.plan, author=entry.actor, reason=entry.reason, proposed_at=entry.recorded_at)
    golives.change(event.golive, plans=(*golives.of[event.golive].plans, version))


def _approved(golives: GoLives, event: g.PlanApproved, entry: Entry) -> None:
    signed = {"approver": entry.actor, "approved_at": entry.recorded_at}
    plans = (each.model_copy(update=signed) if each.version == event.version else each for each in golives.of[event.golive].plans)
    golives.change(event.golive, plans=tuple(plans))


def _scope(golives: GoLives, event: g.ScopeEventPlanned, entry: Entry) -> None:
    told = ScopeEvent(id=event.scope_event, **event.model_dump(exclude={"golive", "scope_event"}))
    kept = (each for each in golives.of[event.golive].scope_events if each.id != told.id)
    golives.change(event.golive, scope_events=tuple(sorted((*kept, told), key=lambda each: (each.at, each.id))))


def _dropped(golives: GoLives, event: g.ScopeEventDropped, entry: Entry) -> None:
    kept = (each for each in golives.of[event.golive].scope_events if each.id != event.scope_event)
    golives.change(event.golive, scope_events=tuple(kept))


def _adopted(golives: GoLives, event: g.CriteriaAdopted, entry: Entry) -> None:
    before = golives.of[event.golive]
    criteria = CriteriaText(criteria=event.criteria)
    golives.change(event.golive, criteria=criteria, criteria_version=before.criteria_version + 1)


def _waived(golives: GoLives, event: g.CriterionWaived, entry: Entry) -> None:
    said = {"by": entry.actor, "role": entry.role, "reason": entry.reason or "", "granted_at": entry.recorded_at}
    waiver = Waiver(criterion=event.criterion, until=event.until, **said)
    golives.change(event.golive, waivers=(*golives.of[event.golive].waivers, waiver))


def _attested(golives: GoLives, event: g.CriterionAttested, entry: Entry) -> None:
    said = {"by": entry.actor, "role": entry.role, "attested_at": entry.recorded_at}
    attestation = Attestation(**event.model_dump(exclude={"golive"}), **said)
    golives.change(event.golive, attestations=(*golives.of[event.golive].attestations, attestation))


def _exposed(golives: GoLives, event: g.ExposureReported, entry: Entry) -> None:
    golives.exposure.setdefault(event.site, {})[event.day] = ExposureText.model_validate(event.model_dump())


def _exited(golives: GoLives, event: g.GoLiveExited, entry: Entry) -> None:
    golives.change(event.golive, exited_at=entry.recorded_at, exit_snapshot=event.snapshot)


def _reentered(golives: GoLives, event: g.GoLiveReentered, entry: Entry) -> None:
    golives.change(event.golive, exited_at=None, exit_snapshot=None)


_CHANGES: dict[type[Event], Callable[[GoLives, Any, Entry], None]] = {
    g.GoLiveDeclared: _declared,
    g.PlanProposed: _proposed,
    g.PlanApproved: _approved,
    g.ScopeEventPlanned: _scope,
    g.ScopeEventDropped: _dropped,
    g.CriteriaAdopted: _adopted,
    g.CriterionWaived: _waived,
    g.CriterionAttested: _attested,
    g.ExposureReported: _exposed,
    g.GoLiveExited: _exited,
    g.GoLiveReentered: _reentered,
}
_FOLDS = {kind.__name__: (kind, change) for kind, change in _CHANGES.items()}
STEPS = tuple(_FOLDS)


def golives_of(connection: Connection, as_of: datetime | None = None) -> GoLives:
    """As the ledger tells it; with `as_of` as it was known then."""
    told = select(ENTRIES).where(ENTRIES.c.type.in_(STEPS)).order_by(ENTRIES.c.seq)
    if as_of:
        told = told.where(ENTRIES.c.recorded_at <= as_of)
    return _folded(Entry.model_construct(**row) for row in connection.execute(told).mappings())


def _folded(entries: Iterable[Entry]) -> GoLives:
    found = GoLives()
    for entry in entries:
        found.take(entry)
    return found


def standing(draft: Draft) -> GoLives:
    """As this transaction sees them."""
    found = golives_of(draft.connection)
    for fields in draft.entries:
        found.take(Entry.model_construct(**fields))
    return found


def declare(draft: Draft, text: GoLiveText, by: Attribution, golive: str | None = None) -> GoLive:
    """A new go-live, or another word on one: that needs a reason. The same words again change nothing."""
    golives = standing(draft)
    if golive is not None:
        before = golives.find(golive)
        if before.text == text:
            return before
        _check_reason(golive, by)
        if before.site != text.site:
            raise Refused(f"{golive} is at {before.site}; its tickets stay there. Declare another go-live for {text.site}")
    identity = golive or f"GL-{len(golives.of) + 1}"
    return _happened(draft, identity, g.GoLiveDeclared(golive=identity, **text.model_dump()), by)


def propose_plan(draft: Draft, golive: str, plan: Plan, by: Attribution) -> GoLive:
    """From the second on a plan says why it is another one. The first stays visible."""
    known = standing(draft).find(golive)
    if known.plans:
        _check_reason(golive, by)
    return _happened(draft, golive, g.PlanProposed(golive=golive, version=len(known.plans) + 1, plan=plan), by)


def approve_plan(draft: Draft, golive: str, version: int, by: Attribution) -> GoLive:
    known = standing(draft).find(golive)
    plan = next((each for each in known.plans if each.version == version), None)
    if plan is None:
        raise NotFound(f"{golive} has no plan {version}; its plans are 1 to {len(known.plans)}")
    if plan.approved_at or version != len(known.plans):
        raise Refused(f"Plan {version} of {golive} is {'approved already' if plan.approved_at else 'not the newest'}")
    if plan.author == by.actor:
        raise Forbidden(f"{by.actor} proposed plan {version}; somebody else looks at it and approves it")
    return _happened(draft, golive, g.PlanApproved(golive=golive, version=version), by)


def plan_scope_event(draft: Draft, golive: str, text: ScopeEventText, by: Attribution) -> GoLive:
    known = standing(draft).find(golive)
    if text.until is not None and text.until <= text.at:
        raise Invalid("until must come after at")
    numbers = [int(row["data"]["scope_event"][3:]) for row in draft.entries if row["type"] == "ScopeEventPlanned"]
    number = max([_scope_events(draft.connection), *numbers]) + 1
    event = g.ScopeEventPlanned(golive=known.id, scope_event=f"SE-{number}", **text.model_dump())
    return _happened(draft, golive, event, by)


def drop_scope_event(draft: Draft, golive: str, scope_event: str, by: Attribution) -> GoLive:
    known = standing(draft).find(golive)
    _check_reason(golive, by)
    if all(each.id != scope_event for each in known.scope_events):
        raise NotFound(f"{golive} has no scope event {scope_event}")
    return _happened(draft, golive, g.ScopeEventDropped(golive=golive, scope_event=scope_event), by)


def adopt_criteria(draft: Draft, golive: str, text: CriteriaText, by: Attribution) -> GoLive:
    standing(draft).find(golive)
    _check_reason(golive, by)
    return _happened(draft, golive, g.CriteriaAdopted(golive=golive, **text.model_dump()), by)


def waive(draft: Draft, golive: str, event: g.CriterionWaived, by: Attribution) -> GoLive:
    """A waiver ends: it has a date in the future. One that ends now takes an earlier one back."""
    _check_criterion(standing(draft).find(golive), event.criterion)
    _check_reason(golive, by)
    return _happened(draft, golive, event, by)


def attest(draft: Draft, golive: str, event: g.CriterionAttested, by: Attribution) -> GoLive:
    _check_criterion(standing(draft).find(golive), event.criterion)
    return _happened(draft, golive, event, by)


def report_exposure(draft: Draft, text: ExposureText, by: Attribution) -> None:
    """The same report again changes nothing."""
    if standing(draft).exposure.get(text.site, {}).get(text.day) != text:
        draft.append(g.ExposureReported(**text.model_dump()), by, Subject(site=text.site))


def exit_golive(draft: Draft, golive: str, snapshot: str, by: Attribution) -> GoLive:
    """People end a hypercare, on a snapshot that they have seen; whether its criteria held stands in it."""
    known = standing(draft).find(golive)
    _check_reason(golive, by)
    if known.exited_at:
        raise Refused(f"{golive} was ended on {known.exited_at:%Y-%m-%d} already")
    if not snapshot.startswith(f"{golive}-") or snapshot not in snapshot_ids(draft.connection, known):
        raise NotFound(f"{golive} has no snapshot {snapshot}; GET /v1/golives/{golive}/snapshots lists them")
    return _happened(draft, golive, g.GoLiveExited(golive=golive, snapshot=snapshot), by)


def reenter(draft: Draft, golive: str, by: Attribution) -> GoLive:
    known = standing(draft).find(golive)
    _check_reason(golive, by)
    if not known.exited_at:
        raise Refused(f"{golive} was not ended, so there is nothing to go back into")
    return _happened(draft, golive, g.GoLiveReentered(golive=golive), by)


def _happened(draft: Draft, golive: str, event: Event, by: Attribution) -> GoLive:
    site = event.site if isinstance(event, g.GoLiveDeclared) else standing(draft).find(golive).site
    draft.append(event, by, Subject(site=site))
    return standing(draft).find(golive)


def _scope_events(connection: Connection) -> int:
    """None is ever forgotten, so the highest number gives the next."""
    told = select(ENTRIES.c.data).where(ENTRIES.c.type == "ScopeEventPlanned")
    return max((int(data["scope_event"][3:]) for data in connection.execute(told).scalars()), default=0)


def _check_criterion(golive: GoLive, criterion: str) -> None:
    known = [each.id for each in golive.criteria.criteria]
    if criterion not in known:
        raise NotFound(f"{golive.id} has no criterion {criterion}; it has {', '.join(known)}")


def _check_reason(golive: str, by: Attribution) -> None:
    if not (by.reason and by.reason.strip()):
        raise Invalid(f"Say why: this change of {golive} needs a reason that an auditor will understand")
