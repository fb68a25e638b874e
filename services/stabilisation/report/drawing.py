"""Small drawings as SVG: shapes with colours of their own, so that a printer and a PDF show them too, and classes for dark screens.

Severities follow one another in fixed colours (after Okabe and Ito, 2008) and in a fixed order; no drawing tells by colour alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log10

from services.stabilisation.markup import Markup, element, joined

Spot = tuple[float, float]
WIDTH = 720
LEFT, RIGHT, TOP, BOTTOM = 36, 14, 34, 22
INK, QUIET, EDGE = "#17202a", "#52606d", "#cbd2d9"
PAINT: dict[str, dict[str, str]] = {
    "ink": {"fill": INK},
    "quiet": {"fill": QUIET},
    "grid": {"stroke": EDGE, "fill": "none"},
    "plan": {"stroke": INK, "stroke_width": "2", "fill": "none"},
    "first": {"stroke": QUIET, "stroke_width": "1.5", "stroke_dasharray": "5 4", "fill": "none"},
    "mark": {"stroke": QUIET, "stroke_width": "1", "stroke_dasharray": "2 3", "fill": "none"},
    "trace": {"stroke": "#0b5394", "stroke_width": "2", "fill": "none"},
    "band": {"fill": "#0b5394", "fill_opacity": "0.18"},
    "sev1": {"fill": "#b00020"},
    "sev2": {"fill": "#d9772b"},
    "sev3": {"fill": "#4a86b8"},
    "sev4": {"fill": "#a9c4da"},
    "undecided": {"fill": "#d5dade"},
    "pass": {"fill": "#007a57"},
    "waived": {"fill": "#7fb8a4"},
    "fail": {"fill": "#c04d00"},
    "unknown": {"fill": "#9aa5b1"},
}


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing area: `low` to `high` across, 0 to `top` up. In pixels it has this height, with all its margins."""

    low: float
    high: float
    top: float
    height: int

    def x(self, value: float) -> float:
        part = (min(max(value, self.low), self.high) - self.low) / ((self.high - self.low) or 1.0)
        return LEFT + (WIDTH - LEFT - RIGHT) * part

    def y(self, value: float) -> float:
        return self.height - BOTTOM - (self.height - TOP - BOTTOM) * min(max(value, 0.0), self.top) / self.top


def svg(said: str, height: int, shapes: Iterable[Markup]) -> Markup:
    return element("svg", *shapes, xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=said)


def text(x: float, y: float, told: str, kind: str = "ink", anchor: str = "start") -> Markup:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text_anchor": anchor, "font_size": "12", "font_family": "system-ui, sans-serif"}
    return element("text", told, class_=kind, **place, **PAINT[kind])


def line(kind: str, spots: Sequence[Spot]) -> Markup:
    return element("path", class_=kind, d=_way(spots), **PAINT[kind])


def area(kind: str, upper: Sequence[Spot], lower: Sequence[Spot]) -> Markup:
    return element("path", class_=kind, d=_way([*upper, *reversed(lower)]) + "Z", **PAINT[kind])


def box(kind: str, x: float, y: float, width: float, height: float) -> Markup:
    place = {"x": f"{x:.1f}", "y": f"{y:.1f}", "width": f"{width:.1f}", "height": f"{height:.1f}"}
    return element("rect", class_=kind, **place, **PAINT[kind])


def _way(spots: Sequence[Spot]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots)


def grid(plot: Plot, across: Iterable[tuple[float, str]]) -> Markup:
    """Lines at round counts, and words under the drawing at their places."""
    step = round_step(plot.top)
    levels = [place * step for place in range(int(plot.top // step) + 1)]
    rules = (line("grid", [(LEFT, plot.y(level)), (WIDTH - RIGHT, plot.y(level))]) for level in levels)
    counts = (text(LEFT - 5, plot.y(level) + 4, f"{level:g}", "quiet", "end") for level in levels)
    return joined(*rules, *counts, *(text(plot.x(at), plot.height - 6, told, "quiet", _anchor(plot.x(at))) for at, told in across))


def _anchor(x: float) -> str:
    return "end" if x > WIDTH - RIGHT - 20 else "middle"


def upright(plot: Plot, at: float, told: str, row: int = 0) -> Markup:
    """A line across the whole height with a word at its head; `row` puts the word lower, beside those of other lines."""
    x = plot.x(at)
    end = x > WIDTH - 120
    word = text(x + (-4 if end else 4), TOP + 10 + 13 * row, told, "quiet", "end" if end else "start")
    return joined(line("mark", [(x, TOP - 4), (x, plot.height - BOTTOM)]), word)


def legend(entries: Iterable[tuple[str, str]]) -> Markup:
    """Kinds with their words, in one row at the top; lines are drawn as lines."""
    shapes, x = [], float(LEFT)
    for kind, told in entries:
        drawn = "stroke" in PAINT[kind]
        shapes.append(line(kind, [(x, 12), (x + 18, 12)]) if drawn else box(kind, x + 3, 6, 12, 12))
        shapes.append(text(x + 23, 16, told))
        x += 36 + 6.4 * len(told)
    return joined(*shapes)


def round_step(top: float) -> float:
    """Of 1, 2 or 5 times a power of ten: at most five steps fit below the top."""
    least = max(top / 5, 1.0)
    power = 10.0 ** int(log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least)


def round_top(highest: float) -> float:
    """The next whole step above: the scale of a drawing begins at zero."""
    step = round_step(max(highest, 1.0))
    return step * max(ceil(highest / step), 1)
