"""Messages on a text stream: nothing in them moves its cursor, and what it cannot show is not lost."""

import io
from dataclasses import replace

import pytest

from services.dispatcher.channels import About, ConsoleSettings, Message, Undelivered, open_channels

MESSAGE = Message("dlv-0001", "Line 4 stopped", "Filling line 4 stands still.", About("HC-17", "sev1", "erp", "muc-erp"))


def test_no_field_of_a_message_can_move_the_cursor_of_a_console() -> None:
    screen, odd = io.StringIO(), "\x1b[2J\r\n● forged"
    message = replace(MESSAGE, title=odd, text=odd, about=About(odd, odd, odd, odd))
    open_channels(ConsoleSettings(screen))["console"].send(message, odd)
    assert not {"\x1b", "\r"} & set(screen.getvalue())
    assert [line[0] for line in screen.getvalue().splitlines()] == ["●", " ", " ", " "]


def test_a_console_without_unicode_shows_escapes_and_loses_nothing() -> None:
    narrow = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    open_channels(ConsoleSettings(narrow))["console"].send(replace(MESSAGE, title="Störung"), "stdout")
    narrow.seek(0)
    assert "St\\xf6rung" in narrow.read()


def test_a_closed_console_asks_for_a_retry() -> None:
    screen = io.StringIO()
    screen.close()
    with pytest.raises(Undelivered, match="closed") as refusal:
        open_channels(ConsoleSettings(screen))["console"].send(MESSAGE, "stdout")
    assert refusal.value.retry
