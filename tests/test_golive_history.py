"""A site in mid-hypercare moves in: figures, balance, verdicts, handover and series of its go-live follow the times of the earlier tool."""

from datetime import UTC, datetime, timedelta

import pytest

from schemas import events as e
from schemas.golives import GoLive
from services.errors import NotFound
from services.ledger import Ledger
from services.stabilisation.handover import handover
from services.stabilisation.progress import Progress
from tests.golive_lives import PLAN, declared, text
from tests.golive_recount import Pencil, check
from tests.lives import ENGINEER, entries_of, happened, submitted
from tests.pasts import BEGIN, moved, past, random_past, row, taken
from tests.scrapes import scraped, value

DAY = timedelta(days=1)


def moved_in(ledger: Ledger, seed: int, tickets: int = 40) -> GoLive:
    """The go-live began two days before the earlier tool's first ticket."""
    golive = declared(ledger, text(begin=BEGIN - 2 * DAY), PLAN)
    taken(moved(ledger, random_past(seed, tickets)))
    return golive


@pytest.mark.parametrize("seed", range(6))
def test_figures_of_a_golive_that_moved_in_equal_a_recount_of_the_ledger(ledger: Ledger, seed: int) -> None:
    golive = moved_in(ledger, seed)
    with Progress().look(ledger) as outline:
        check(outline.sight(golive.id).figures, Pencil(golive, entries_of(ledger), outline.at))


def test_each_event_stands_on_the_day_on_which_it_happened(ledger: Ledger) -> None:
    golive = declared(ledger, text(begin=BEGIN - DAY))
    rows = past("INC1", "submitted", "acknowledged", "resolved", severity="sev2", system="erp")
    taken(moved(ledger, [*rows, row("INC2", "submitted", 24 * 10, severity="sev3")]))
    with Progress().look(ledger) as outline:
        figures = outline.sight(golive.id).figures
    created = {line.day: line.created for line in figures.balance if line.created}
    assert list(created.values()) == [1, 1]
    assert [later - earlier for earlier, later in zip(list(created)[:-1], list(created)[1:], strict=True)] == [10 * DAY]
    assert figures.taken.resolution["sev2"].median == 7200
    assert figures.flows.arrivals.day == 0


def test_what_was_known_before_a_site_moved_in_stays_nothing(ledger: Ledger) -> None:
    golive = declared(ledger, text(begin=BEGIN - DAY))
    submitted(ledger)
    before = entries_of(ledger)[-1].recorded_at
    taken(moved(ledger, random_past(1, 20)))
    with Progress().look(ledger, before) as outline:
        assert outline.sight(golive.id).figures.open.total == 1
    with Progress().look(ledger, golive.declared_at - DAY) as outline, pytest.raises(NotFound, match="GL-1 was declared at 20"):
        outline.sight(golive.id)
    with Progress().look(ledger) as outline:
        assert outline.sight(golive.id).figures.open.total > 1


def test_verdicts_of_past_standups_are_worked_out_again_when_history_comes(ledger: Ledger) -> None:
    golive = declared(ledger, text(begin=BEGIN - DAY))
    now = datetime.now(UTC) + timedelta(minutes=5)
    ledger.clock = lambda: now
    reader = Progress()
    with reader.look(ledger) as outline:
        early = outline.sight(golive.id).readiness
    taken(moved(ledger, past("INC1", "submitted", "acknowledged", severity="sev1", system="erp")))
    with reader.look(ledger) as outline, Progress().look(ledger) as fresh:
        late = outline.sight(golive.id).readiness
        assert late == fresh.sight(golive.id).readiness
    assert [each.verdict for each in early.criteria if each.id == "no_sev1"] == ["pass"]
    assert [(each.verdict, each.tickets) for each in late.criteria if each.id == "no_sev1"] == [("fail", ("HC-1",))]
    assert [each.since for each in late.criteria if each.id == "no_sev1"] != [late.as_of]


def test_history_is_no_change_of_the_shift_in_which_it_was_moved_over(ledger: Ledger) -> None:
    golive = declared(ledger, text(begin=BEGIN - DAY))
    taken(
        moved(ledger, [*past("INC1", "submitted", "acknowledged", "resolved", severity="sev3", system="erp"), row("INC2", "submitted", 1)])
    )
    told = handover(Progress(), ledger, golive.id)
    assert (told.arrived, told.ended) == (0, ())
    assert [item.changes for several in told.items.values() for item in several] == [()]


def test_an_open_ticket_that_moved_in_goes_on_here(ledger: Ledger) -> None:
    golive = declared(ledger, text(begin=BEGIN - DAY))
    taken(moved(ledger, past("INC1", "submitted", "acknowledged", severity="sev2", system="erp")))
    happened(ledger, "HC-1", e.TicketResolved(cause_system="erp", cause_class="device", resolution="set"), ENGINEER)
    with Progress().look(ledger) as outline:
        figures, at = outline.sight(golive.id).figures, outline.at
        check(figures, Pencil(golive, entries_of(ledger), at))
    assert figures.taken.resolution["sev2"].median == pytest.approx((at - BEGIN).total_seconds(), abs=60)
    assert figures.flows.resolved.day == 1


def test_series_of_a_golive_that_moved_in_are_those_of_a_restarted_process(ledger: Ledger) -> None:
    moved_in(ledger, 3)
    now = datetime.now(UTC)
    ledger.clock = lambda: now
    first, again = scraped(ledger), scraped(ledger)
    assert {key: number for key, number in first.items() if "golive" in key[0]} == {k: n for k, n in again.items() if "golive" in k[0]}
    assert value(first, "golive_balance_difference", golive="GL-1", site="Cork", wave="1") == 0
