"""A snapshot a day, at the stand-up of the site: kept once, whoever takes it and whenever, and never worked out again."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from starlette.testclient import TestClient

from schemas import events as e
from schemas.golive_events import CriterionWaived
from schemas.golives import Snapshot
from services import golives as said
from services.db import Database, migrate, open_database
from services.ledger import Ledger
from services.roles import cast
from services.settings import Settings
from services.snapshots import digest_of, newest, snapshots_of
from services.stabilisation.keeper import Keeper, keeping, taken_now
from services.stabilisation.progress import Progress
from services.stabilisation.readiness import GUARD
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.desks import client_of, refused, taken
from tests.lives import entries_of
from tests.small_golives import BEGIN, DAY, HOUR, LEAD, SOLVED, Stage
from tests.test_outlook import days

GL = "/v1/golives/GL-1"
WAIVER = CriterionWaived(golive="GL-1", criterion="batches", until=BEGIN + 12 * DAY)


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    return Stage(ledger)


def kept(stage: Stage) -> int:
    """By a keeper that has just begun."""
    return asyncio.run(Keeper(stage.ledger, Progress()).take_due())


def snapshots(stage: Stage, golive: str = "GL-1") -> list[Snapshot]:
    """The oldest first."""
    return stage.seen(lambda sight: list(snapshots_of(sight.outline.connection, sight.golive))[::-1], golive=golive)


@pytest.mark.parametrize("zone", ["Europe/Dublin", "America/New_York", "Asia/Kolkata"])
@pytest.mark.parametrize("begin", [datetime(2026, 3, 5, 12, tzinfo=UTC), datetime(2026, 3, 26, 12, tzinfo=UTC)])
def test_a_day_has_one_at_the_standup_of_the_site_also_where_the_clocks_change(stage: Stage, zone: str, begin: datetime) -> None:
    stage.declare(time_zone=zone, starts_at=begin)
    stage.now = begin + 5 * DAY
    assert (kept(stage), kept(stage)) == (5, 0)
    local = [each.as_of.astimezone(ZoneInfo(zone)) for each in snapshots(stage)]
    assert {(each.hour, each.minute) for each in local} == {(6, 0)}
    assert [each.date() for each in local] == [each.day for each in snapshots(stage)]


def test_it_is_due_at_the_standup_and_not_a_moment_before(stage: Stage) -> None:
    stage.declare(time_zone="UTC")
    stage.day(1, microseconds=-1)
    assert kept(stage) == 0
    stage.day(1)
    assert kept(stage) == 1
    (only,) = snapshots(stage)
    assert (only.id, only.as_of, only.day) == ("GL-1-2026-03-03", stage.now, date(2026, 3, 3))
    assert only.content["figures"]["as_of"] == "2026-03-03T06:00:00Z"


def test_none_is_of_a_time_before_the_declaration(stage: Stage) -> None:
    stage.day(4, hours=2)
    stage.declare()
    assert kept(stage) == 0
    stage.day(6)
    assert kept(stage) == 2
    assert [each.day.day for each in snapshots(stage)] == [7, 8]


def test_days_that_were_missed_are_taken_later_as_they_were_known_then(tmp_path: Path) -> None:
    found = []
    for name, diligent in (("in time", True), ("late", False)):
        stage = _fresh(tmp_path / f"{name}.db")
        with closing(stage.ledger), closing(stage.ledger.database):
            _lives(stage, diligent)
            kept(stage)
            found.append(snapshots(stage))
    in_time, late = found
    assert [each.id for each in late] == [each.id for each in in_time]
    assert len(late) == 16
    assert {target["state"] for each in late for target in each.content["forecast"]["targets"]} >= {"date", "too_early"}
    assert any(target["slip_days"] for each in late for target in each.content["forecast"]["targets"])
    assert [told(each) for each in late] == [told(each) for each in in_time]


def told(snapshot: Snapshot) -> dict[str, Any]:
    """But for the number of the last entry: the snapshots of the days before are entries themselves."""
    content = snapshot.content
    return content | {"figures": content["figures"] | {"ledger_seq": None}}


def _fresh(path: Path) -> Stage:
    database = open_database(f"sqlite:///{path}")
    migrate(database)
    return Stage(Ledger(database))


def _lives(stage: Stage, diligent: bool) -> None:
    """A ticket is graded anew and criteria are waived on the way; one keeper looks in every day, the other one at the end."""
    stage.declare()
    for day in range(16):
        stage.day(day)
        days(stage, day, day + 1)
        if day == 9:
            stage.does("HC-3", e.TicketReopened())
            stage.does("HC-3", e.TicketReclassified(severity="sev1"))
            stage.write(partial(said.waive, golive="GL-1", event=WAIVER, by=LEAD))
        if day == 11:
            stage.does("HC-3", SOLVED)
        stage.day(day + 1, seconds=5)
        if diligent:
            kept(stage)


def test_two_replicas_keep_one(stage: Stage, database: Database) -> None:
    stage.declare()
    stage.day(3)
    other = Ledger(database, stage.ledger.clock)
    keepers = [Keeper(ledger, Progress()) for ledger in (stage.ledger, other)]
    due = keepers[0].due()
    assert due == keepers[1].due()
    for golive, day, instant in due:
        both = [keeper.taken(golive.id, day, instant) for keeper in keepers]
        assert both[0] == both[1]
        wrote = [keeper.ledger.write(keeping(golive, each)) for keeper, each in zip(keepers, both, strict=True)]
        assert sorted(each.result() for each in wrote) == [False, True]
        staged = [stage.ledger.write(keeping(golive, each)).result() for each in both]
        assert staged == [False, False]
    assert len(snapshots(stage)) == 3
    other.close()


def test_the_same_snapshot_twice_in_one_commit_is_kept_once(stage: Stage) -> None:
    golive = stage.declare()
    stage.day(1)
    keeper = Keeper(stage.ledger, Progress())
    ((_, day, instant),) = keeper.due()
    command = keeping(golive, keeper.taken("GL-1", day, instant))
    assert stage.write(lambda draft: (command(draft), command(draft))) == (True, False)


def test_its_digest_is_that_of_its_content_and_a_changed_content_shows(stage: Stage) -> None:
    stage.declare()
    stage.day(0, hours=1)
    stage.ticket("sev1", title="Zähler fällt aus – «Linie 3»")
    stage.day(2)
    assert kept(stage) == 2
    for each in snapshots(stage):
        assert digest_of(each.content) == each.digest
        assert digest_of(each.content | {"golive": None}) != each.digest


def test_it_says_what_was_known_then_whatever_becomes_known_later(stage: Stage) -> None:
    stage.declare()
    stage.day(1, hours=1)
    ticket = stage.ticket("sev3")
    stage.day(2, seconds=5)
    kept(stage)
    before = snapshots(stage)[-1]
    stage.day(4)
    stage.does(ticket, e.TicketReclassified(severity="sev1"))
    again = Keeper(stage.ledger, Progress()).taken("GL-1", before.day, before.as_of)
    assert again.digest == before.digest
    assert before.content["figures"]["last_sev1_at"] is None
    assert stage.seen(lambda sight: sight.figures.last_sev1_at) == BEGIN + DAY + HOUR


def test_a_restored_ledger_gives_the_same_snapshots_to_a_process_that_knows_nothing(stage: Stage) -> None:
    stage.declare()
    days(stage, 0, 9)
    stage.day(9, seconds=5)
    kept(stage)
    keeper = Keeper(stage.ledger, Progress())
    for each in snapshots(stage):
        assert keeper.taken("GL-1", each.day, each.as_of).digest == each.digest


def test_they_end_with_the_relapse_guard_and_go_on_after_a_reentry(stage: Stage) -> None:
    stage.declare()
    stage.day(2)
    kept(stage)
    stage.write(lambda draft: said.exit_golive(draft, "GL-1", "GL-1-2026-03-04", LEAD))
    stage.day(2 + GUARD / DAY + 5)
    assert kept(stage) == 14
    assert snapshots(stage)[-1].as_of == BEGIN + 2 * DAY + GUARD
    stage.write(lambda draft: said.reenter(draft, "GL-1", LEAD))
    stage.now += DAY
    assert kept(stage) == 6


def test_the_newest_is_the_one_whose_figures_are_newest_whenever_it_was_taken(stage: Stage) -> None:
    golive = stage.declare()
    stage.day(2, hours=3)
    asked = stage.seen(taken_now)
    stage.write(keeping(golive, asked, LEAD))
    stage.now += HOUR
    assert kept(stage) == 2
    assert [each.as_of for each in snapshots(stage)] == [BEGIN + DAY, BEGIN + 2 * DAY, BEGIN + 2 * DAY + 3 * HOUR]
    assert stage.seen(lambda sight: newest(sight.outline.connection, sight.golive)).id == asked.snapshot
    entry = next(each for each in entries_of(stage.ledger) if each.type == "SnapshotTaken" and each.data["snapshot"] == "GL-1-2026-03-03")
    assert (entry.occurred_at, entry.recorded_at) == (BEGIN + DAY, stage.now)


@pytest.fixture
def client(stage: Stage) -> Iterator[TestClient]:
    stage.declare()
    parts = cast(Settings(), stage.ledger, ("api", "stabilisation"))
    app = create_app(parts.routers, SelfNamed())
    parts.furnish(app)
    with client_of(app) as opened:
        yield opened


def test_one_can_be_asked_for_between_two_standups_and_the_hypercare_ended_on_it(stage: Stage, client: TestClient) -> None:
    stage.day(1, hours=3)
    head = taken(client.post(f"{GL}/snapshots"))
    assert (head["id"], head["day"], head["as_of"]) == ("GL-1-2026-03-03T090000", "2026-03-03", "2026-03-03T09:00:00Z")
    assert "taken in this very second" in refused(client.post(f"{GL}/snapshots"), 409, "refused")["detail"]
    assert kept(stage) == 1
    assert [each["id"] for each in taken(client.get(f"{GL}/snapshots"))["snapshots"]] == [head["id"], "GL-1-2026-03-03"]
    whole = taken(client.get(f"{GL}/snapshots/2026-03-03"))
    assert (whole["id"], digest_of(whole["content"])) == (head["id"], head["digest"])
    ended = taken(client.post(f"{GL}/exit", json={"snapshot": head["id"], "reason": "the steering committee saw it"}))
    assert (ended["exit_snapshot"], ended["exited_at"]) == (head["id"], "2026-03-03T09:00:00Z")


def test_an_exit_needs_a_snapshot_of_its_own_and_happens_once(stage: Stage, client: TestClient) -> None:
    stage.declare(site="Lund")
    stage.day(1)
    assert kept(stage) == 2
    because = {"reason": "the steering committee saw it"}
    for wrong in ("GL-2-2026-03-03", "GL-1-2026-03-04"):
        problem = refused(client.post(f"{GL}/exit", json={"snapshot": wrong} | because), 404, "not-found")
        assert problem["detail"] == f"GL-1 has no snapshot {wrong}; GET /v1/golives/GL-1/snapshots lists them"
    right = {"snapshot": "GL-1-2026-03-03"}
    refused(client.post(f"{GL}/exit", json=right), 422, "invalid")
    assert "nothing to go back into" in refused(client.post(f"{GL}/reenter", json=because), 409, "refused")["detail"]
    taken(client.post(f"{GL}/exit", json=right | because))
    assert "was ended on 2026-03-03 already" in refused(client.post(f"{GL}/exit", json=right | because), 409, "refused")["detail"]
    back = taken(client.post(f"{GL}/reenter", json=because))
    assert (back["exited_at"], back["exit_snapshot"]) == (None, None)
    taken(client.post(f"{GL}/exit", json=right | because))


def test_a_day_without_one_is_said(stage: Stage, client: TestClient) -> None:
    assert taken(client.get(f"{GL}/snapshots"))["snapshots"] == []
    stage.now += timedelta(hours=1)
    assert "06:00 at the site" in refused(client.get(f"{GL}/snapshots/2026-03-03"), 404, "not-found")["detail"]
    refused(client.get("/v1/golives/GL-7/snapshots"), 404, "not-found")
    refused(client.post("/v1/golives/GL-7/snapshots"), 404, "not-found")
