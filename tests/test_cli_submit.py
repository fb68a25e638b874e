"""`hypercare submit`: one report, one ticket."""

import json
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from services.cli.submit import key_of
from services.ledger import Ledger
from tests.command_line import run
from tests.fronts import Front, serving
from tests.lives import ticket_of

NOW = datetime(2026, 3, 1, 6, tzinfo=UTC)
TOLD = {"title": "Line 3 stopped", "site": "Cork", "reporter": "olga"}


@pytest.fixture
def front(ledger: Ledger) -> Iterator[Front]:
    with serving(Front(ledger)) as served:
        yield served


def test_a_report_prints_its_ticket_and_where_to_find_it(front: Front) -> None:
    result = run("submit", "Line 3 stopped", "--site", "Cork", "--url", front.url)
    assert result.exit_code == 0
    assert result.stdout == f"HC-1  {front.url}/v1/tickets/HC-1\n"


def test_everything_that_is_told_reaches_the_ticket(front: Front, ledger: Ledger) -> None:
    words = shlex.split(
        "--reporter olga --reporter-role shift_lead --severity sev2 --order 70018823 --batch B1 --area Filling --equipment LF-3"
    )
    more = [
        "--occurred-at",
        "2026-03-01T06:15:00+01:00",
        "--stopped",
        "line 3",
        "--body",
        "-",
        "--source-system",
        "desk",
        "--source-id",
        "7",
    ]
    assert run("submit", "No tags", "--site", "Cork", "--url", front.url, *words, *more, given="since the\nshift began").exit_code == 0
    ticket = ticket_of(ledger, "HC-1")
    assert (ticket.body, ticket.reporter, ticket.reporter_role) == ("since the\nshift began", "olga", "shift_lead")
    assert (ticket.reported_severity, ticket.process_order, ticket.batch, ticket.area) == ("sev2", "70018823", "B1", "Filling")
    assert (ticket.equipment, ticket.stopped, ticket.source_id) == ("LF-3", "line 3", "7")
    assert ticket.occurred_at == datetime(2026, 3, 1, 5, 15, tzinfo=UTC)


def test_the_reporter_is_the_caller_where_nobody_else_is_named(front: Front, ledger: Ledger) -> None:
    run("submit", "No tags", "--site", "Cork", "--url", front.url, "--actor", "dora")
    assert ticket_of(ledger, "HC-1").reporter == "dora"


def test_the_same_report_on_one_day_is_one_ticket_unless_it_is_said_to_be_new(front: Front) -> None:
    words = ("submit", "Line 3 stopped", "--site", "Cork", "--url", front.url)
    assert run(*words, "--quiet").stdout == "HC-1\n"
    again = run(*words)
    assert again.stdout.startswith("HC-1 ")
    assert "--again" in again.stderr
    assert json.loads(run(*words, "--again", "--json").stdout) == {"ticket": "HC-2", "new": True, "link": f"{front.url}/v1/tickets/HC-2"}


def test_the_key_is_another_for_another_text_another_day_or_another_problem() -> None:
    keys = {
        key_of(TOLD, NOW, False),
        key_of(TOLD | {"body": "x"}, NOW, False),
        key_of(TOLD, NOW + timedelta(days=1), False),
        key_of(TOLD, NOW, True),
    }
    assert len(keys) == 4
    assert key_of(TOLD, NOW, False) == key_of(dict(reversed(TOLD.items())), NOW + timedelta(hours=1), False)


def test_every_fault_is_told_at_once_and_nothing_is_sent(front: Front) -> None:
    result = run("submit", " ", "--site", "Cork", "--severity", "bad", "--occurred-at", "today", "--url", front.url)
    assert result.exit_code == 1
    assert [fault in result.stderr for fault in ("title:", "reported_severity:", "occurred_at:")] == [True] * 3
    assert front.asked == []


def test_text_that_is_not_utf8_is_refused(front: Front) -> None:
    result = run("submit", "x", "--site", "Cork", "--body", "-", "--url", front.url, given=b"\xff\xfe\x00")
    assert result.exit_code == 1
    assert "not UTF-8" in result.stderr
