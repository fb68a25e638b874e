"""What a snapshot keeps of single tickets: which they are, what was known of them then, and nothing that was learned later."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import events as e
from schemas.attention import MOST_LISTED, Attention
from schemas.entries import Attribution
from services import golives as said
from services.ledger import Ledger
from services.snapshots import digest_of
from services.stabilisation.keeper import Keeper
from services.stabilisation.progress import Progress
from tests.lived_golives import BEGIN, DAY, TEXT, Clock, lived
from tests.lives import DESK, ENGINEER, QA, happened, submitted

CLASSIFIED = {"decided_by": "floor", "prediction": {}, "model": "m", "rules": "r", "configuration": "c"}
HOUR = timedelta(hours=1)


@pytest.fixture
def clock(ledger: Ledger) -> Clock:
    """Of a ledger that knows one go-live at Cork, which begins now."""
    clock = Clock(BEGIN - DAY)
    ledger.clock = clock
    ledger.write(lambda draft: said.declare(draft, TEXT, Attribution("ann", "hypercare_lead"))).result()
    clock.now = BEGIN
    return clock


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ledger]:
    with closing(lived(tmp_path_factory.mktemp("plant"), 10)) as ledger, closing(ledger.database):
        yield ledger


def seen(ledger: Ledger, at: datetime | None = None) -> Attention:
    with Progress().look(ledger, at) as outline:
        return outline.sight("GL-1").attention


def ticket(ledger: Ledger, severity: str = "sev2", gxp: str = "none", **fields: Any) -> str:
    made = submitted(ledger, reported_severity=severity, **fields).id
    happened(ledger, made, e.TicketClassified(system="lims", severity=severity, gxp=gxp, **CLASSIFIED), DESK)
    happened(ledger, made, e.TicketRouted(system="lims", team="lims"), DESK)
    return made


def test_open_sev1_and_sev2_are_listed_gravest_and_oldest_first(ledger: Ledger, clock: Clock) -> None:
    made = [ticket(ledger, severity) for severity in ("sev3", "sev2", "sev1", "sev2", "sev1")]
    happened(ledger, made[4], e.TicketResolved(cause_system="lims", cause_class="device", resolution="Changed"))
    assert seen(ledger).grave.tickets == (made[2], made[1], made[3])


def test_a_ticket_is_told_as_it_was_known(ledger: Ledger, clock: Clock) -> None:
    made = ticket(ledger, "sev1", "potential", title="Printer is dead", clock="hold time ends 14:00", batch="B-7", area="Line 5")
    happened(ledger, made, e.TicketAcknowledged(), ENGINEER)
    happened(ledger, made, e.TicketAssigned(assignee="ines", due_at=BEGIN + HOUR))
    happened(ledger, made, e.TicketWorkedAround(workaround="Print at line 4"))
    before, clock.now = clock.now, BEGIN + 2 * HOUR
    happened(ledger, made, e.TicketWorkaroundAccepted(), QA)
    happened(ledger, made, e.TicketReclassified(gxp="confirmed"), QA)
    happened(ledger, made, e.TicketLinked(quality_record="DEV-1"), QA)
    then, now = (seen(ledger, at).tickets[made] for at in (before, None))
    assert (then.title, then.owner, then.due_at, then.clock, then.batch) == (
        "Printer is dead",
        "ines",
        BEGIN + HOUR,
        "hold time ends 14:00",
        "B-7",
    )
    assert (then.workaround, then.workaround_accepted, then.gxp, then.gxp_assessed) == ("Print at line 4", False, "potential", False)
    assert (now.workaround_accepted, now.gxp, now.gxp_assessed, now.quality_record) == (True, "confirmed", True, "DEV-1")
    assert (then.late, now.late) == ((), ("promise",))


def test_a_target_that_has_passed_is_named(ledger: Ledger, clock: Clock) -> None:
    made = ticket(ledger, "sev1")
    clock.now = BEGIN + timedelta(seconds=300)
    assert seen(ledger).late.total == 0
    clock.now += timedelta(microseconds=1)
    ticket(ledger, "sev4")
    assert seen(ledger).tickets[made].late == ("acknowledgement",)
    clock.now = BEGIN + 3 * HOUR
    ticket(ledger, "sev4")
    assert seen(ledger).tickets[made].late == ("acknowledgement", "response", "workaround")


def test_a_flag_waits_until_it_is_assessed_and_the_confirmed_one_until_it_is_linked(ledger: Ledger, clock: Clock) -> None:
    made = ticket(ledger, "sev3", "potential")
    happened(ledger, made, e.TicketResolved(cause_system="lims", cause_class="device", resolution="Changed"))
    assert seen(ledger).gxp.tickets == (made,)
    happened(ledger, made, e.TicketReclassified(gxp="confirmed"), QA)
    assert seen(ledger).gxp.tickets == (made,)
    happened(ledger, made, e.TicketLinked(quality_record="DEV-1"), QA)
    found = seen(ledger)
    assert found.gxp.total == 0
    assert (found.quality.flagged, found.quality.assessed, found.quality.confirmed, found.quality.linked) == (1, 1, 1, 1)


def test_a_list_keeps_the_first_and_counts_all(ledger: Ledger, clock: Clock) -> None:
    for _ in range(MOST_LISTED + 3):
        ticket(ledger)
    found = seen(ledger)
    assert (found.grave.total, len(found.grave.tickets)) == (MOST_LISTED + 3, MOST_LISTED)
    assert set(found.tickets) == {*found.grave.tickets, *found.oldest.tickets}


def test_lists_agree_with_the_figures(plant: Ledger) -> None:
    with Progress().look(plant) as outline:
        status = outline.sight("GL-1").status
    figures, found = status.figures, status.attention
    assert found
    assert found.grave.total == figures.open.by_severity["sev1"] + figures.open.by_severity["sev2"]
    assert found.oldest.total == figures.open.total
    assert found.workarounds.total == figures.workarounds.in_force
    assert found.quality.flagged - found.quality.assessed == figures.gxp.unassessed
    assert found.quality.confirmed - found.quality.linked == figures.gxp.unlinked
    assert sum(sum(counts.values()) for counts in found.new.values()) == figures.flows.arrivals.day
    assert found.known_errors[0].id == "KE-1"
    assert status.sittings[-1].verdicts == tuple(each.verdict for each in status.readiness.criteria)


def test_a_snapshot_taken_later_is_the_same(tmp_path: Path) -> None:
    with closing(lived(tmp_path, 3)) as ledger, closing(ledger.database):
        golive, day, instant = Keeper(ledger, Progress()).due()[-1]
        first = Keeper(ledger, Progress()).taken(golive.id, day, instant)
        assert isinstance(ledger.clock, Clock)
        ledger.clock.now += DAY
        for each in seen(ledger).grave.tickets:
            happened(ledger, each, e.TicketAssigned(assignee="late", due_at=ledger.clock.now))
        ticket(ledger, "sev1")
        assert "late" in {note.owner for note in seen(ledger).tickets.values()}
        assert Keeper(ledger, Progress()).taken(golive.id, day, instant).digest == first.digest == digest_of(first.content)
