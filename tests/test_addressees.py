"""A person's own budget counts the pages of all their targets together, and they read times on their own clock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from schemas import events as e
from schemas.entries import Attribution
from services.dispatcher import Addressees
from services.dispatcher.budget import SHIPPED, Budget, read_budget
from services.dispatcher.leases import Lease, due, lease, sent
from services.dispatcher.requests import delivery_id
from services.dispatcher.text import compose
from services.ledger import Ledger
from services.teams import Teams
from services.tickets import record
from tests.dispatching import PLACES, TEAMS, asked, paged, routed, row_of
from tests.lives import entries_of

MAIL, CHAT = "mail:lea@plant.example", "apprise:lea"
SHARED = "mail:desk@plant.example"


def lived(**lea: Any) -> Teams:
    """Lea has two targets, and a box that she shares with Ben."""
    own = {"name": "Lea Ende", "page": [MAIL, CHAT, "console:lea"], "notify": [SHARED]} | lea
    people = {"lea": own, "ben": {"name": "Ben Cole", "page": ["mail:ben@plant.example", SHARED]}}
    return Teams.model_validate(TEAMS.model_dump() | {"people": people})


def of(text: str = "3/15m", **lea: Any) -> Addressees:
    return Addressees(read_budget(text), lived(**lea))


def woken(ledger: Ledger, severity: str = "sev2") -> list[str]:
    """One page to Lea at both of her targets, as it is asked for: in one transaction."""
    ticket = routed(ledger, severity)
    cause = entries_of(ledger, ticket.id)[-1].id
    pairs = [tuple(target.split(":")) for target in (MAIL, CHAT)]
    told = [{"delivery": delivery_id(cause, *pair), "channel": pair[0], "address": pair[1], "urgency": "page"} for pair in pairs]
    by = Attribution("service:dispatcher", "service", cause=cause)
    events = [e.NotificationRequested.model_validate(each) for each in told]
    ledger.write(lambda draft: [record(draft, ticket.id, event, by) for event in events]).result()
    return [event.delivery for event in events]


def went(ledger: Ledger, addressees: Addressees, at_once: bool = False) -> list[Lease]:
    """What goes out of all that is due: one after the other, or leased all in one transaction."""
    found = due(ledger, (), (), 99)
    batches = [found] if at_once else [[each] for each in found]
    leases: list[Lease] = []
    for batch in batches:
        leases += (taken := ledger.write(partial(lease, candidates=batch, seconds=30.0, addressees=addressees)).result())
        for each in taken if not at_once else ():
            ledger.write(partial(sent, done=each)).result()
    return leases


def states(ledger: Ledger, deliveries: Sequence[str]) -> set[str]:
    return {row_of(ledger, each)["state"] for each in deliveries}


def test_a_target_is_of_the_one_person_whose_own_it_is() -> None:
    teams = lived()
    assert [teams.person_at(*target.split(":")) for target in (MAIL, CHAT, "console:lea", SHARED, "pager:erp")] == ["lea"] * 3 + [None] * 2


def test_only_targets_that_wake_count_and_who_has_no_budget_has_that_of_the_settings() -> None:
    known = of(page_budget="1/15m")
    assert known.of(("mail", "lea@plant.example")).targets == (("apprise", "lea"), ("mail", "lea@plant.example"))
    assert known.of(("mail", "lea@plant.example")).budget == read_budget("1/15m")
    assert known.of(("mail", "ben@plant.example")).budget == read_budget("3/15m")
    assert known.of(("mail", "desk@plant.example")).targets == (("mail", "desk@plant.example"),)
    assert of(page_budget="none").of(("apprise", "lea")).budget == Budget()
    assert Addressees().of(("mail", "x@plant.example")).budget == SHIPPED


def test_a_page_at_two_targets_counts_once(ledger_on_each: Ledger) -> None:
    pages = [woken(ledger_on_each) for _ in range(3)]
    alone = of("4/15m")
    assert len(went(ledger_on_each, alone)) == 6
    assert [states(ledger_on_each, page) for page in pages] == [{"sent"}] * 3
    last, held = woken(ledger_on_each), woken(ledger_on_each)
    leases = went(ledger_on_each, alone)
    assert {each.of.id for each in leases} == {*last}
    assert {(each.of.target, bundled.delivery) for each in leases for bundled in each.bundle} == {
        (each.of.target, row) for each, row in zip(sorted(leases, key=lambda each: last.index(each.of.id)), held, strict=True)
    }, "each target's last message tells what waits there"
    assert states(ledger_on_each, held) == {"sent"}
    after = woken(ledger_on_each)
    assert (went(ledger_on_each, alone), states(ledger_on_each, after)) == ([], {"pending"})


@pytest.mark.parametrize("at_once", [False, True])
def test_pages_at_different_targets_of_a_person_count_together(ledger_on_each: Ledger, at_once: bool) -> None:
    pages = [paged(ledger_on_each, target=target) for _, target in product(range(2), (MAIL, CHAT))]
    leases = went(ledger_on_each, of("3/15m"), at_once)
    assert {each.of.id for each in leases} == {*pages[:3]}
    assert row_of(ledger_on_each, pages[3])["state"] == "pending"


def test_what_two_people_share_counts_by_itself(ledger: Ledger) -> None:
    pages = [paged(ledger, target=target) for target in (SHARED, MAIL, SHARED, MAIL)]
    assert {each.of.id for each in went(ledger, of("2/15m"))} == {*pages}


@pytest.mark.parametrize(("budget", "number"), [("2/15m", 2), ("none", 6), (None, 4)])
def test_a_person_s_own_budget_holds_in_place_of_the_setting(ledger: Ledger, budget: str | None, number: int) -> None:
    for _ in range(6):
        paged(ledger, target=MAIL)
    assert len(went(ledger, of("4/15m", page_budget=budget))) == number


def test_a_sev1_goes_out_whatever_the_budget_of_the_person(ledger: Ledger) -> None:
    pages = [each for _ in range(3) for each in woken(ledger, "sev1")]
    assert {each.of.id for each in went(ledger, of(page_budget="1/9h"))} == {*pages}


def leased(ledger: Ledger, target: str, zone: str | None) -> Lease:
    identity = asked(ledger, routed(ledger), target)
    (candidate,) = [each for each in due(ledger, (), (), 100) if each.id == identity]
    return ledger.write(partial(lease, candidates=[candidate], seconds=30.0, addressees=of(time_zone=zone))).result()[0]


@pytest.mark.parametrize(
    ("zone", "at", "shown"),
    [
        ("Europe/Berlin", "2026-03-29T00:59", "2026-03-29 01:59 CET (00:59 UTC)"),
        ("Europe/Berlin", "2026-03-29T01:10", "2026-03-29 03:10 CEST (01:10 UTC)"),
        ("Europe/Berlin", "2026-10-25T00:30", "2026-10-25 02:30 CEST (00:30 UTC)"),
        ("Europe/Berlin", "2026-10-25T01:30", "2026-10-25 02:30 CET (01:30 UTC)"),
        ("America/New_York", "2026-07-01T02:00", "2026-06-30 22:00 EDT (2026-07-01 02:00 UTC)"),
        ("UTC", "2026-07-01T02:00", "2026-07-01 02:00 UTC"),
        (None, "2026-07-01T02:00", "2026-07-01 02:00 UTC"),
    ],
)
def test_a_person_reads_times_on_their_own_clock(ledger: Ledger, zone: str | None, at: str, shown: str) -> None:
    own = leased(ledger, MAIL, zone)
    assert own.zone == (ZoneInfo(zone) if zone else None)
    told = replace(own, ticket=own.ticket.model_copy(update={"occurred_at": datetime.fromisoformat(at).replace(tzinfo=UTC)}))
    assert f"Happened: {shown}" in compose(told, PLACES).text.splitlines()
    assert compose(told, PLACES) == compose(told, PLACES)


def test_at_a_target_that_is_nobody_s_own_times_are_utc(ledger: Ledger) -> None:
    shared = leased(ledger, SHARED, "Europe/Berlin")
    assert f"Happened: {shared.ticket.occurred_at:%Y-%m-%d %H:%M} UTC" in compose(shared, PLACES).text.splitlines()
