"""What the clocks of a site run by, as the ledger tells it: policies, the zone and shifts of its go-lives, and when nobody works.

The past is never rewritten: a policy, a zone and shifts hold for the clocks that start after they were told, and a rest for the time after
it was planned and, where it is dropped, until then.
"""

import tomllib
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection, select

from schemas.clock_events import PolicyAdopted
from schemas.clocks import Policy, PolicyText
from schemas.entries import Attribution, Entry
from schemas.golive_events import GoLiveDeclared, ScopeEventPlanned
from schemas.golives import RESTS, Shift
from schemas.tables import ENTRIES
from services.calendars import known_place
from services.errors import Invalid
from services.ledger import Draft, Subject

SHIPPED = Path(__file__).with_name("policy.toml")
TOLD_BY = ("PolicyAdopted", "GoLiveDeclared", "ScopeEventPlanned", "ScopeEventDropped")
DAY = timedelta(days=1)


@lru_cache(1)
def shipped_policy() -> Policy:
    return Policy(version=0, text=PolicyText.model_validate(tomllib.loads(SHIPPED.read_text("utf-8"))))


class Place(NamedTuple):
    """Where a site is and when it works, as its last go-live said at `told`."""

    told: datetime
    zone: str = "UTC"
    shifts: tuple[Shift, ...] = ()


NOWHERE = Place(datetime.min.replace(tzinfo=UTC))


class Rest(NamedTuple):
    """A holiday or shutdown of a go-live. `told`: the go-live and the number of its scope event."""

    told: tuple[str, str]
    begin: datetime
    end: datetime


@dataclass(frozen=True)
class Terms:
    """Of one site, in the order of the ledger."""

    policies: tuple[Policy, ...] = ()
    places: tuple[Place, ...] = ()
    rests: tuple[Rest, ...] = ()

    def policy(self, started: datetime) -> Policy:
        """In force then; before the first one the shipped policy."""
        number = bisect_right(self.policies, started, key=_since)
        return self.policies[number - 1] if number else shipped_policy()

    def place(self, started: datetime) -> Place:
        """As told by then; before anything was told UTC, without shifts."""
        number = bisect_right(self.places, started, key=_told)
        return self.places[number - 1] if number else NOWHERE


def _since(policy: Policy) -> datetime:
    assert policy.since is not None
    return policy.since


def _told(place: Place) -> datetime:
    return place.told


NOTHING_TOLD = Terms()


def terms_of(connection: Connection, as_of: datetime | None = None) -> dict[str, Terms]:
    """By site; with `as_of` as it was known then."""
    told = select(ENTRIES).where(ENTRIES.c.type.in_(TOLD_BY)).order_by(ENTRIES.c.seq)
    if as_of:
        told = told.where(ENTRIES.c.recorded_at <= as_of)
    return folded(Entry.model_construct(**row) for row in connection.execute(told).mappings())


def folded(entries: Iterable[Entry]) -> dict[str, Terms]:
    """The terms that these entries, in order, make. Others among them say nothing here."""
    found: dict[str, Terms] = defaultdict(Terms)
    for entry in entries:
        if entry.type in TOLD_BY and entry.site is not None:
            found[entry.site] = _after(found[entry.site], entry)
    return dict(found)


def _after(terms: Terms, entry: Entry) -> Terms:
    at = entry.recorded_at
    if entry.type == "PolicyAdopted":
        return replace(terms, policies=(*terms.policies, _adopted(terms, entry)))
    if entry.type == "GoLiveDeclared":
        declared = GoLiveDeclared.model_validate(entry.data)
        place = Place(at, declared.time_zone, declared.shifts)
        return replace(terms, places=(*terms.places, place))
    told = (entry.data["golive"], entry.data["scope_event"])
    if entry.type == "ScopeEventDropped":
        return replace(terms, rests=tuple(_until(rest, at) if rest.told == told else rest for rest in terms.rests))
    planned = ScopeEventPlanned.model_validate(entry.data)
    rest = Rest(told, max(planned.at, at), planned.until or planned.at + DAY)
    return replace(terms, rests=(*terms.rests, rest)) if planned.kind in RESTS and rest.begin < rest.end else terms


def _adopted(terms: Terms, entry: Entry) -> Policy:
    text = PolicyText.model_validate({name: value for name, value in entry.data.items() if name in PolicyText.model_fields})
    return Policy(version=len(terms.policies) + 1, text=text, since=entry.recorded_at, by=entry.actor, reason=entry.reason)


def _until(rest: Rest, at: datetime) -> Rest:
    return rest._replace(end=max(min(rest.end, at), rest.begin))


def standing(draft: Draft, site: str) -> Terms:
    """As this transaction sees them."""
    told = select(ENTRIES).where(ENTRIES.c.type.in_(TOLD_BY), ENTRIES.c.site == site).order_by(ENTRIES.c.seq)
    kept = [Entry.model_construct(**row) for row in draft.connection.execute(told).mappings()]
    fresh = [Entry.model_construct(**fields) for fields in draft.entries]
    return in_terms(folded([*kept, *fresh]), site)


def in_terms(terms: Mapping[str, Terms], site: str) -> Terms:
    return terms.get(site, NOTHING_TOLD)


def adopt_policy(draft: Draft, site: str, text: PolicyText, by: Attribution) -> Policy:
    """For the clocks that start from now on. The same policy again changes nothing.

    Raises `Invalid` without a reason, and where there are no holidays of a country that it names.
    """
    if unknown := [name for name, each in text.calendars.items() if each.holidays and not known_place(each.holidays)]:
        raise Invalid(f"There are no holidays of {text.calendars[unknown[0]].holidays}; write a country as IE, a part of one as DE-BY")
    before = standing(draft, site).policy(draft.now)
    if before.text == text:
        return before
    if not (by.reason and by.reason.strip()):
        raise Invalid(f"Say why: another policy of {site} needs a reason that an auditor will understand")
    draft.append(PolicyAdopted(site=site, **text.model_dump()), by, Subject(site=site))
    return standing(draft, site).policies[-1]
