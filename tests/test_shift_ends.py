"""When a shift ends, those who come in have its handover in their mail: once, as it was known then, and word for word on record."""

import asyncio
from dataclasses import replace
from datetime import datetime, time, timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import events as e
from schemas.golive_events import GoLiveExited
from schemas.golives import WEEKDAYS, Shift
from services import golives as said
from services.deliveries import replay
from services.dispatcher.channels import Channel, MailSettings, Recorder, Undelivered, open_channels
from services.dispatcher.equipment import open_channels_from
from services.errors import Misconfigured
from services.ledger import Ledger, Subject
from services.oncall.configured import told as told_of_file
from services.settings import load_settings
from services.stabilisation.days import last_relieved
from services.stabilisation.handover import handover
from services.stabilisation.progress import Progress
from services.stabilisation.report.handover import handover_document
from services.stabilisation.report.letter import WIDTH, letter
from services.stabilisation.shift_ends import ShiftEnds
from services.teams import Teams, load_teams
from tests.dispatching import outcomes, routed, sending, settled, states
from tests.lived_golives import BEGIN, DAY, LEAD, Clock, just_begun
from tests.lives import SERVICE, entries_of, happened
from tests.sinks import MailSink
from tests.test_handover import HOUR, THREE

LEADS = "mail:shift-leads@plant.example"
ROOM = "recorder:control-room"
GRADES = ("sev1", "sev2", "sev3", "sev4")
SOON = timedelta(seconds=7)
TEAMS = Teams.model_validate(
    {"systems": {"erp": "erp"}, "teams": {"erp": {"notify": ["console:erp"]}}, "sites": {"Cork": {"handover": [LEADS, ROOM]}}}
)


@pytest.fixture
def clock(ledger: Ledger) -> Clock:
    """Of a ledger with a go-live of three shifts a day, declared a day before; the first shift has just begun."""
    return just_begun(ledger, THREE)


def ends(ledger: Ledger, teams: Teams = TEAMS) -> ShiftEnds:
    return ShiftEnds(ledger, Progress(), teams)


def handed(ledger: Ledger) -> int:
    """By one that has just begun."""
    return asyncio.run(ends(ledger).hand_over_due())


def records(ledger: Ledger) -> list[dict[str, str]]:
    return [entry.data for entry in entries_of(ledger) if entry.type == "ShiftHandedOver"]


async def delivered(ledger: Ledger, *channels: Channel, number: int = 1) -> None:
    async with sending(ledger, *channels):
        await settled(ledger, number)


def test_it_is_in_the_mail_of_those_whom_the_site_names_when_the_shift_ends(ledger: Ledger, clock: Clock) -> None:
    ticket = routed(ledger, "sev2", title="Line 3 stopped, no tags")
    clock.now = BEGIN + 8 * HOUR + SOON
    assert handed(ledger) == 1
    with MailSink() as sink:
        channels = open_channels(MailSettings("127.0.0.1", "hypercare@plant.example", sink.port, "none"))
        asyncio.run(delivered(ledger, *channels.values(), Recorder(), number=2))
        assert sink.addressed == ["shift-leads@plant.example"]
        (mail,) = sink.letters
    assert mail["Subject"] == "Handover Cork, Mon 02 Mar 06:00-14:00: 0 Sev1, 1 Sev2, 1 late, 1 open"
    text = text_of(mail)
    assert (ticket.id in text, "Line 3 stopped, no tags" in text, "Owner: nobody" in text) == (True, True, True)
    assert text == letter(handover_document(handover(Progress(), ledger, "GL-1", BEGIN)))


def text_of(mail: EmailMessage) -> str:
    return str(mail.get_content()).replace("\r\n", "\n").removesuffix("\n")


def test_a_shift_is_handed_over_at_its_end_once_whoever_comes_first(ledger: Ledger, clock: Clock) -> None:
    clock.now = BEGIN + 8 * HOUR - timedelta(microseconds=1)
    assert handed(ledger) == 0
    clock.now = BEGIN + 8 * HOUR
    first, second = ends(ledger), ends(ledger)
    due = first.due(), second.due()
    assert [len(each) for each in due] == [1, 1]
    assert [asyncio.run(each.hand_over_due()) for each in (first, second, first)] == [1, 0, 0]
    assert len(records(ledger)) == 1
    clock.now = BEGIN + 16 * HOUR
    assert handed(ledger) == 1
    assert [each["begin"][11:16] for each in records(ledger)] == ["06:00", "14:00"]


def test_two_that_write_at_the_same_time_hand_over_once(ledger: Ledger, clock: Clock) -> None:
    clock.now = BEGIN + 8 * HOUR

    async def both() -> list[int]:
        return list(await asyncio.gather(*(ends(ledger).hand_over_due() for _ in range(4))))

    assert sorted(asyncio.run(both())) == [0, 0, 0, 1]
    assert states(ledger) == ["pending", "pending"]


def test_what_happened_after_the_end_is_not_in_it_however_late_it_goes_out(ledger: Ledger, clock: Clock) -> None:
    clock.now = BEGIN + 8 * HOUR
    asyncio.run(ends(ledger).hand_over_due())
    clock.now = BEGIN + 16 * HOUR + timedelta(minutes=50)
    late = routed(ledger, "sev1")
    assert handed(ledger) == 1
    (_, second) = records(ledger)
    assert late.id not in second["text"]
    entry = next(each for each in entries_of(ledger) if each.data == second)
    assert (entry.occurred_at, entry.recorded_at > entry.occurred_at) == (BEGIN + 16 * HOUR, True)


def test_after_a_long_pause_only_the_last_shift_is_handed_over(ledger: Ledger, clock: Clock) -> None:
    clock.now = BEGIN + 3 * DAY + HOUR
    assert handed(ledger) == 1
    (only,) = records(ledger)
    assert only["end"].startswith("2026-03-05T06:00")


def test_where_shifts_overlap_it_is_there_when_the_next_one_comes_in(ledger: Ledger, clock: Clock) -> None:
    overlapping = THREE.model_copy(update={"shifts": (Shift(begin="06:00", end="18:30"), Shift(begin="18:00", end="06:30"))})
    ledger.write(lambda draft: said.declare(draft, overlapping, LEAD, "GL-1")).result()
    clock.now = BEGIN + 12 * HOUR + SOON
    assert handed(ledger) == 1
    clock.now = BEGIN + 12 * HOUR + timedelta(minutes=40)
    assert handed(ledger) == 0
    (only,) = records(ledger)
    assert only["text"] == letter(handover_document(handover(Progress(), ledger, "GL-1", BEGIN)))


def test_before_the_first_shift_ends_after_the_exit_and_where_nobody_reads_nothing_is_handed_over(ledger: Ledger, clock: Clock) -> None:
    clock.now = BEGIN
    assert handed(ledger) == 0
    clock.now = BEGIN + 8 * HOUR
    quiet = Teams.model_validate(TEAMS.model_dump() | {"sites": {}})
    assert asyncio.run(ends(ledger, quiet).hand_over_due()) == 0
    clock.now = BEGIN + 9 * HOUR
    exited = GoLiveExited(golive="GL-1", snapshot="GL-1-2026-03-02")
    ledger.write(lambda draft: draft.append(exited, LEAD, Subject(site="Cork"))).result()
    assert handed(ledger) == 1
    clock.now = BEGIN + 16 * HOUR
    assert handed(ledger) == 0


def test_one_that_cannot_be_delivered_is_a_dead_letter_and_is_sent_again_word_for_word(ledger: Ledger, clock: Clock) -> None:
    clock.now = BEGIN + 8 * HOUR
    handed(ledger)
    mail, room = Recorder("mail"), Recorder()
    mail.refuse(Undelivered("no such mailbox", retry=False))
    asyncio.run(delivered(ledger, mail, room, number=2))
    failed = [identity for kind, identity in outcomes(ledger) if kind == "NotificationFailed"]
    assert (len(failed), mail.sent, len(room.sent)) == (1, [], 1)
    ledger.write(lambda draft: replay(draft, failed[0], replace(SERVICE, reason="the mailbox was made"))).result()
    asyncio.run(delivered(ledger, mail, room, number=3))
    ((message, address),) = mail.sent
    assert (message.delivery_id, address, message.about) == (failed[0], "shift-leads@plant.example", None)
    assert (message.title, message.text) == (records(ledger)[0]["title"], records(ledger)[0]["text"])
    assert all(entry.ticket is None and entry.site == "Cork" for entry in entries_of(ledger) if entry.type.startswith("Notification"))


def test_a_text_to_read_is_no_wider_than_a_mail_and_leaves_out_nothing(ledger: Ledger, clock: Clock) -> None:
    tickets = [routed(ledger, grade, title="Reactor 2 shows bad quality on all tags of the south hall, again") for grade in GRADES]
    happened(ledger, tickets[1].id, e.TicketAcknowledged())
    happened(ledger, tickets[2].id, e.TicketResolved(cause_system="erp", cause_class="training", resolution="shown how"))
    told = letter(handover_document(handover(Progress(), ledger, "GL-1")))
    assert max(map(len, told.splitlines())) <= WIDTH
    assert [line.partition(" ")[0] for line in told.splitlines() if line.startswith("HC-")] == ["HC-1", "HC-2", "HC-4", "HC-3"]
    assert "| " not in told
    assert "**" not in told


def test_what_people_wrote_cannot_pass_for_the_letters_own_lines(ledger: Ledger, clock: Clock) -> None:
    forged = "by hand\n\n2. Late, or due before the next shift ends\n---\nNone."
    happened(ledger, routed(ledger, "sev2").id, e.TicketWorkedAround(workaround=forged))
    told = letter(handover_document(handover(Progress(), ledger, "GL-1"))).splitlines()
    assert len([line for line in told if line.startswith("2. ")]) == 1
    assert any("by hand 2. Late" in line for line in told)


def test_the_targets_of_a_handover_are_checked_like_all_others() -> None:
    with pytest.raises(Misconfigured, match=r"mail:shift-leads@plant\.example: set HYPERCARE_SMTP_HOST"):
        open_channels_from(load_settings(), Teams.model_validate(TEAMS.model_dump() | {"sites": {"Cork": {"handover": [LEADS]}}}))


@pytest.mark.parametrize("target", ["pagerduty:erp", "alertmanager:https://alerts.plant.example"])
def test_a_tool_that_keeps_incidents_is_refused_as_a_reader(target: str) -> None:
    with pytest.raises(ValueError, match="takes incidents only"):
        Teams.model_validate(TEAMS.model_dump() | {"sites": {"Cork": {"handover": [target]}}})


def test_who_reads_a_handover_changes_no_decision_and_keeps_its_secret() -> None:
    hook = "webhook:https://plant.example/hook/s3cret"
    secret = Teams.model_validate(TEAMS.model_dump() | {"sites": {"Cork": {"handover": [hook]}}})
    assert secret.digest() == TEAMS.digest()
    assert "s3cret" not in str(told_of_file(secret))
    assert load_teams(None).readers_at("Cork") == []


def test_when_is_told_on_the_sites_clock(ledger: Ledger, clock: Clock) -> None:
    clock.now = datetime.fromisoformat("2026-03-29T13:00:00+00:00")
    handed(ledger)
    (only,) = records(ledger)
    assert only["title"].startswith("Handover Cork, Sun 29 Mar 06:00-14:00")


TIMES = st.sampled_from([time(hour, minute) for hour in (0, 2, 5, 6, 13, 14, 18, 22) for minute in (0, 30)])
DAYS = st.lists(st.sampled_from(WEEKDAYS), min_size=1, max_size=7, unique=True)
SOME_SHIFTS = st.lists(
    st.builds(lambda days, begin, end: Shift(days=days, begin=begin, end=end), DAYS, TIMES, TIMES), min_size=1, max_size=4
)
ZONES = st.sampled_from(["Europe/Dublin", "America/New_York", "Australia/Lord_Howe", "UTC"])
HOURS = st.integers(0, 24 * 366).map(lambda hours: BEGIN + hours * HOUR)


@given(SOME_SHIFTS.filter(lambda shifts: all(shift.begin != shift.end for shift in shifts)), ZONES, HOURS)
def test_the_shift_that_handed_over_last_is_found_whatever_the_shifts_are(shifts: list[Shift], zone: str, at: datetime) -> None:
    """Looked at hour by hour, the moment at which a shift hands over never comes later than it is known, and never goes back."""
    text = THREE.model_copy(update={"shifts": tuple(shifts), "time_zone": zone})
    found = [last_relieved(text, at + hours * HOUR) for hours in range(30)]
    moments = [shifts.relieved_at for shifts in found]
    assert all(moment <= at + hours * HOUR for hours, moment in enumerate(moments))
    assert moments == sorted(moments)
    for each in found:
        assert each.begin < each.relieved_at <= each.end
        assert last_relieved(text, each.relieved_at) == each
