"""What reaches a person's screen: text that cannot act on it, bars only where somebody watches, JSON that parses."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.cli.terminal import ACTING, Output, complain, table, visible
from tests.command_line import on_a_terminal

BAR = """
from services.cli.terminal import Output
output = Output()
with output.bar("counting", 3) as advance:
    advance(3)
output.remark("done")
"""
ACTING_TEXTS = [
    "\x1b[2J",
    "a\rb",
    "\x9b31m",
    "abc\u202egnp.exe",
    "\u2066x\u2069",
    "zero\u200bwidth",
    "line\u2028break",
    "\ud800",
    "\ufeff",
    "\U000e0041",
]


@pytest.mark.parametrize("text", ACTING_TEXTS, ids=ascii)
def test_text_that_acts_on_a_terminal_is_shown_as_an_escape(text: str) -> None:
    shown = visible(text)
    assert shown.isprintable()
    assert "\\" in shown


@given(st.text(st.characters(exclude_categories=ACTING)))
def test_other_text_is_shown_as_it_is(text: str) -> None:
    assert visible(text) == text


@given(st.text(st.characters()))
def test_no_text_keeps_a_character_that_acts(text: str) -> None:
    assert not any(category(letter) in ACTING for letter in visible(text))


def test_markup_in_a_ticket_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    Output().show(None, table(("title",), [("[red]not red[/red] :smile:",)]))
    assert "[red]not red[/red] :smile:" in capsys.readouterr().out


def test_json_is_ascii_and_keeps_the_value(capsys: pytest.CaptureFixture[str]) -> None:
    data = {"title": "\u202e[red]ünsafe\x1b[2J", "at": datetime(2026, 3, 1, tzinfo=UTC)}
    Output(json=True).show(data, "")
    printed = capsys.readouterr().out
    assert printed.isascii()
    assert json.loads(printed) == data | {"at": "2026-03-01T00:00:00+00:00"}


def test_quiet_keeps_data_and_errors_only(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Output(quiet=True)
    quiet.remark("by the way")
    quiet.say({}, "it worked")
    quiet.show({}, "data")
    complain("a fault\nanother")
    captured = capsys.readouterr()
    assert captured.out == "data\n"
    assert captured.err == "hypercare: a fault\nhypercare: another\n"


def test_a_long_line_is_not_wrapped_in_a_pipe(capsys: pytest.CaptureFixture[str]) -> None:
    Output().show(None, table(("text",), [("word " * 100,)]))
    assert "word " * 99 in capsys.readouterr().out


def test_nothing_of_a_cell_is_left_out_on_a_narrow_terminal() -> None:
    program = "from services.cli.terminal import Output, table; Output().show(0, table(('id', 'text'), [('HC-1', 'z' * 200)]))"
    assert on_a_terminal(program, TERM="xterm", COLUMNS="40").count("z") == 200


def test_a_bar_appears_on_a_terminal_and_not_in_a_pipe() -> None:
    watched = on_a_terminal(BAR, TERM="xterm")
    assert "counting" in watched
    assert "3/3" in watched
    piped = subprocess.run([sys.executable, "-c", BAR], capture_output=True, text=True, check=True)
    assert piped.stderr == "done\n"


def test_a_terminal_that_cannot_move_its_cursor_gets_no_bar() -> None:
    assert "counting" not in on_a_terminal(BAR, TERM="dumb")


def test_no_color_is_honoured_on_a_terminal() -> None:
    told = "from services.cli.terminal import complain; complain('a fault')"
    assert "\x1b[31m" in on_a_terminal(told, TERM="xterm")
    assert not re.search(r"\x1b\[\d*m", on_a_terminal(told, TERM="xterm", NO_COLOR="1").replace("\x1b[0m", ""))
