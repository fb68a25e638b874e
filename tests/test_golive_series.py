"""The series of go-lives: equal to what a fresh process folds, whatever happened before; with closed label sets; counted as SQL counts."""

from collections import Counter
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from schemas.figures import GRADES, UNDECIDED
from schemas.golive_events import CriterionWaived
from schemas.golives import ExposureText
from schemas.tables import TICKETS
from services import golives as said
from services.golives import shipped_criteria
from services.ledger import Ledger
from services.stabilisation.chronicle import Chronicle
from services.stabilisation.golive_series import LIGHTS, SERIES, STATES, VERDICTS, told
from services.stabilisation.in_time import CLOCKS
from services.stabilisation.progress import MOST_GOLIVES, Progress
from services.stabilisation.pulse import Pulse
from services.stabilisation.reading import Reading
from services.stabilisation.signals import MOST_ROUTES
from tests.golive_lives import declared, lived
from tests.golive_lives import text as any_text
from tests.pasts import BEGIN as PAST
from tests.pasts import moved, random_past
from tests.scrapes import scraped
from tests.small_golives import BEGIN, DAY, LEAD, Stage

Values = dict[tuple[str, ...], float]


def series_of(readings: list[Reading]) -> dict[str, Values]:
    return {each.name: dict(told(each, readings)) for each in SERIES}


def now(ledger: Ledger, progress: Progress) -> dict[str, Values]:
    return series_of(Pulse(progress).fresh(ledger))


def same(ledger: Ledger, progress: Progress) -> dict[str, Values]:
    """The series, which must be those of a process that has just begun."""
    found, fresh = now(ledger, progress), now(ledger, Progress())
    assert found == fresh
    return found


def test_without_a_golive_there_is_no_series(ledger: Ledger) -> None:
    stage = Stage(ledger)
    stage.ticket("sev1")
    assert all(not values for values in same(ledger, Progress()).values())
    assert not [name for name, _ in scraped(ledger) if name.startswith("hypercare_golive")]


def test_a_scrape_tells_the_series_of_every_golive(ledger: Ledger) -> None:
    stage = Stage(ledger)
    stage.declare()
    stage.day(2)
    stage.ticket("sev1")
    found = {name for name, _ in scraped(ledger) if name.startswith("hypercare_golive")}
    assert found == {f"hypercare_{name}" for name, values in now(ledger, Progress()).items() if values}


def test_a_process_that_reads_on_tells_what_a_fresh_one_tells(ledger: Ledger) -> None:
    """Through everything that may change the past: waivers, exposure, another plan, another go-live whose tickets these now are."""
    progress = Progress()
    first = declared(ledger, any_text())
    waiver = CriterionWaived(golive="GL-1", criterion="no_sev1", until=BEGIN + 400 * DAY)
    changes: list[Any] = [
        lambda draft: said.waive(draft, "GL-1", waiver, LEAD),
        lambda draft: said.report_exposure(draft, ExposureText(site="Cork", day=first.text.starts_at.date(), batches_completed=9), LEAD),
        lambda draft: said.declare(draft, any_text(begin=first.text.starts_at + DAY, wave="2", areas=("Line 1",)), LEAD),
        lambda draft: said.declare(draft, first.text.model_copy(update={"starts_at": first.text.starts_at + DAY / 3}), LEAD, "GL-1"),
    ]
    Random(2).shuffle(changes)
    for number, change in enumerate(changes):
        lived(ledger, "Cork", 10 + number, steps=25, hours=6)
        now(ledger, progress)
        ledger.write(change).result()
        same(ledger, progress)


def test_what_was_worked_out_of_tickets_that_are_now_another_golives_is_forgotten(ledger: Ledger) -> None:
    stage = Stage(ledger)
    stage.declare(time_zone="UTC")
    stage.day(1)
    stage.ticket("sev1")
    stage.day(20)
    assert stage.seen(lambda sight: sight.readiness.would_have_passed_on) is None
    failed = stage.seen(lambda sight: [each.verdicts[0] for each in sight.sittings])
    stage.declare(time_zone="UTC", wave="2", starts_at=BEGIN + DAY / 2)
    assert stage.seen(lambda sight: [each.verdicts[0] for each in sight.sittings]) != failed
    assert stage.seen(lambda sight: sight.status) == stage.afresh(lambda sight: sight.status)


def test_history_that_is_moved_over_changes_what_was_worked_out_before(ledger: Ledger) -> None:
    progress, stage = Progress(), Stage(ledger, datetime.now(UTC))
    stage.declare(starts_at=PAST, planned_end=PAST + 42 * DAY)
    found = []
    for seed in range(2):
        assert moved(ledger, random_past(seed, 5))
        stage.now = datetime.now(UTC)
        found.append(same(ledger, progress))
        with progress.look(ledger) as outline, Progress().look(ledger, outline.at) as other:
            assert outline.sight("GL-1").readiness == other.sight("GL-1").readiness
    assert [sum(each["golive_open"].values()) for each in found] != [0, 0]


def test_label_sets_are_closed_whatever_the_tickets_are(ledger: Ledger) -> None:
    declared(ledger, any_text())
    for seed in range(4):
        lived(ledger, "Cork", seed, steps=60)
    found = now(ledger, Progress())
    here = ("GL-1", "Cork", "1")
    windows = {("1d",), ("3d",), ("7d",), ("7d_before",)}
    clocks = {(clock, grade) for clock in CLOCKS for grade in GRADES}
    targets = {"exit", "no_sev1_sev2"}
    closed: dict[tuple[str, ...], Any] = {
        ("severity",): {(grade,) for grade in GRADES},
        ("window",): windows,
        ("clock", "severity"): clocks,
        ("state",): {(verdict,) for verdict in VERDICTS},
        ("criterion",): {(each.id,) for each in shipped_criteria().criteria},
        ("target",): {(target,) for target in targets},
        ("target", "quantile"): {(target, quantile) for target in targets for quantile in ("p50", "p85")},
        ("target", "state"): {(target, state) for target in targets for state in STATES},
        ("accepted",): {("yes",), ("no",)},
        ("phase",): {("hypercare",), ("overdue",)},
        ("figure",): {(name,) for name in ("reopened", "first_assignment", "own_staff", "repeats", "training")},
        (): {()},
    }
    for each in SERIES:
        assert {labels[:3] for labels in found[each.name]} <= {here}, each.name
        more = {labels[3:] for labels in found[each.name]}
        assert len(more) <= MOST_ROUTES + 1 if each.labels == ("system",) else more <= closed[each.labels], each.name


def test_more_golives_than_are_watched_add_no_series(ledger: Ledger) -> None:
    texts = [any_text(site=f"site {number}", begin=BEGIN + number * DAY / 24) for number in range(MOST_GOLIVES + 3)]
    ledger.clock = lambda: BEGIN + 9 * DAY

    def command(draft: Any) -> None:
        for each in texts:
            said.declare(draft, each, LEAD)

    ledger.write(command).result()
    with Progress().look(ledger) as outline:
        assert [each.site for each in outline.newest()] == [each.site for each in reversed(texts)][:MOST_GOLIVES]


def test_the_values_are_those_of_the_figures(ledger: Ledger) -> None:
    declared(ledger, any_text())
    lived(ledger, "Cork", 5, steps=120)
    with Progress().look(ledger) as outline:
        status = outline.sight("GL-1").status
    found = now(ledger, Progress())
    here = ("GL-1", "Cork", "1")
    assert found["golive_open"] == {(*here, grade): status.figures.open.by_severity[grade] for grade in GRADES}
    assert found["golive_light"][here] == LIGHTS[status.readiness.light]
    assert sum(found["golive_criteria"].values()) == status.readiness.of
    assert sum(found["golive_criterion_holds"].values()) == status.readiness.passed
    assert found["golive_plan_gap"][here] == status.burndown.gap
    assert found["golive_plan_total"][here] == pytest.approx(sum((status.burndown.days[-1].planned or {}).values()), abs=0.02)
    assert found["golive_balance_difference"][here] == 0
    assert found["golive_info"] == {(*here, status.figures.phase): 1}
    assert found["golive_ended"][*here, "7d"] == status.figures.flows.ended.days_7
    assert {sum(values for labels, values in found["golive_forecast_state"].items() if labels[3] == target) for target in ("exit",)} == {1}


def test_a_small_installation_is_told_as_of_now(ledger: Ledger) -> None:
    stage = Stage(ledger)
    stage.declare()
    pulse = Pulse(Progress())
    for number in range(1, 4):
        stage.day(number)
        stage.ticket("sev2")
        assert series_of(pulse.readings(ledger)) == now(ledger, Progress())
        assert pulse.readings(ledger)[0].figures.open.total == number


def test_a_scrape_of_a_large_one_does_not_wait_and_is_given_what_the_one_before_asked_for(ledger: Ledger) -> None:
    stage = Stage(ledger)
    stage.declare()
    pulse = Pulse(Progress(), most_steps=1, after=0)
    opened = []
    for number in range(1, 4):
        stage.day(number)
        stage.ticket("sev2")
        opened.append([each.figures.open.total for each in pulse.readings(ledger)])
        pulse.rest()
    assert opened == [[], [1], [2]]


@pytest.mark.parametrize("seed", range(2))
def test_the_census_equals_a_recount_of_the_tickets(ledger: Ledger, seed: int) -> None:
    """Through reclassification, reopening and moved history; also where a process read on."""
    ledger.clock = lambda: PAST
    chronicle = Chronicle()
    for site in ("Cork", "Lund"):
        lived(ledger, site, seed, steps=150, hours=3)
        with chronicle.up_to_date(ledger.database):
            pass
    ledger.clock = lambda: datetime.now(UTC)
    moved(ledger, random_past(seed, 12, "Ghent"))
    for told_by in (chronicle, Chronicle()):
        with told_by.up_to_date(ledger.database):
            pass
        found = list(told_by.census.groups())
        assert Counter({group[:4]: group.tickets for group in found}) == _recounted(ledger)
        for name, column in (("acknowledgement", TICKETS.c.acknowledged_at), ("resolution", TICKETS.c.resolved_at)):
            taken = _taken(ledger, column)
            assert sum(getattr(group, name).number for group in found) == len(taken)
            assert sum(getattr(group, name).total for group in found) == pytest.approx(sum(taken))


def _recounted(ledger: Ledger) -> Counter[tuple[str, ...]]:
    alike = (TICKETS.c.site, func.coalesce(TICKETS.c.system, UNDECIDED), func.coalesce(TICKETS.c.severity, UNDECIDED), TICKETS.c.state)
    with ledger.database.read() as connection:
        rows = connection.execute(select(*alike, func.count()).group_by(*alike)).all()
    return Counter({tuple(map(str, row[:4])): row[4] for row in rows})


def _taken(ledger: Ledger, column: Any) -> list[float]:
    with ledger.database.read() as connection:
        rows = connection.execute(select(TICKETS.c.submitted_at, column).where(column.is_not(None))).all()
    return [(end - begin).total_seconds() for begin, end in rows]
