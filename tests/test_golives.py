"""Go-lives over HTTP: who may say what of them, what needs a reason, and what stays in sight of what was said before."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from starlette.testclient import TestClient

from schemas.golives import ExposureText, ScopeEventText
from services import golives as said
from services.db import migrate, open_database
from services.golives import golives_of, shipped_criteria
from services.ledger import Ledger
from tests.desks import app_of, client_of, refused, taken
from tests.lives import entries_of
from tests.small_golives import BEGIN, DAY, LEAD, Stage, text

BECAUSE = {"reason": "agreed in the steering committee"}
PLAN = {"by_severity": {"sev3": {"shape": "linear", "peak": 20, "target": 2, "days": 30}}}
CRITERIA = shipped_criteria().model_dump(mode="json")
GL = "/v1/golives/GL-1"
Body = dict[str, Any]


def body(**fields: Any) -> Body:
    return text(**fields).model_dump(mode="json")


@pytest.fixture
def stage(ledger: Ledger) -> Stage:
    return Stage(ledger)


@pytest.fixture
def client(stage: Stage) -> Iterator[TestClient]:
    """Of a desk that knows one go-live."""
    with client_of(app_of(stage.ledger)) as opened:
        taken(opened.post("/v1/golives", json=body(), headers=by("ann")))
        yield opened


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The same, for what must be refused and so changes nothing."""
    with closing(open_database(f"sqlite:///{tmp_path_factory.mktemp('golives') / 'hypercare.db'}")) as database:
        migrate(database)
        with closing(Ledger(database)) as ledger, client_of(app_of(ledger)) as opened:
            taken(opened.post("/v1/golives", json=body(), headers=by("ann")))
            yield opened


def by(actor: str, role: str = "hypercare_lead") -> dict[str, str]:
    return {"Hypercare-Actor": actor, "Hypercare-Role": role}


def post(client: TestClient, path: str, told: Body, actor: str = "ann") -> Body:
    return taken(client.post(f"{GL}/{path}", json=told, headers=by(actor)))


def test_it_is_declared_with_a_name_a_place_and_the_shipped_criteria(client: TestClient) -> None:
    answer = client.post("/v1/golives", json=body(site="Lund"))
    assert (answer.status_code, answer.headers["location"]) == (201, "/v1/golives/GL-2")
    golive = taken(client.get("/v1/golives/GL-2"))
    assert golive == answer.json()
    assert (golive["criteria"], golive["criteria_version"], golive["plans"], golive["revisions"]) == (CRITERIA, 0, [], 0)
    assert [each["id"] for each in taken(client.get("/v1/golives"))["golives"]] == ["GL-1", "GL-2"]
    assert [each["id"] for each in taken(client.get("/v1/golives", params={"site": "Lund"}))["golives"]] == ["GL-2"]


FAULTS: dict[str, tuple[Body, str]] = {
    "ends before": ({"planned_end": "2026-03-01T00:00:00Z"}, "planned_end must come after starts_at"),
    "no zone": ({"time_zone": "Mars/Olympus"}, "zone of the tz database"),
    "a path": ({"time_zone": "../etc/passwd"}, "zone of the tz database"),
    "no offset": ({"starts_at": "2026-03-02T06:00:00"}, "needs a UTC offset"),
    "nobody": ({"normal_arrivals": 0}, "normal_arrivals"),
    "no day": ({"shifts": [{"days": ["someday"], "begin": "06:00", "end": "14:00"}]}, "shifts"),
    "a stray word": ({"mood": "good"}, "mood"),
}


@pytest.mark.parametrize(("wrong", "word"), FAULTS.values(), ids=FAULTS)
def test_a_fault_is_named_and_declares_nothing(strict: TestClient, wrong: Body, word: str) -> None:
    problem = refused(strict.post("/v1/golives", json=body() | wrong), 422, "invalid")
    assert word in str(problem)
    assert len(taken(strict.get("/v1/golives"))["golives"]) == 1


def test_another_word_on_it_needs_a_reason_and_the_same_word_changes_nothing(client: TestClient, stage: Stage) -> None:
    number = len(entries_of(stage.ledger))
    assert taken(client.put(GL, json={"golive": body()}))["revisions"] == 0
    assert len(entries_of(stage.ledger)) == number
    changed = body(name="wave 1 and a half")
    assert "needs a reason" in refused(client.put(GL, json={"golive": changed}), 422, "invalid")["detail"]
    golive = taken(client.put(GL, json={"golive": changed} | BECAUSE))
    assert (golive["text"]["name"], golive["revisions"], golive["id"]) == ("wave 1 and a half", 1, "GL-1")
    assert entries_of(stage.ledger)[-1].reason == BECAUSE["reason"]


def test_its_site_stays(client: TestClient) -> None:
    problem = refused(client.put(GL, json={"golive": body(site="Lund")} | BECAUSE), 409, "refused")
    assert "Declare another go-live for Lund" in problem["detail"]
    assert taken(client.get(GL))["text"]["site"] == "Cork"


def test_a_plan_holds_once_somebody_else_has_approved_it(client: TestClient) -> None:
    proposed = post(client, "plans", {"plan": PLAN})["plans"]
    assert [(each["version"], each["author"], each["approver"]) for each in proposed] == [(1, "ann", None)]
    problem = refused(client.post(f"{GL}/plans/1/approve", json={}, headers=by("ann")), 403, "forbidden")
    assert "somebody else" in problem["detail"]
    approved = post(client, "plans/1/approve", {}, "bob")["plans"]
    assert (approved[0]["approver"], approved[0]["approved_at"] is None) == ("bob", False)
    again = refused(client.post(f"{GL}/plans/1/approve", json={}, headers=by("cleo")), 409, "refused")
    assert "approved already" in again["detail"]


def test_only_the_newest_plan_is_approved_and_each_but_the_first_says_why(client: TestClient, stage: Stage) -> None:
    post(client, "plans", {"plan": PLAN})
    assert "needs a reason" in refused(client.post(f"{GL}/plans", json={"plan": PLAN}), 422, "invalid")["detail"]
    assert len(post(client, "plans", {"plan": PLAN} | BECAUSE)["plans"]) == 2
    assert "not the newest" in refused(client.post(f"{GL}/plans/1/approve", json={}, headers=by("bob")), 409, "refused")["detail"]
    assert "its plans are 1 to 2" in refused(client.post(f"{GL}/plans/3/approve", json={}, headers=by("bob")), 404, "not-found")["detail"]
    post(client, "plans/2/approve", {}, "bob")
    third = {"by_severity": {"sev2": {"shape": "gates", "gates": [{"day": 0, "open": 4}]}}}
    post(client, "plans", {"plan": third} | BECAUSE)
    golive = stage.seen(lambda sight: sight.golive)
    assert golive.plan == golive.first_plan == golive.plans[1]
    post(client, "plans/3/approve", {}, "bob")
    golive = stage.seen(lambda sight: sight.golive)
    assert (golive.first_plan, golive.plan) == (golive.plans[1], golive.plans[2])
    assert [each.reason for each in golive.plans] == [None, BECAUSE["reason"], BECAUSE["reason"]]


def event(kind: str = "line", days: float = 5, **more: Any) -> Body:
    return {"kind": kind, "title": "Line 6", "at": (BEGIN + days * DAY).isoformat()} | more


def test_scope_events_have_names_of_their_own_for_good(client: TestClient) -> None:
    taken(client.post("/v1/golives", json=body(site="Lund")))
    post(client, "scope-events", event(days=9))
    taken(client.post("/v1/golives/GL-2/scope-events", json=event()))
    assert [each["id"] for each in post(client, "scope-events", event())["scope_events"]] == ["SE-3", "SE-1"]
    assert [each["id"] for each in post(client, "scope-events/SE-3/drop", BECAUSE)["scope_events"]] == ["SE-1"]
    assert "no scope event SE-3" in refused(client.post(f"{GL}/scope-events/SE-3/drop", json=BECAUSE), 404, "not-found")["detail"]
    refused(client.post(f"{GL}/scope-events/SE-2/drop", json=BECAUSE), 404, "not-found")
    assert [each["id"] for each in post(client, "scope-events", event())["scope_events"]] == ["SE-4", "SE-1"]


def test_a_scope_event_ends_after_it_begins(client: TestClient) -> None:
    for until in (0, -1):
        wrong = event("holiday", until=(BEGIN + (5 + until) * DAY).isoformat())
        assert "until must come after at" in refused(client.post(f"{GL}/scope-events", json=wrong), 422, "invalid")["detail"]
    refused(client.post(f"{GL}/scope-events/SE-1/drop", json={}), 422, "invalid")


def test_criteria_are_adopted_all_at_once_with_a_reason(client: TestClient) -> None:
    fewer = CRITERIA | {"criteria": CRITERIA["criteria"][:2]}
    refused(client.put(f"{GL}/criteria", json=fewer), 422, "invalid")
    golive = taken(client.put(f"{GL}/criteria", json=fewer | BECAUSE))
    assert (golive["criteria"]["criteria"], golive["criteria_version"]) == (fewer["criteria"], 1)


WRONG_CRITERIA: dict[str, tuple[Body, str]] = {
    "no measure": ({"measure": "hope", "limits": {}}, "there is no measure 'hope'"),
    "a limit too few": ({"limits": {"most": 3}}, "sev2_held needs these limits and no others: most, days"),
    "a limit too many": ({"limits": {"most": 3, "days": 5, "hope": 1}}, "sev2_held needs these limits"),
    "below 0": ({"limits": {"most": -1, "days": 5}}, "greater than or equal to 0"),
    "twice": ({"id": "no_sev1"}, "twice: no_sev1"),
}


@pytest.mark.parametrize(("wrong", "word"), WRONG_CRITERIA.values(), ids=WRONG_CRITERIA)
def test_a_criterion_that_cannot_be_measured_is_named(strict: TestClient, wrong: Body, word: str) -> None:
    first, second, *rest = CRITERIA["criteria"]
    problem = refused(strict.put(f"{GL}/criteria", json=CRITERIA | BECAUSE | {"criteria": [first, second | wrong, *rest]}), 422, "invalid")
    assert word in str(problem)
    assert "criteria" in str(problem)
    assert taken(strict.get(GL))["criteria_version"] == 0


def verdict(stage: Stage, criterion: str) -> tuple[str, str | None]:
    told = stage.seen(lambda sight: sight.readiness.criteria)
    return next((each.verdict, each.note) for each in told if each.id == criterion)


def waived(client: TestClient, until: Any, reason: str = "the vendor delivers on Friday") -> None:
    post(client, "waivers", {"criterion": "batches", "until": until.isoformat(), "reason": reason})


def test_the_latest_waiver_counts_until_it_ends_or_is_taken_back(client: TestClient, stage: Stage) -> None:
    stage.day(1)
    assert verdict(stage, "batches") == ("unknown", None)
    waived(client, stage.now + 2 * DAY)
    note = "waived by ann (hypercare_lead) until 2026-03-05: the vendor delivers on Friday"
    assert verdict(stage, "batches") == ("waived", note)
    stage.day(3, microseconds=-1)
    assert verdict(stage, "batches")[0] == "waived"
    stage.day(3)
    assert verdict(stage, "batches") == ("unknown", None)
    waived(client, stage.now + 9 * DAY)
    assert verdict(stage, "batches")[0] == "waived"
    stage.now += timedelta(seconds=1)
    waived(client, stage.now, "it came on Thursday")
    assert verdict(stage, "batches") == ("unknown", None)
    assert [each["reason"] for each in taken(client.get(GL))["waivers"]][-1] == "it came on Thursday"


def test_a_word_that_has_run_out_says_nothing_any_more(client: TestClient, stage: Stage) -> None:
    stage.day(1)
    word = {"criterion": "support_ready", "holds": True, "evidence": "minutes of week 12", "until": (stage.now + DAY).isoformat()}
    post(client, "attestations", word)
    assert verdict(stage, "support_ready")[0] == "pass"
    stage.day(2)
    assert verdict(stage, "support_ready")[0] == "unknown"
    post(client, "attestations", word | {"holds": False, "until": None})
    assert verdict(stage, "support_ready")[0] == "fail"


def test_only_criteria_that_there_are_can_be_waived_or_attested(client: TestClient) -> None:
    waiver = {"criterion": "hope", "until": "2026-04-01T00:00:00Z"} | BECAUSE
    for path, told in (("waivers", waiver), ("attestations", {"criterion": "hope", "holds": True, "evidence": "x"})):
        assert "it has no_sev1, sev2_held" in refused(client.post(f"{GL}/{path}", json=told), 404, "not-found")["detail"]
    refused(client.post(f"{GL}/waivers", json={"criterion": "batches", "until": "2026-04-01T00:00:00Z"}), 422, "invalid")


def exposed(client: TestClient, *days: Body) -> int:
    told = [{"site": "Cork", "day": "2026-03-03"} | each for each in days]
    return int(taken(client.post("/v1/exposure", json={"days": told}))["reported"])


def test_a_later_report_of_a_day_replaces_the_earlier_one_and_the_same_one_changes_nothing(client: TestClient, stage: Stage) -> None:
    exposed(client, {"steps": 10, "batches_completed": 3}, {"day": "2026-03-04", "steps": 7})
    number = len(entries_of(stage.ledger))
    assert exposed(client, {"steps": 10, "batches_completed": 3}) == 1
    assert len(entries_of(stage.ledger)) == number
    exposed(client, {"steps": 12})
    stage.day(3)
    told = stage.seen(lambda sight: sight.exposure)
    assert [(each.day.day, each.steps, each.batches_completed) for each in told] == [(3, 12, None), (4, 7, None)]
    assert len([each for each in entries_of(stage.ledger) if each.type == "ExposureReported"]) == 3


@pytest.mark.parametrize(
    "wrong", [{"steps": -1}, {"day": "tomorrow"}, {"day": 0}, {"day": "0"}, {"hours": 3}, {"site": ""}, {"steps": "NaN"}]
)
def test_a_wrong_day_of_a_report_keeps_all_of_it_out(strict: TestClient, wrong: Body) -> None:
    days = [{"site": "Cork", "day": "2026-03-03", "steps": 1}, {"site": "Cork", "day": "2026-03-04"} | wrong]
    refused(strict.post("/v1/exposure", json={"days": days}), 422, "invalid")
    app: Any = strict.app
    with app.state.desk.ledger.database.read() as connection:
        assert golives_of(connection).exposure == {}


def test_what_is_not_there_is_said(client: TestClient) -> None:
    for answer in (
        client.get("/v1/golives/GL-9"),
        client.put("/v1/golives/GL-9", json={"golive": body()} | BECAUSE),
        client.post("/v1/golives/GL-9/plans", json={"plan": PLAN}),
        client.post("/v1/golives/GL-9/plans/1/approve", json={}),
        client.post("/v1/golives/GL-9/scope-events", json=event()),
        client.post("/v1/golives/GL-9/reenter", json=BECAUSE),
        client.post("/v1/golives/GL-9/exit", json={"snapshot": "GL-9-2026-03-03"} | BECAUSE),
    ):
        assert refused(answer, 404, "not-found")["detail"] == "There is no go-live GL-9; GET /v1/golives lists those there are"
    refused(client.get("/v1/golives/GL-0"), 422, "invalid")


def test_it_is_told_as_it_was_known_at_an_instant(client: TestClient, stage: Stage) -> None:
    stage.day(1)
    post(client, "plans", {"plan": PLAN})
    stage.day(2)
    post(client, "plans/1/approve", {}, "bob")
    post(client, "scope-events", event())
    stage.day(3)
    taken(client.put(GL, json={"golive": body(name="another")} | BECAUSE))
    with stage.ledger.database.read() as connection:
        told = [golives_of(connection, BEGIN + days * DAY).of.get("GL-1") for days in (-2, 0, 1, 2, 3)]
    assert told[0] is None
    seen = [(each.text.name, len(each.plans), each.plan is not None, len(each.scope_events)) for each in told if each]
    assert seen == [("wave 1", 0, False, 0), ("wave 1", 1, False, 0), ("wave 1", 1, True, 1), ("another", 1, True, 1)]


def test_two_commands_in_one_commit_get_names_of_their_own(ledger_on_each: Ledger) -> None:
    stage = Stage(ledger_on_each)
    texts = [text(site=site) for site in ("Cork", "Lund", "Ghent")]
    made = [ledger_on_each.write(partial(said.declare, text=each, by=LEAD)) for each in texts]
    assert [each.result().id for each in made] == ["GL-1", "GL-2", "GL-3"]
    planned = ScopeEventText(kind="line", title="Line 6", at=BEGIN)
    events = [ledger_on_each.write(partial(said.plan_scope_event, golive=name, text=planned, by=LEAD)) for name in ("GL-1", "GL-3", "GL-1")]
    assert [each.result().scope_events[-1].id for each in events] == ["SE-1", "SE-2", "SE-3"]
    report = ExposureText(site="Cork", day=BEGIN.date(), steps=3)
    for future in [ledger_on_each.write(partial(said.report_exposure, text=report, by=LEAD)) for _ in range(2)]:
        future.result()
    assert [each.type for each in entries_of(ledger_on_each)].count("ExposureReported") == 1
    stage.day(1)
    assert stage.seen(lambda sight: sight.golive.site, golive="GL-3") == "Ghent"


def test_a_refused_command_takes_no_name(ledger: Ledger) -> None:
    stage = Stage(ledger)
    stage.declare()
    wrong = ScopeEventText(kind="holiday", title="x", at=BEGIN, until=BEGIN)
    right = ScopeEventText(kind="holiday", title="x", at=BEGIN)
    futures = [ledger.write(partial(said.plan_scope_event, golive="GL-1", text=each, by=LEAD)) for each in (wrong, right)]
    assert futures[0].exception() is not None
    assert [each.id for each in futures[1].result().scope_events] == ["SE-1"]
