"""A rota may come from a calendar. What is read is exact, what is not understood is named, and a calendar that is away has a copy."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from zoneinfo import ZoneInfo

import pytest

from schemas.oncall import Person, Rota
from services.oncall.feed import Calendars, read_feed
from services.oncall.ical import read_calendar
from services.oncall.schedule import Roster, on_call, schedule
from services.teams import Teams
from tests.oncalls import calendar, changed, event, teams_of

BERLIN = ZoneInfo("Europe/Berlin")
PEOPLE = {
    "anna": Person(name="Anna Berg", notify=("mail:Anna.Berg@plant.example",)),
    "ben": Person(name="Ben Cole"),
    "annalena": Person(name="Anna Berghaus"),
}
DAILY = {"DTSTART_TZID=Europe/Berlin": "20260105T080000", "DTEND_TZID=Europe/Berlin": "20260105T200000", "DTSTART": None, "DTEND": None}


def read(*events: str) -> Roster:
    found = read_calendar(calendar(*events), PEOPLE)
    assert found.faults == ()
    return Roster(Rota(time_zone="Europe/Berlin", ical="x"), found.appointments)


def days(roster: Roster, begin: str = "2026-01-01", end: str = "2026-04-15") -> list[str]:
    """Local days on which somebody comes on call."""
    since, until = (datetime.fromisoformat(each).replace(tzinfo=BERLIN) for each in (begin, end))
    return [f"{span.begin.astimezone(BERLIN):%m-%d}" for span in schedule(roster, since, until)]


@pytest.mark.parametrize(
    ("fields", "person"),
    [
        ({"SUMMARY": "anna"}, "anna"),
        ({"SUMMARY": "On call: Ben Cole (MES)"}, "ben"),
        ({"SUMMARY": "Anna Berghaus"}, "annalena"),
        (
            {"SUMMARY": "on call", 'ATTENDEE_CN="Cole: Ben";ROLE=CHAIR': "mailto:x@plant.example", "ATTENDEE_CN=Ben Cole": "mailto:b@x"},
            "ben",
        ),
        ({"SUMMARY": "Ben Cole gave it away", "ATTENDEE": "MAILTO:anna.berg@plant.example"}, "anna"),
    ],
)
def test_a_person_is_known_by_key_name_or_mail_address(fields: dict[str, str], person: str) -> None:
    duty = on_call(read(event(**fields)), datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert duty is not None
    assert (duty.person, duty.layer, duty.until) == (person, "calendar", datetime(2026, 3, 3, 8, tzinfo=UTC))


def test_times_are_read_in_their_zone_in_utc_and_as_whole_days_of_the_rota() -> None:
    new_york = {"DTSTART": None, "DTEND": None, "DTSTART_TZID=America/New_York": "20260302T080000", "DURATION": "PT2H30M"}
    whole = {"DTSTART": None, "DTEND": None, "DTSTART_VALUE=DATE": "20260304"}
    floating = {"DTSTART": "20260306T080000", "DTEND": "20260306T100000"}
    spans = schedule(
        read(event(**new_york), event("ben", **whole), event("anna", **floating)), *(datetime(2026, 3, day, tzinfo=UTC) for day in (1, 9))
    )
    assert [(span.begin, span.end - span.begin) for span in spans] == [
        (datetime(2026, 3, 2, 13, tzinfo=UTC), timedelta(hours=2.5)),
        (datetime(2026, 3, 3, 23, tzinfo=UTC), timedelta(days=1)),
        (datetime(2026, 3, 6, 7, tzinfo=UTC), timedelta(hours=2)),
    ]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("FREQ=DAILY;COUNT=3", ["01-05", "01-06", "01-07"]),
        ("FREQ=DAILY;INTERVAL=10;UNTIL=20260125", ["01-05", "01-15", "01-25"]),
        ("FREQ=DAILY;UNTIL=20260107T070000Z", ["01-05", "01-06", "01-07"]),
        ("FREQ=DAILY;UNTIL=20260107T065959Z", ["01-05", "01-06"]),
        ("FREQ=WEEKLY;COUNT=3", ["01-05", "01-12", "01-19"]),
        ("FREQ=WEEKLY;BYDAY=FR,MO,WE;COUNT=5", ["01-05", "01-07", "01-09", "01-12", "01-14"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;COUNT=4", ["01-05", "01-11", "01-19", "01-25"]),
        ("FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;COUNT=4;WKST=SU", ["01-05", "01-18", "01-19", "02-01"]),
        ("FREQ=DAILY;BYDAY=SA,SU;COUNT=3", ["01-10", "01-11", "01-17"]),
    ],
)
def test_daily_and_weekly_rules_recur_as_the_standard_says(rule: str, expected: list[str]) -> None:
    assert days(read(event("anna", RRULE=rule, **DAILY))) == expected


def test_a_recurring_shift_keeps_its_wall_time_over_both_changes() -> None:
    night = {**DAILY, "DTSTART_TZID=Europe/Berlin": "20260105T220000", "DTEND_TZID=Europe/Berlin": "20260106T060000", "RRULE": "FREQ=DAILY"}
    spans = schedule(read(event("anna", **night)), *(datetime(2026, month, 1, tzinfo=UTC) for month in (2, 12)))
    walls = {(span.begin.astimezone(BERLIN).hour, span.end.astimezone(BERLIN).hour) for span in spans[1:-1]}
    assert walls == {(22, 6)}
    assert {span.end - span.begin for span in spans[1:-1]} == {timedelta(hours=hours) for hours in (7, 8, 9)}


def test_one_of_a_series_can_be_left_out_moved_given_away_or_cancelled() -> None:
    series = event("anna", RRULE="FREQ=DAILY;COUNT=5", **{"EXDATE_TZID=Europe/Berlin": "20260106T080000"}, **DAILY)
    moved = event("ben", UID="anna", DTSTART="20260110T070000Z", DTEND="20260110T090000Z", **{"RECURRENCE-ID": "20260107T070000Z"})
    cancelled = event("anna", STATUS="CANCELLED", **DAILY, **{"RECURRENCE-ID;TZID=Europe/Berlin": "20260108T080000"})
    assert days(read(series, moved, cancelled)) == ["01-05", "01-09", "01-10"]


def test_of_two_appointments_at_once_the_later_one_counts() -> None:
    spans = schedule(
        read(event("anna"), event("ben", DTSTART="20260302T120000Z", DTEND="20260302T130000Z")),
        *(datetime(2026, 3, day, tzinfo=UTC) for day in (1, 9)),
    )
    assert [span.person for span in spans] == ["anna", "ben", "anna"]


def test_lines_may_be_folded_and_what_an_appointment_holds_is_not_the_appointment() -> None:
    text = calendar(event("Anna Berg", DESCRIPTION="x" * 50 + "\r\n " + "y", BEGIN="VALARM\r\nSUMMARY:Ben Cole\r\nEND:VALARM")).replace(
        "Anna Berg", "Anna\r\n  Berg"
    )
    found = read_calendar(text, PEOPLE)
    assert ([each.person for each in found.appointments], found.faults) == (["anna"], ())


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"SUMMARY": "Christmas party"}, "names nobody of [people]"),
        ({"SUMMARY": "Ben Cole and Anna Berg"}, "names more than one"),
        ({"RRULE": "FREQ=MONTHLY;BYDAY=1MO"}, "its rule FREQ=MONTHLY;BYDAY=1MO is not read"),
        ({"RRULE": "FREQ=DAILY;BYHOUR=3"}, "is not read"),
        ({"RRULE": "FREQ=DAILY;INTERVAL=0"}, "recurs never"),
        ({"RDATE": "20260304T080000Z"}, "RDATE is not read"),
        ({"DTSTART": None, "DTSTART_TZID=W. Europe Standard Time": "20260302T080000"}, "its zone 'W. Europe Standard Time' is none"),
        ({"DTEND": "20260302T080000Z"}, "does not end after it begins"),
        ({"DTSTART": "tomorrow"}, "tomorrow"),
        ({"DTSTART": None}, "it has no DTSTART"),
        ({"DTEND": None, "DURATION": "two hours"}, "its duration 'two hours' is none"),
    ],
)
def test_what_is_not_understood_is_named_and_the_rest_is_read(fields: dict[str, str], said: str) -> None:
    found = read_calendar(calendar(event(**fields), event("ben", UID="other")), PEOPLE)
    assert [each.person for each in found.appointments] == ["ben"]
    assert [said in fault for fault in found.faults] == [True], found.faults


@pytest.fixture
def known(tmp_path: Path) -> Teams:
    return teams_of(tmp_path, changed(('time_zone = "Europe/Dublin"', 'time_zone = "Europe/Dublin"\nical = "mes.ics"')))


def test_a_calendar_lies_below_the_layers_of_its_rota(tmp_path: Path, known: Teams) -> None:
    (tmp_path / "mes.ics").write_text(calendar(event("Quinn Feld", DTSTART="20251230T080000Z", DTEND="20260106T080000Z")), "utf-8")
    calendars = Calendars(known, tmp_path, tmp_path / "copies").look()
    roster = Roster(known.rotas["mes"], calendars["mes"].appointments)
    found = [on_call(roster, datetime(2026, 1, day, 7, tzinfo=UTC)) for day in (4, 5)]
    assert [duty and duty.person for duty in found] == ["quinn", "anna"]


def test_a_calendar_that_is_away_has_a_copy_and_both_are_said(tmp_path: Path, known: Teams) -> None:
    folder, copies = tmp_path, tmp_path / "copies"
    missing = read_feed("mes.ics", known, folder, copies)
    assert (missing.appointments, "cannot be read" in missing.faults[0], "there is no copy" in missing.faults[0]) == ((), True, True)
    (folder / "mes.ics").write_text(calendar(event("Quinn Feld")), "utf-8")
    fresh = read_feed("mes.ics", known, folder, copies)
    (folder / "mes.ics").write_text("<html>Sign in</html>", "utf-8")
    kept = read_feed("mes.ics", known, folder, copies)
    assert (fresh.faults, kept.appointments) == ((), fresh.appointments)
    assert "is no calendar in iCalendar format; the copy of" in kept.faults[0]


def test_a_copy_that_cannot_be_kept_is_said(tmp_path: Path, known: Teams) -> None:
    (tmp_path / "mes.ics").write_text(calendar(), "utf-8")
    (tmp_path / "copies").write_text("a file", "utf-8")
    assert "HYPERCARE_CALENDARS_DIR" in read_feed("mes.ics", known, tmp_path, tmp_path / "copies").faults[0]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_calendar_is_fetched_and_the_secret_part_of_its_address_is_not_shown(tmp_path: Path, known: Teams, address: str) -> None:
    (tmp_path / "mes.ics").write_text(calendar(event("Quinn Feld")), "utf-8")
    assert len(read_feed(f"{address}/mes.ics", known, tmp_path, tmp_path / "copies").appointments) == 1
    away = read_feed(f"{address}/private-token", known, tmp_path, tmp_path / "copies")
    assert away.faults[0].startswith("The calendar at 127.0.0.1 cannot be fetched: HTTPStatusError")
    assert "token" not in away.faults[0]


def test_only_https_reaches_beyond_this_machine(tmp_path: Path, known: Teams) -> None:
    for source in ("http://calendar.example/x.ics", "ftp://calendar.example/x.ics", "file:///etc/passwd"):
        assert "write https://" in read_feed(source, known, tmp_path, tmp_path / "copies").faults[0]


def test_a_daily_appointment_of_years_ago_is_still_quick_to_look_up() -> None:
    fields = {
        **DAILY,
        "DTSTART_TZID=Europe/Berlin": "20160105T080000",
        "DTEND_TZID=Europe/Berlin": "20160105T200000",
        "RRULE": "FREQ=DAILY",
    }
    assert on_call(read(event("anna", **fields)), datetime(2026, 3, 2, 9, tzinfo=UTC)) is not None
