"""Open tickets against the plan as columns of characters, a day each: blocks where they can be drawn, else ASCII."""

from collections.abc import Iterator, Sequence
from math import ceil
from typing import NamedTuple

from schemas.golive_figures import PlannedDay

ROWS = 8
MOST_COLUMNS = 60
EIGHTHS = " ▁▂▃▄▅▆▇█"


class Marks(NamedTuple):
    """`parts`: an empty cell, its fillings, and the full one; `plan` above the column and `crossed` within it."""

    parts: str
    plan: str
    crossed: str
    rule: str
    corner: str
    floor: str


BLOCKS = Marks(EIGHTHS, "─", "╪", "│", "└", "─")
ASCII = Marks(" #", "-", "=", "|", "+", "-")


def burndown_lines(days: Sequence[PlannedDay], marks: Marks) -> list[str]:
    """The drawing with its scale and dates. Empty before the go-live."""
    if not days:
        return []
    shown = _thinned(days)
    opened = [sum(day.open.values()) for day in shown]
    planned = [sum(day.planned.values()) if day.planned is not None else None for day in shown]
    top = max(1.0, *opened, *(level or 0.0 for level in planned))
    wide = 2 if len(shown) <= MOST_COLUMNS // 2 else 1
    margin = max(len(str(ceil(top))), 3)
    rows = [
        "".join(_cell(level, plan, row, top, marks) * wide for level, plan in zip(opened, planned, strict=True))
        for row in reversed(range(ROWS))
    ]
    scale = [f"{ceil(top)}" if place == 0 else "" for place in range(ROWS)]
    drawn = [f"{said:>{margin}} {marks.rule}{row}".rstrip() for said, row in zip(scale, rows, strict=True)]
    return [*drawn, f"{'0':>{margin}} {marks.corner}{marks.floor * wide * len(shown)}", *_foot(shown, margin, wide, marks, any(planned))]


def _thinned(days: Sequence[PlannedDay]) -> list[PlannedDay]:
    """So many that they fit, the last one among them."""
    step = ceil(len(days) / MOST_COLUMNS)
    return list(reversed(days[::-1][::step]))


def _cell(level: float, plan: float | None, row: int, top: float, marks: Marks) -> str:
    unit = top / ROWS
    filled = min(max(level / unit - row, 0.0), 1.0)
    here = plan is not None and min(int(plan / unit), ROWS - 1) == row
    if here:
        return marks.crossed if filled > 0.5 else marks.plan
    return marks.parts[ceil(filled * (len(marks.parts) - 1))] if filled >= 1 / 16 else marks.parts[0]


def _foot(days: Sequence[PlannedDay], margin: int, wide: int, marks: Marks, planned: bool) -> Iterator[str]:
    first, last = (f"{days[place].at:%d %b}" for place in (0, -1))
    gap = max(wide * len(days) - len(first) - len(last), 1)
    yield " " * (margin + 2) + first + " " * gap + last
    plan = f", {marks.plan * 2} plan" if planned else ""
    yield " " * (margin + 2) + f"{marks.parts[-1] * 2} open{plan}"
