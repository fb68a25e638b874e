"""Who is on call, by API and at the command line; covering for somebody and taking it back leave a trace."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient
from typer.testing import Result

from schemas import events as e
from schemas.oncall import NightFault, Watched
from schemas.oncall_events import NightChecked
from services.api.desk import Desk
from services.api.routes import ROUTERS, furnish
from services.db import Database
from services.ledger import Ledger
from services.oncall.evening import DISPATCHER
from services.roles import cast
from services.settings import Settings
from services.web.app import create_app
from services.web.callers import SelfNamed
from tests.command_line import on, run
from tests.desks import refused, serving, taken
from tests.lives import SERVICE, entries_of, happened, submitted
from tests.oncalls import FILE, changed, teams_of

CONSOLE = FILE.replace("pager:", "console:").replace("desk:", "console:").replace("mail:", "console:")
WHY = "Ben is at a wedding, Cleo covers"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "teams.toml"
    path.write_text(CONSOLE, "utf-8")
    return path


@pytest.fixture
def app(ledger: Ledger, file: Path) -> Any:
    parts = cast(Settings(teams_file=file), ledger, ("api",))
    made = create_app(parts.routers, SelfNamed())
    parts.furnish(made)
    return made


@pytest.fixture
def client(app: Any) -> Iterator[TestClient]:
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def url(app: Any) -> Iterator[str]:
    with serving(app) as address:
        yield address


def covering(begin: datetime, **fields: Any) -> dict[str, Any]:
    until = begin + timedelta(hours=2)
    return {"rota": "mes", "from": begin.isoformat(), "until": until.isoformat(), "person": "cleo", "reason": WHY} | fields


def test_the_api_says_who_is_on_call_by_which_layer_until_when_and_who_is_next(client: TestClient) -> None:
    found = taken(client.get("/v1/oncall", params={"at": "2026-07-15T12:00:00Z", "site": "Cork", "system": "mes_config"}))
    assert found["on_call"] == [
        {
            "team": "mes",
            "rota": "mes",
            "time_zone": "Europe/Dublin",
            "now": {"person": "anna", "name": "Anna Berg", "layer": "primary", "until": "2026-07-15T17:00:00Z"},
            "next": {"person": "ben", "name": "Ben Cole", "layer": "primary", "until": "2026-07-16T05:00:00Z"},
            "by_layer": {"secondary": "anna", "primary": "anna"},
        }
    ]
    everybody = taken(client.get("/v1/oncall"))["on_call"]
    assert [(each["team"], each["rota"]) for each in everybody] == [("mes", "mes"), ("erp", None)]
    assert [each["team"] for each in taken(client.get("/v1/oncall", params={"site": "Cork"}))["on_call"]] == ["erp", "mes"]


@pytest.mark.parametrize(
    "asked",
    [{"system": "abacus"}, {"at": "2026-07-15"}, {"at": "9999-12-31T23:59:00Z"}, {"at": "0001-01-01T00:00:00Z"}],
)
def test_a_question_that_has_no_answer_is_refused(client: TestClient, asked: dict[str, str]) -> None:
    assert client.get("/v1/oncall", params=asked).status_code == 422


def test_a_schedule_tells_stretches_and_gaps(client: TestClient) -> None:
    asked = {"rota": "mes", "begin": "2026-01-04T00:00:00Z", "end": "2026-01-05T18:00:00Z"}
    found = taken(client.get("/v1/oncall/schedule", params=asked))
    assert [(each["begin"], each["person"]) for each in found["stretches"]] == [("2026-01-05T06:00:00Z", "anna")]
    assert found["gaps"] == [{"begin": "2026-01-04T00:00:00Z", "end": "2026-01-05T06:00:00Z"}]
    refused(client.get("/v1/oncall/schedule", params=asked | {"rota": "none"}), 404, "not-found")
    refused(client.get("/v1/oncall/schedule", params=asked | {"end": "2026-01-03T00:00:00Z"}), 422, "invalid")


def test_an_override_holds_at_once_is_audited_and_can_be_taken_back(client: TestClient, ledger: Ledger) -> None:
    now = datetime.now(UTC)
    made = taken(client.post("/v1/oncall/overrides", json=covering(now), headers={"Hypercare-Actor": "olga"}))
    assert (made["id"], made["by"], made["reason"]) == ("OV-1", "olga", WHY)
    during = {"at": (now + timedelta(hours=1)).isoformat(), "system": "mes_config"}
    turn = taken(client.get("/v1/oncall", params=during))["on_call"][0]["now"]
    assert (turn["person"], turn["layer"]) == ("cleo", "override OV-1")
    assert taken(client.get("/v1/oncall/overrides", params={"rota": "mes"}))["overrides"] == [made]
    taken(client.post("/v1/oncall/overrides/OV-1/drop", json={"reason": "the wedding is off"}))
    assert taken(client.get("/v1/oncall/overrides"))["overrides"] == []
    refused(client.post("/v1/oncall/overrides/OV-1/drop", json={"reason": "the wedding is off"}), 404, "not-found")
    first = entries_of(ledger)[0]
    assert (first.type, first.actor, first.reason) == ("RotaOverridden", "olga", WHY)
    assert taken(client.post("/v1/oncall/overrides", json=covering(now)))["id"] == "OV-2"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"rota": "none"}, 404),
        ({"person": "nora"}, 404),
        ({"instead_of": "nora"}, 404),
        ({"reason": ""}, 422),
        ({"until": "2020-01-01T00:00:00Z", "from": "2019-01-01T00:00:00Z"}, 422),
        ({"until": "2019-01-01T00:00:00Z"}, 422),
        ({"because": "I say so"}, 422),
    ],
)
def test_an_override_that_cannot_hold_is_refused_and_leaves_no_trace(
    client: TestClient, ledger: Ledger, fields: dict[str, Any], status: int
) -> None:
    assert client.post("/v1/oncall/overrides", json=covering(datetime.now(UTC), **fields)).status_code == status
    assert entries_of(ledger) == []


def test_the_api_tells_the_configuration_in_force(client: TestClient) -> None:
    found = taken(client.get("/v1/oncall/configuration"))
    assert found["digest"] == found["own_digest"]
    assert found["content"]["people"]["lea"]["role"] == "lead"


def test_a_ladder_may_ask_for_evidence_before_a_team_gives_a_ticket_back(ledger: Ledger, tmp_path: Path) -> None:
    teams = teams_of(tmp_path, CONSOLE.replace('ladder = "standard"', 'ladder = "strict"') + "\n[ladders.strict]\nevidence = true\n")
    app = create_app(ROUTERS, SelfNamed())
    furnish(app, Desk(ledger, teams))
    ticket = submitted(ledger)
    happened(ledger, ticket.id, e.TicketRouted(system="mes_config", team="mes"), SERVICE)
    with TestClient(app) as client:
        path, version = f"/v1/tickets/{ticket.id}/return", {"If-Match": "*"}
        refused(client.post(path, json={"reason": "not ours at all"}, headers=version), 422, "invalid")
        given = {"reason": "not ours at all", "evidence": "the queue of the interface is empty"}
        assert taken(client.post(path, json=given, headers=version))["state"] == "triage"


def told(ended: Result) -> Any:
    assert ended.exit_code == 0, ended.stderr
    return json.loads(ended.stdout)


def test_who_is_shown_on_the_clock_that_is_asked_for(url: str) -> None:
    words = ("oncall", "who", "--url", url, "--at", "2026-07-15 13:00", "--time-zone", "Europe/Dublin")
    shown = run(*words).stdout
    assert "Anna Berg (anna)" in shown
    assert "Wed 15 Jul 18:00" in shown
    assert "Ben Cole (ben)" in shown
    assert told(run(*words, "--system", "mes_config", "--json"))["at"] == "2026-07-15T12:00:00Z"
    assert run(*words[:-1], "Irish").exit_code == 2


def test_a_week_is_shown_by_shift_on_the_rotas_clock_and_marks_the_change(url: str) -> None:
    shown = run("oncall", "schedule", "mes", "--week", "2026-03-29", "--url", url).stdout
    lines = [line for line in shown.splitlines() if "(anna)" in line or "(ben)" in line]
    assert lines[0].split()[:4] == ["Mon", "23", "Mar", "00:00"]
    assert [line for line in lines if "forward" in line] == [line for line in lines if line.startswith(" Sat 28 Mar 18:00")]
    assert len(lines) == 15
    by_team = run("oncall", "schedule", "--team", "mes", "--week", "2026-03-29", "--url", url).stdout
    assert by_team == shown
    assert "back by 60 min" in run("oncall", "schedule", "mes", "--week", "2026-10-25", "--url", url).stdout
    assert "nobody" in run("oncall", "schedule", "mes", "--week", "2026-01-05", "--url", url).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("schedule",), 2, "name either"),
        (("schedule", "mes", "--team", "mes"), 2, "name either"),
        (("schedule", "night"), 1, "the rotas are mes"),
        (("schedule", "--team", "erp"), 1, "has no rota"),
        (("schedule", "mes", "--week", "29.3."), 2, "write a day as"),
        (("drop", "OV-9", "--reason", "not needed"), 1, "no override OV-9"),
    ],
)
def test_a_verb_that_cannot_be_carried_out_says_why(url: str, words: tuple[str, ...], code: int, said: str) -> None:
    ended = run("oncall", *words, "--url", url)
    assert (ended.exit_code, said in " ".join(ended.stderr.replace("│", " ").split())) == (code, True), ended.stderr


def test_somebody_covers_on_the_rotas_clock_and_takes_it_back(url: str) -> None:
    day = f"{datetime.now(UTC) + timedelta(days=40):%Y-%m-%d}"
    made = told(
        run(
            "oncall",
            "cover",
            "mes",
            "--person",
            "cleo",
            "--from",
            f"{day} 10:00",
            "--until",
            f"{day} 12:00",
            "--reason",
            WHY,
            "--url",
            url,
            "--json",
        )
    )
    assert (made["id"], made["person"]) == ("OV-1", "cleo")
    assert WHY in run("oncall", "overrides", "--url", url).stdout
    week = run("oncall", "schedule", "mes", "--week", day, "--url", url).stdout
    assert [line.split()[3] for line in week.splitlines() if "override OV-1" in line] == ["10:00"]
    assert "holds no more" in run("oncall", "drop", "OV-1", "--reason", "not needed", "--url", url).stdout


def recorded(ledger: Ledger, *faults: NightFault, ahead: timedelta = timedelta(hours=16)) -> NightChecked:
    now = ledger.clock()
    watched = (Watched(site="Cork", team="mes", faults=len(faults)),)
    checked = NightChecked(begin=now, until=now + ahead, watched=watched, faults=faults)
    ledger.write(lambda draft: draft.append(checked, DISPATCHER)).result()
    return checked


def test_what_the_dispatcher_found_is_told_by_the_api_and_on_the_command_line(url: str, client: TestClient, ledger: Ledger) -> None:
    refused(client.get("/v1/oncall/night"), 404, "not-found")
    none = run("oncall", "check", "--url", url)
    assert (none.exit_code, "is one running?" in none.stderr) == (1, True)
    good = recorded(ledger)
    ended = run("oncall", "check", "--url", url)
    assert (ended.exit_code, f"Everybody can be reached until {good.until:%a %H:%M} UTC\n" == ended.stdout) == (0, True)
    fault = NightFault(site="Cork", team="mes", begin=good.begin, until=good.until, told="lea cannot be reached: the mail server is away")
    recorded(ledger, fault)
    found = taken(client.get("/v1/oncall/night"))
    assert [each["told"] for each in found["faults"]] == [fault.told]
    assert (found["overdue"], found["checked_at"] >= found["begin"]) == (False, True)
    bad = run("oncall", "check", "--url", url)
    assert (bad.exit_code, fault.told in bad.stdout, "Everybody" in bad.stdout) == (1, True, False)
    assert json.loads(run("oncall", "check", "--url", url, "--json").stdout) == found


def test_a_check_of_the_day_before_yesterday_does_not_pass_for_one(database: Database, file: Path) -> None:
    before = Ledger(database, lambda: datetime.now(UTC) - timedelta(hours=27))
    recorded(before)
    before.close()
    now = Ledger(database)
    parts = cast(Settings(teams_file=file), now, ("api",))
    made = create_app(parts.routers, SelfNamed())
    parts.furnish(made)
    with serving(made) as address:
        ended = run("oncall", "check", "--url", address)
    assert (ended.exit_code, "No evening was checked since" in ended.stderr, "could be reached" in ended.stdout) == (1, True, True)
    now.close()


def test_how_far_ahead_is_asked_only_of_a_look_from_here() -> None:
    assert run("oncall", "check", "--hours", "3").exit_code == 2


def test_the_night_is_checked_on_command(database: Database, file: Path, tmp_path: Path) -> None:
    environment = on(tmp_path / "hypercare.db") | {"HYPERCARE_TEAMS_FILE": str(file)}
    good = run("oncall", "check", "--now", env=environment)
    assert (good.exit_code, "Everybody can be reached until" in good.stdout) == (0, True), good.stdout
    file.write_text(CONSOLE.replace("console:lea", "mail:lea@plant.example"), "utf-8")
    bad = run("oncall", "check", "--now", env=environment)
    assert bad.exit_code == 1
    assert "lea cannot be reached: The teams file names mail:lea@plant.example: set HYPERCARE_SMTP_HOST" in bad.stdout
    assert len(json.loads(run("oncall", "check", "--now", "--json", env=environment).stdout)["faults"]) == 6


def test_the_check_of_the_configuration_looks_at_the_teams_file(file: Path, tmp_path: Path) -> None:
    environment = {"HYPERCARE_TEAMS_FILE": str(file), "HYPERCARE_CALENDARS_DIR": str(tmp_path / "copies")}
    assert run("config", "check", env=environment).stdout == "The settings are good.\n"
    text = changed(('members = ["cleo", "anna"]', "members = []"), ("handover = 06:00:00", 'handover = 06:00:00\nweekdays = ["mon"]'))
    file.write_text(text.replace("pager:", "console:").replace("desk:", "console:").replace("mail:", "console:"), "utf-8")
    remarked = run("config", "check", env=environment)
    assert (remarked.exit_code, "rotas.mes: nobody is on call from" in remarked.stderr) == (0, True)
    file.write_text(CONSOLE.replace("console:lea", "pager:lea"), "utf-8")
    wrong = run("config", "check", env=environment)
    assert (wrong.exit_code, "people.lea: cannot be paged: The teams file names pager:lea" in wrong.stderr) == (1, True)
    file.write_text("[systems", "utf-8")
    assert "cannot be read" in run("config", "check", env=environment).stderr


def test_a_change_of_the_file_is_put_on_record_with_a_reason(database: Database, file: Path, tmp_path: Path, ledger: Ledger) -> None:
    environment = on(tmp_path / "hypercare.db") | {"HYPERCARE_TEAMS_FILE": str(file)}
    words = ("config", "apply", "--actor", "olga", "--reason", "Cleo joins the rota, change 4711")
    assert run(*words, env=environment).exit_code == 0
    again = run(*words, env=environment)
    assert (again.exit_code, "already" in again.stderr) == (1, True)
    assert [(entry.type, entry.actor, entry.reason) for entry in entries_of(ledger)] == [("OnCallConfigured", "olga", words[-1])]
