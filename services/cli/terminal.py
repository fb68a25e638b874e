"""What a person sees: foreign text made harmless, tables and bars on a terminal, plain lines in a pipe, JSON where it is asked for."""

import json as codec
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from textwrap import fill
from typing import Annotated, Any
from unicodedata import category

from rich.box import SIMPLE
from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text
from typer import Option

ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")
PIPE_WIDTH = 4_000
NO_BREAK = "\N{NO-BREAK SPACE}"
NUMBER = re.compile(r"(?<=\d) (?=(?:d|h|min|s|%)\b)")


def visible(text: str) -> str:
    """Control, format (bidi, zero-width), surrogate and line characters as escapes, so that none of them acts on the terminal."""
    return "".join(letter.encode("unicode_escape").decode() if category(letter) in ACTING else letter for letter in text)


def console(stderr: bool = False) -> Console:
    """Plain text: no markup, no highlighting, no wrapping where nobody looks at a screen."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False, soft_wrap=True)
    if not made.is_terminal:
        made.width = PIPE_WIDTH
    return made


def draws(screen: Console) -> bool:
    """Whether lines and blocks can be drawn on it: a terminal that moves its cursor and shows more than ASCII."""
    return screen.is_terminal and not screen.is_dumb_terminal and screen.encoding.lower().startswith("utf")


def complain(message: str) -> None:
    """An error, on stderr: its lines are the faults, so line breaks of ours stay and everything else is made visible."""
    for line in message.split("\n"):
        console(stderr=True).print(f"hypercare: {visible(line)}", style="red")


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> Table:
    made = Table(box=SIMPLE, pad_edge=False)
    for heading in headings:
        made.add_column(heading, overflow="fold")
    for row in rows:
        made.add_row(*("" if cell is None else visible(str(cell)) for cell in row))
    return made


def hanging(line: str, indent: str = "  ") -> Text:
    """Where it is longer than the screen is wide it goes on under itself, further in; a number keeps its unit."""
    held = NUMBER.sub(NO_BREAK, visible(line))
    shown = fill(held, console().width, initial_indent=indent, subsequent_indent=indent + "    ", break_on_hyphens=False)
    return Text(shown.replace(NO_BREAK, " "))


@dataclass(frozen=True)
class Output:
    """How a verb speaks: data on stdout, remarks and bars on stderr."""

    json: Annotated[bool, Option("--json", help="Print data as JSON.")] = False
    quiet: Annotated[bool, Option("--quiet", "-q", help="Print only data and errors: no remarks, no progress bar.")] = False

    def show(self, data: Any, human: RenderableType) -> None:
        """`data` as JSON (ASCII only, hence harmless) or `human`, which must be harmless already; an empty text is no line."""
        if self.json:
            console().print(codec.dumps(data, indent=2, default=_spoken))
        elif human:
            console().print(human)

    def say(self, data: Any, human: str) -> None:
        """As `show`, but silent with --quiet: for what only confirms that the verb did its work."""
        self.show(data, "" if self.quiet else "\n".join(visible(line) for line in human.split("\n")))

    def remark(self, text: str) -> None:
        if not self.quiet:
            console(stderr=True).print(visible(text))

    @contextmanager
    def bar(self, what: str, total: int) -> Iterator[Callable[[int], None]]:
        """A function that advances the bar; there is no bar in a pipe, with --quiet, or on a terminal that cannot move its cursor."""
        screen = console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
        hidden = self.quiet or not screen.is_terminal or screen.is_dumb_terminal
        with Progress(*columns, console=screen, disable=hidden) as progress:
            task = progress.add_task(what, total=total)
            yield lambda steps: progress.advance(task, steps)


def _spoken(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
