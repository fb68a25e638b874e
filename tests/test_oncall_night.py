"""Before the night it is known whom a step could not reach, and the night is checked once, whoever looks."""

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas.entries import Attribution
from schemas.oncall import NightFault, OverrideText
from schemas.oncall_events import NightChecked, OnCallConfigured
from services.db import Database
from services.ledger import Ledger
from services.oncall.configured import configure, configured, digest_of, told
from services.oncall.evening import Evening, check, evenings
from services.oncall.feed import Calendars
from services.oncall.overrides import override, overrides_of
from services.oncall.preflight import Broken, preflight
from services.oncall.review import review
from services.oncall.roll import PLAIN, Place, Roll, places, roll_of
from services.teams import Teams, load_teams
from tests.dispatching import TEAMS
from tests.lives import entries_of
from tests.oncalls import FILE, changed, teams_of
from tests.scrapes import scraped, value

CORK, LEIDEN = Place("Cork", "mes"), Place("Leiden", "mes")
EVENING = datetime(2026, 1, 12, 17, tzinfo=UTC)
"""A Monday, in the second week: cleo was second until 8:00, anna is now; the shifts of anna and ben change at 6 and 18."""
NIGHT = (EVENING, EVENING + timedelta(hours=16))
BY = Attribution("olga", "hypercare_lead", reason="swapped the night")


def roll(folder: Path, text: str = FILE) -> Roll:
    return roll_of(teams_of(folder, text), {}, {})


def names(roll: Roll, who: str, place: Place = CORK, at: datetime = EVENING) -> list[str]:
    return [recipient.name for recipient in roll.recipients(who, place, at)]


def down(*broken: str) -> Broken:
    return lambda target: f"{':'.join(target)} is down" if ":".join(target) in broken else None


def faults(roll: Roll, *broken: str, sites: list[Place] | None = None) -> list[NightFault]:
    """With these targets out of order."""
    return preflight(roll, sites or [CORK], NIGHT, down(*broken))


def test_a_step_leads_to_people_by_team_layer_rota_role_and_name(tmp_path: Path) -> None:
    known = roll(tmp_path)
    assert [names(known, who) for who in ("team", "layer:secondary", "rota:mes", "person:lea", "role:lead", "role:nobody")] == [
        ["anna"], ["anna"], ["anna"], ["lea"], ["lea"], [],
    ]  # fmt: skip
    assert names(known, "team", at=EVENING + timedelta(hours=2)) == ["ben"]
    assert [names(known, "role:site_head", place) for place in (CORK, LEIDEN)] == [["sam"], ["sue"]]


def test_a_team_without_a_rota_or_anybody_on_call_is_told_at_its_own_targets(tmp_path: Path) -> None:
    known = roll(tmp_path)
    assert names(known, "team", Place("Cork", "erp")) == ["erp"]
    (recipient,) = known.recipients("team", CORK, datetime(2026, 1, 1, tzinfo=UTC))
    assert (recipient.name, recipient.person, recipient.targets("page")) == ("mes", False, (("pager", "mes-desk"),))
    assert known.ladder(Place("Cork", "erp")) is PLAIN


def test_a_night_on_which_everybody_can_be_reached_has_no_faults(tmp_path: Path) -> None:
    known = roll(tmp_path)
    assert faults(known, sites=places(known.teams, ())) == []
    assert places(known.teams, ("Ghent",)) == [
        Place(site, team) for site in ("Cork", "Ghent", "Leiden") for team in ("erp", "mes", "triage")
    ]


def test_who_cannot_be_reached_is_named_for_the_hours_of_their_duty(tmp_path: Path) -> None:
    found = faults(roll(tmp_path), "pager:ben")
    handovers = [EVENING.replace(hour=18), EVENING.replace(day=13, hour=6)]
    assert {(fault.begin, fault.until) for fault in found} == {tuple(handovers)}
    assert {fault.told for fault in found} == {
        "ben cannot be reached: pager:ben is down",
        "step 1 of sev1: reaches nobody of ben",
        "step 1 of sev2: reaches nobody of ben",
    }


def test_a_step_with_a_second_person_still_names_the_one_who_cannot_be_reached(tmp_path: Path) -> None:
    found = faults(
        roll(tmp_path, FILE + '\n[ladders.standard.sev1]\nsteps = [{ after = "0m", who = ["person:lea", "person:pia"] }]\n'), "pager:pia"
    )
    assert [(fault.told, fault.begin, fault.until) for fault in found] == [("pia cannot be reached: pager:pia is down", *NIGHT)]


def test_one_working_target_is_enough_and_a_page_goes_where_people_look(tmp_path: Path) -> None:
    two = changed(('page = ["pager:lea"]', 'page = ["pager:lea", "pager:lea2"]'), ('page = ["pager:pia"]', 'notify = ["desk:pia"]'))
    assert faults(roll(tmp_path, two), "pager:lea") == []
    assert {fault.told.partition(":")[0] for fault in faults(roll(tmp_path, two), "pager:lea", "pager:lea2")} >= {"lea cannot be reached"}


def test_a_step_that_leads_to_nobody_is_a_fault_for_the_hours_in_which_it_does(tmp_path: Path) -> None:
    text = changed(('rotation = "weekly"', f'rotation = "weekly"\nends = {EVENING:%Y-%m-13}'), ('role = "programme"', 'role = "retired"'))
    found = [(fault.told, fault.begin.hour, fault.until.hour) for fault in faults(roll(tmp_path, text))]
    assert found == [
        ("step 2 of sev1: nobody is there by layer:secondary", 0, 9),
        ("step 2 of sev2: nobody is there by layer:secondary", 0, 9),
    ]


def test_quality_assurance_beside_the_steps_must_be_there_too(tmp_path: Path) -> None:
    found = faults(roll(tmp_path, changed(('role = "qa"', 'role = "engineer"'))))
    assert [fault.told for fault in found] == ["QA beside the steps: nobody is there by role:qa"]


def test_the_evening_is_that_of_each_rotas_clock(tmp_path: Path) -> None:
    second = FILE + '\n[rotas.ny]\ntime_zone = "America/New_York"\n'
    now = datetime(2026, 7, 1, 20, 30, tzinfo=UTC)
    found = set(evenings(teams_of(tmp_path, second), time(17), now))
    assert found == {datetime(2026, 7, 1, 16, tzinfo=UTC), datetime(2026, 6, 30, 21, tzinfo=UTC)}
    assert set(evenings(load_teams(None), time(17), now)) == {datetime(2026, 7, 1, 17, tzinfo=UTC)}


class At:
    """A clock that a test sets."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


def evening_of(database: Database, folder: Path, clock: At, text: str = FILE) -> tuple[Evening, Ledger]:
    ledger = Ledger(database, clock)
    calendars = Calendars(teams_of(folder, text), folder, folder / "copies")
    return Evening(ledger, calendars, lambda: lea_is_down, time(17)), ledger


def lea_is_down(target: tuple[str, str]) -> str | None:
    return "is down" if target == ("pager", "lea") else None


def checks(ledger: Ledger) -> list[NightChecked]:
    return [NightChecked.model_validate(entry.data) for entry in entries_of(ledger) if entry.type == "NightChecked"]


def test_the_night_is_checked_once_whoever_looks_and_again_the_next_evening(database: Database, tmp_path: Path) -> None:
    clock = At(EVENING)
    (one, ledger), (other, second) = (evening_of(database, tmp_path, clock) for _ in range(2))
    assert [one.look() is None, other.look() is None, one.look() is None] == [False, True, True]
    clock.now += timedelta(hours=23)
    assert one.look() is None
    clock.now += timedelta(hours=1)
    assert other.look() is not None
    assert [checked.begin for checked in checks(ledger)] == [EVENING, EVENING + timedelta(days=1)]
    counts = {(each.site, each.team): each.faults for each in checks(ledger)[0].watched}
    assert counts[("Cork", "mes")] == 3
    assert counts[("Cork", "erp")] == 0
    assert [ledger.close() for ledger in (ledger, second)]


def test_what_was_mended_or_broken_after_the_evening_is_told_the_same_night(database: Database, tmp_path: Path) -> None:
    clock = At(EVENING)
    evening, ledger = evening_of(database, tmp_path, clock)
    found = evening.look()
    assert found is not None
    assert len([fault for fault in found.faults if fault.site == "Cork"]) == 3
    clock.now += timedelta(minutes=15)
    assert evening.look() is None, "nothing is new"
    evening.examine = lambda: lambda target: None
    assert evening.look() is None, "a few minutes have not passed"
    clock.now += timedelta(minutes=15)
    mended = evening.look()
    assert mended is not None
    assert (mended.faults, mended.begin, mended.until) == ((), clock.now, NIGHT[1])
    evening.examine = lambda: lambda target: "is down"
    clock.now = NIGHT[1]
    assert evening.look() is None, "the night is over"
    ledger.close()


def test_the_age_of_the_last_check_is_told_where_people_are_on_call(database: Database, tmp_path: Path) -> None:
    clock, name = At(EVENING), ("hypercare_oncall_check_age_seconds", frozenset[tuple[str, str]]())
    evening, ledger = evening_of(database, tmp_path, clock)
    assert name not in scraped(ledger), "nobody is told by any file yet"
    ledger.write(lambda draft: configure(draft, load_teams(None), BY)).result()
    assert name not in scraped(ledger), "the shipped file names neither a rota nor a ladder"
    ledger.write(lambda draft: configure(draft, evening.calendars.teams, BY)).result()
    clock.now += timedelta(hours=3)
    assert scraped(ledger)[name] == 3 * 3600, "it was never checked"
    evening.look()
    clock.now += timedelta(hours=27)
    assert scraped(ledger)[name] == 27 * 3600, "an evening was left out"
    evening.look()
    assert scraped(ledger)[name] == 0
    ledger.close()


def test_a_ladder_without_a_rota_asks_for_people_too(database: Database, tmp_path: Path) -> None:
    ledger = Ledger(database, At(EVENING))
    alone = TEAMS.model_copy(update={"triage": TEAMS.triage.model_copy(update={"ladder": "standard"})})
    ledger.write(lambda draft: configure(draft, alone, BY)).result()
    assert value(scraped(ledger), "oncall_check_age_seconds") == 0
    ledger.close()


def test_a_night_is_checked_with_the_overrides_that_people_made(database: Database, tmp_path: Path) -> None:
    evening, ledger = evening_of(database, tmp_path, At(EVENING), changed(('page = ["pager:ben"]\nnotify = ["desk:ben"]', "")))
    with database.read() as connection:
        before = check(connection, evening.calendars, NIGHT, evening.examine())
    text = OverrideText.model_validate({"from": EVENING, "until": EVENING + timedelta(days=1), "person": "cleo", "instead_of": "ben"})
    ledger.write(lambda draft: override(draft, evening.calendars.teams, "mes", text, BY)).result()
    with database.read() as connection:
        after = check(connection, evening.calendars, NIGHT, evening.examine())
    assert any("ben cannot be reached" in fault.told for fault in before.faults)
    assert not any("ben" in fault.told for fault in after.faults)
    ledger.close()


def test_a_calendar_that_cannot_be_read_is_a_fault_of_its_teams_night(database: Database, tmp_path: Path) -> None:
    evening, ledger = evening_of(
        database, tmp_path, At(EVENING), changed(('time_zone = "Europe/Dublin"', 'time_zone = "Europe/Dublin"\nical = "x.ics"'))
    )
    checked = evening.look()
    assert checked is not None
    assert {(fault.site, fault.team) for fault in checked.faults if "x.ics cannot be read" in fault.told} == {CORK, LEIDEN}
    ledger.close()


def test_the_file_that_people_are_told_by_is_on_record_once(ledger: Ledger, tmp_path: Path) -> None:
    def put(text: str, by: Attribution) -> Any:
        teams = teams_of(tmp_path, text)
        return ledger.write(lambda draft: configure(draft, teams, by)).result()

    service = Attribution("service:dispatcher", "service")
    first, again = put(FILE, service), put(FILE, service)
    second = put(FILE.replace("Anna Berg", "Anna Hill"), BY)
    third = put(FILE.replace("Anna Berg", "Anna Hill"), service)
    assert (first.by, again, second.by, second.reason, third) == ("service:dispatcher", None, "olga", "swapped the night", None)
    assert [entry.type for entry in entries_of(ledger)] == [OnCallConfigured.__name__] * 2
    with ledger.database.read() as connection:
        found = configured(connection)
    assert found is not None
    assert found.content["people"]["anna"]["name"] == "Anna Hill"
    assert found.digest == digest_of(teams_of(tmp_path, FILE.replace("Anna Berg", "Anna Hill")))


def test_secrets_in_targets_are_not_told_but_that_they_were_changed_is(tmp_path: Path) -> None:
    def page(target: str) -> str:
        shown: str = told(teams_of(tmp_path, changed(("pager:lea", target))))["people"]["lea"]["page"][0]
        return shown

    shown = page("webhook:https://hooks.example/T0/secret?key=1")
    assert shown.startswith("webhook:hooks.example#")
    assert shown != page("webhook:https://hooks.example/T0/other")
    assert page("slack:token@workspace/room").startswith("slack:workspace#")
    assert [page(each) for each in ("console:x", "mail:a@b.example")] == ["console:x", "mail:a@b.example"]


def reviewed(teams: Teams, folder: Path, *broken: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    found = review(
        Calendars(teams, folder, folder / "copies"),
        EVENING,
        lambda target: f"{':'.join(target)} is down" if ":".join(target) in broken else None,
    )
    return found.faults, found.remarks


def test_a_complete_file_passes_its_review(tmp_path: Path) -> None:
    assert reviewed(teams_of(tmp_path), tmp_path) == ((), ())
    assert reviewed(load_teams(None), tmp_path) == ((), ())


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (('page = ["pager:pia"]', ""), "people.pia: cannot be paged: give page"),
        (('page = ["pager:pia"]', 'page = ["pager:old"]'), "people.pia: cannot be paged: pager:old is down"),
        (('role = "lead"', 'role = "leader"'), "teams.mes: sev1.steps.2.who of its ladder standard names role:lead, but nobody of"),
        (('name = "secondary"', 'name = "second"'), "sev1.steps.1.who of its ladder standard names layer:secondary; the rota mes has no"),
        (('rota = "mes"\nladder = "standard"\npage = ["pager:mes-desk"]', 'ladder = "standard"'), "has neither a rota nor targets"),
    ],
)
def test_what_a_file_lacks_is_named(tmp_path: Path, change: tuple[str, str], fault: str) -> None:
    found, _ = reviewed(teams_of(tmp_path, changed(change)), tmp_path, "pager:old")
    assert any(fault in each for each in found), found


def test_hours_without_anybody_are_remarked_on(tmp_path: Path) -> None:
    weekdays = ("handover = 06:00:00", 'handover = 06:00:00\nweekdays = ["mon", "tue", "wed", "thu", "fri"]')
    alone = changed(weekdays, ('members = ["cleo", "anna"]', "members = []"))
    _, remarks = reviewed(teams_of(tmp_path, alone), tmp_path)
    assert remarks == (
        "rotas.mes: nobody is on call from 2026-01-17 00:00 until 2026-01-19 00:00",
        "rotas.mes: nobody is on call from 2026-01-24 00:00 until 2026-01-26 00:00",
    )


def test_an_override_that_was_not_dropped_outlives_a_restart(ledger: Ledger, tmp_path: Path) -> None:
    teams = teams_of(tmp_path)
    now = ledger.clock()
    text = OverrideText.model_validate({"from": now, "until": now + timedelta(days=1), "person": "cleo"})
    made = [ledger.write(lambda draft: override(draft, teams, "mes", text, BY)) for _ in range(3)]
    assert [each.result().id for each in made] == ["OV-1", "OV-2", "OV-3"]
    with ledger.database.read() as connection:
        assert [each.id for each in overrides_of(connection).by_rota()["mes"]] == ["OV-1", "OV-2", "OV-3"]
        assert overrides_of(connection, as_of=now - timedelta(days=1)).of == {}
