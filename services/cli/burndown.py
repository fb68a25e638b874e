"""Open tickets against the plan as columns of characters, a day each: blocks where they can be drawn, else ASCII."""

from collections.abc import Sequence
from math import ceil
from typing import NamedTuple

from schemas.golive_figures import PlannedDay

ROWS = 8
MOST_COLUMNS = 60


class Marks(NamedTuple):
    """`parts`: from an empty cell to a full one, for planned severities; `others` above them. `plan` alone and `crossed` in a column."""

    parts: str
    others: str
    plan: str
    crossed: str
    rule: str
    corner: str
    floor: str


class Column(NamedTuple):
    """A day: open tickets of the planned severities, of all, and the plan. Without a plan all severities are as planned ones."""

    held: float
    all: float
    plan: float | None


BLOCKS = Marks(" ▁▂▃▄▅▆▇█", "░", "─", "╪", "│", "└", "─")
ASCII = Marks(" #", ":", "-", "=", "|", "+", "-")


def burndown_lines(days: Sequence[PlannedDay], marks: Marks) -> list[str]:
    """The drawing with its scale, dates and legend. Empty before the go-live."""
    if not days:
        return []
    shown = _thinned(days)
    columns = [_column(day) for day in shown]
    top = max(1.0, *(max(each.all, each.plan or 0.0) for each in columns))
    wide = 2 if len(shown) <= MOST_COLUMNS // 2 else 1
    margin = max(len(str(ceil(top))), 3)
    scale = [str(ceil(top)), *[""] * (ROWS - 1)]
    rows = ["".join(_cell(each, row, top / ROWS, marks) * wide for each in columns) for row in reversed(range(ROWS))]
    drawn = [f"{said:>{margin}} {marks.rule}{row}".rstrip() for said, row in zip(scale, rows, strict=True)]
    floor = f"{'0':>{margin}} {marks.corner}{marks.floor * wide * len(shown)}"
    foot = (_dates(shown, wide * len(shown)), _legend(days[-1], marks))
    return [*drawn, floor, *(" " * (margin + 2) + line for line in foot)]


def _thinned(days: Sequence[PlannedDay]) -> list[PlannedDay]:
    """So many that they fit, the last one among them."""
    step = ceil(len(days) / MOST_COLUMNS)
    return list(reversed(days[::-1][::step]))


def _column(day: PlannedDay) -> Column:
    total = sum(day.open.values())
    if day.planned is None:
        return Column(total, total, None)
    return Column(sum(day.open.get(grade, 0) for grade in day.planned), total, sum(day.planned.values()))


def _cell(column: Column, row: int, unit: float, marks: Marks) -> str:
    held, every = (min(max(level / unit - row, 0.0), 1.0) for level in (column.held, column.all))
    if column.plan is not None and min(int(column.plan / unit), ROWS - 1) == row:
        return marks.crossed if held > 0.5 else marks.plan
    if every > 0.5 > held:
        return marks.others
    return marks.parts[round(held * (len(marks.parts) - 1))]


def _dates(days: Sequence[PlannedDay], width: int) -> str:
    first, last = (f"{days[place].at:%d %b}" for place in (0, -1))
    return first + last.rjust(max(width - len(first), len(last) + 1))


def _legend(day: PlannedDay, marks: Marks) -> str:
    full = marks.parts[-1] * 2
    if day.planned is None:
        return f"{full} open"
    return f"{full} open {', '.join(sorted(day.planned))}   {marks.others * 2} open, not planned   {marks.plan * 2} plan"
