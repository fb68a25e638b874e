"""The handover of a shift forgets nothing: every open ticket is in it once, with an owner or with nobody, and it can be drafted again."""

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from schemas import events as e
from schemas.golives import GoLiveText, Shift
from schemas.handover import Handover, HandoverItem
from services.errors import Invalid
from services.ledger import Ledger
from services.stabilisation.days import shifts_around
from services.stabilisation.handover import handover
from services.stabilisation.progress import Progress
from services.stabilisation.report.handover import handover_document
from services.stabilisation.report.markdown import markdown
from tests.command_line import run
from tests.dispatching import routed
from tests.lived_golives import BEGIN, DAY, TEXT, Clock, just_begun, lived, served
from tests.lives import ENGINEER, happened

HOUR = timedelta(hours=1)
SHIFTS = (Shift(begin="06:00", end="14:00"), Shift(begin="14:00", end="22:00"), Shift(begin="22:00", end="06:00"))
THREE = TEXT.model_copy(update={"shifts": SHIFTS})


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with closing(lived(tmp_path_factory.mktemp("plant"), 8)) as ledger, closing(ledger.database):
        yield ledger


@pytest.fixture
def clock(ledger: Ledger) -> Clock:
    """Of a ledger with a go-live that has three shifts a day; the first has just begun."""
    return just_begun(ledger, THREE)


def drafted(ledger: Ledger, shift: datetime | None = None) -> Handover:
    return handover(Progress(), ledger, "GL-1", shift)


def items_of(told: Handover) -> list[HandoverItem]:
    return [item for several in told.items.values() for item in several]


def place(told: Handover, ticket: str) -> str:
    return next(name for name, several in told.items.items() if ticket in [item.note.id for item in several])


@pytest.mark.parametrize("days", [0, 1, 3, 6, 8])
def test_every_open_ticket_is_there_once_with_an_owner_or_nobody(plant: Ledger, days: int) -> None:
    told = drafted(plant, BEGIN + days * DAY)
    with Progress().look(plant, told.as_of) as outline:
        still = {life.ticket: life.stand.owner or "nobody" for life in outline.sight("GL-1").view.open}
    assert Counter(item.note.id for item in items_of(told)) == Counter(list(still))
    assert {item.note.id: item.owner for item in items_of(told)} == still
    text = markdown(handover_document(told))
    assert all(text.count(f"\n| {ticket} |") == 1 for ticket in [*still, *(each.ticket for each in told.ended)])


def test_each_ticket_stands_where_it_matters_most(ledger: Ledger, clock: Clock) -> None:
    grave, due, waiting, around, changed, other = (routed(ledger, grade).id for grade in ("sev2", "sev3", "sev4", "sev4", "sev4", "sev4"))
    for ticket in (waiting, around, changed):
        happened(ledger, ticket, e.TicketAcknowledged())
        happened(ledger, ticket, e.TicketCommented(text="seen"))
    happened(ledger, waiting, e.TicketPutOnHold(waiting_for="retest"))
    happened(ledger, around, e.TicketWorkedAround(workaround="by hand"))
    told = drafted(ledger)
    assert [place(told, ticket) for ticket in (grave, due, waiting, around)] == ["grave", "due", "waiting", "workarounds"]
    assert place(told, changed) == "changed"
    assert place(told, other) in ("due", "others")


def test_what_falls_due_before_the_next_shift_ends_is_told(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev2").id
    clock.now = BEGIN + 20 * timedelta(minutes=1)
    (item,) = drafted(ledger).items["grave"]
    assert [(each.clock, each.late) for each in item.falling] == [("acknowledgement", True), ("response", False), ("workaround", False)]
    assert item.note.id == ticket


def test_changes_of_the_shift_name_who_made_them_and_why(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev2").id
    clock.now = BEGIN + HOUR
    happened(ledger, ticket, e.TicketAcknowledged())
    (item,) = drafted(ledger).items["grave"]
    assert [(each.what, each.by, each.reason) for each in item.changes] == [("acknowledged", "erik", ENGINEER.reason)]
    clock.now = BEGIN + 9 * HOUR
    assert drafted(ledger).items["grave"][0].changes == ()


def test_what_ended_in_the_shift_is_told_and_is_not_open(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev2").id
    clock.now = BEGIN + HOUR
    happened(ledger, ticket, e.TicketResolved(cause_system="erp", cause_class="training", resolution="shown how"))
    told = drafted(ledger)
    assert [(each.ticket, each.state, each.by) for each in told.ended] == [(ticket, "resolved", "erik")]
    assert (told.arrived, items_of(told)) == (1, [])


def test_a_past_shift_is_drafted_again_as_it_was_known(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev2").id
    clock.now = BEGIN + 8 * HOUR
    first = drafted(ledger, BEGIN)
    clock.now = BEGIN + 30 * HOUR
    happened(ledger, ticket, e.TicketReclassified(severity="sev1"))
    routed(ledger, "sev1")
    assert drafted(ledger, BEGIN + HOUR) == first
    assert first.as_of == BEGIN + 8 * HOUR


def test_a_shift_to_come_is_refused(ledger: Ledger, clock: Clock) -> None:
    with pytest.raises(Invalid, match="has begun"):
        drafted(ledger, BEGIN + 3 * DAY)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("2026-03-28T23:00", ["2026-03-28T22:00", "2026-03-29T05:00", "2026-03-29T05:00", "2026-03-29T13:00"]),
        ("2026-10-25T00:30", ["2026-10-24T21:00", "2026-10-25T06:00", "2026-10-25T06:00", "2026-10-25T14:00"]),
        ("2026-03-02T06:00", ["2026-03-02T06:00", "2026-03-02T14:00", "2026-03-02T14:00", "2026-03-02T22:00"]),
    ],
)
def test_shifts_are_the_sites_own_over_both_changes_of_the_clocks(at: str, expected: list[str]) -> None:
    found = shifts_around(THREE, datetime.fromisoformat(at).replace(tzinfo=UTC))
    assert [each.isoformat(timespec="minutes")[:16] for each in found] == expected


def test_between_shifts_it_is_the_one_that_ran_last_and_without_shifts_it_goes_from_standup_to_standup() -> None:
    week = TEXT.model_copy(update={"shifts": (Shift(days=("mon",), begin="08:00", end="16:00"),)})
    assert shifts_around(week, BEGIN + 5 * DAY) == (
        BEGIN + 2 * HOUR,
        BEGIN + 10 * HOUR,
        BEGIN + 7 * DAY + 2 * HOUR,
        BEGIN + 7 * DAY + 10 * HOUR,
    )
    whole: GoLiveText = TEXT
    assert shifts_around(whole, BEGIN + HOUR) == (BEGIN, BEGIN + DAY, BEGIN + DAY, BEGIN + 2 * DAY)


def test_the_command_and_the_routes_tell_the_same(plant: Ledger) -> None:
    shift = (BEGIN + 5 * DAY).isoformat()
    with served(plant) as url, httpx2.Client(base_url=f"{url}/v1/golives/GL-1/", trust_env=False) as client:
        told = Handover.model_validate(client.get("handover", params={"shift": shift}).json())
        page = client.get("handover/report", params={"shift": shift})
        shown = run("handover", "Cork", "--shift", shift, "--url", url).stdout
    assert all(item.note.id in page.text and item.note.id in shown for item in items_of(told))
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Owned by nobody" in shown
