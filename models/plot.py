"""Small line drawings as SVG that needs no program to be read: black on white or, where the reader's screen is dark, the other way round.

Colours are those of Okabe and Ito (2008), which people who see few colours can tell apart; series differ in their marks as well.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor

Spot = tuple[float, float]

_WIDTH = 880
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 22, 26, 42
_HEAD = 30
_SMALLEST = 3.4
_STYLE = """
.paper{fill:#fff}.ink,text{fill:#24292f}text{font:12px system-ui,sans-serif}.title{font-weight:600}.soft{fill:#57606a}
.grid,.true,.bar,.line{fill:none}.true{stroke-dasharray:4 4}.grid{stroke:#d8dee4}.true{stroke:#57606a}
.line{stroke-width:2}.bar{stroke-width:1.2}
.s0{--c:#0072b2}.s1{--c:#c04d00}.s2{--c:#007a57}.line,.bar{stroke:var(--c)}.spot{fill:var(--c)}
@media(prefers-color-scheme:dark){.paper{fill:#0d1117}.ink,text{fill:#e6edf3}.soft{fill:#9da7b1}.grid{stroke:#30363d}
.true{stroke:#9da7b1}.s0{--c:#56b4e9}.s1{--c:#e69f00}.s2{--c:#2dc89a}}
"""


@dataclass(frozen=True, slots=True)
class Axis:
    """What is drawn along it between its ends; `form` writes a tick, as in `format`."""

    label: str
    low: float
    high: float
    ticks: tuple[float, ...]
    form: str = ".0%"

    def part(self, value: float) -> float:
        return (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Series:
    """Points from left to right, and for each of them, or for none, the lower and the upper end of a bar."""

    name: str
    points: tuple[Spot, ...]
    bars: tuple[Spot, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """`mark` is a point to be found at once; `diagonal` draws where both axes say the same."""

    title: str
    across: Axis
    up: Axis
    series: tuple[Series, ...]
    mark: Spot | None = None
    diagonal: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """Panels side by side, `columns` in a row. `said` tells in words what is to be seen; `mark` what a panel's mark is."""

    title: str
    said: str
    panels: tuple[Panel, ...]
    columns: int = 1
    height: int = 300
    mark: str = ""

    @property
    def names(self) -> list[str]:
        """Of the series, each once: the place of a name says how its series is drawn, in every panel alike. There are at most three."""
        return list(dict.fromkeys(series.name for panel in self.panels for series in panel.series))


@dataclass(frozen=True, slots=True)
class _Frame:
    """Where a panel stands on its sheet: its drawing area in pixels."""

    panel: Panel
    left: float
    top: float
    width: float
    height: float

    def x(self, value: float) -> float:
        return self.left + self.width * self.panel.across.part(value)

    def y(self, value: float) -> float:
        return self.top + self.height * (1 - self.panel.up.part(value))


def ticks(low: float, high: float, step: float) -> tuple[float, ...]:
    """Multiples of `step` from `low` to `high`."""
    first, last = round(low / step), round(high / step)
    return tuple(round(number * step, 6) for number in range(first, last + 1))


def _text(x: float, y: float, said: str, anchor: str = "middle", kind: str = "") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{css}>{escape(said)}</text>'


def _path(kind: str, *spots: Spot) -> str:
    return f'<path class="{kind}" d="M' + "L".join(f"{x:.1f} {y:.1f}" for x, y in spots) + '"/>'


def _spot(place: int, x: float, y: float) -> str:
    """A circle, a square or a triangle."""
    size = _SMALLEST
    if place == 0:
        return f'<circle class="spot s0" cx="{x:.1f}" cy="{y:.1f}" r="{size}"/>'
    if place == 1:
        return f'<rect class="spot s1" x="{x - size:.1f}" y="{y - size:.1f}" width="{2 * size}" height="{2 * size}"/>'
    return f'<path class="spot s2" d="M{x:.1f} {y - size - 1:.1f}l{size + 1} {2 * size}h{-2 * size - 2}z"/>'


def _diamond(x: float, y: float) -> str:
    return f'<path class="ink" d="M{x:.1f} {y - 7:.1f}l6 7l-6 7l-6 -7z"/>'


def _axes(frame: _Frame) -> Iterator[str]:
    panel, bottom, right = frame.panel, frame.top + frame.height, frame.left + frame.width
    for value in panel.up.ticks:
        yield _path("grid", (frame.left, frame.y(value)), (right, frame.y(value)))
        yield _text(frame.left - 6, frame.y(value) + 4, format(value, panel.up.form), "end", "soft")
    for value in panel.across.ticks:
        yield _path("grid", (frame.x(value), bottom), (frame.x(value), bottom + 4))
        yield _text(frame.x(value), bottom + 17, format(value, panel.across.form), kind="soft")
    yield _text(frame.left, frame.top - 9, panel.title, "start", "title")
    yield _text(frame.left + frame.width / 2, bottom + 34, panel.across.label)
    x, y = frame.left - 47, frame.top + frame.height / 2
    yield f'<text transform="translate({x:.1f} {y:.1f})rotate(-90)" text-anchor="middle">{escape(panel.up.label)}</text>'


def _drawn(frame: _Frame, place: int, series: Series) -> Iterator[str]:
    for (x, _), (low, high) in zip(series.points, series.bars, strict=False):
        yield _path(f"bar s{place}", (frame.x(x), frame.y(low)), (frame.x(x), frame.y(high)))
    spots = [(frame.x(x), frame.y(y)) for x, y in series.points]
    if len(spots) > 1:
        yield _path(f"line s{place}", *spots)
    yield from (_spot(place, x, y) for x, y in spots)


def _panel(frame: _Frame, names: Sequence[str]) -> Iterator[str]:
    panel = frame.panel
    yield from _axes(frame)
    if panel.diagonal:
        low, high = max(panel.across.low, panel.up.low), min(panel.across.high, panel.up.high)
        yield _path("true", (frame.x(low), frame.y(low)), (frame.x(high), frame.y(high)))
    for series in panel.series:
        yield from _drawn(frame, names.index(series.name), series)
    if panel.mark:
        yield _diamond(frame.x(panel.mark[0]), frame.y(panel.mark[1]))


def _legend(sheet: Sheet) -> Iterator[str]:
    x = float(_LEFT)
    for place, name in enumerate(sheet.names):
        yield _spot(place, x, 16) + _text(x + 10, 20, name, "start")
        x += 36 + 6.1 * len(name)
    if sheet.mark:
        yield _diamond(x, 16) + _text(x + 12, 20, sheet.mark, "start")


def _frames(sheet: Sheet) -> Iterator[_Frame]:
    wide = _WIDTH / sheet.columns
    for place, panel in enumerate(sheet.panels):
        row, column = divmod(place, sheet.columns)
        left, top = column * wide + _LEFT, _HEAD + row * sheet.height + _TOP
        yield _Frame(panel, left, top, wide - _LEFT - _RIGHT, sheet.height - _TOP - _BOTTOM)


def svg(sheet: Sheet) -> str:
    rows = -(-len(sheet.panels) // sheet.columns)
    height = _HEAD + rows * sheet.height
    shapes = [*_legend(sheet), *(shape for frame in _frames(sheet) for shape in _panel(frame, sheet.names))]
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img" aria-labelledby="title said">'
    words = f'<title id="title">{escape(sheet.title)}</title><desc id="said">{escape(sheet.said)}</desc>'
    paper = f'<rect class="paper" width="{_WIDTH}" height="{height}"/>'
    return "\n".join([opening, words, f"<style>{_STYLE}</style>", paper, *shapes, "</svg>"]) + "\n"


def around(values: Sequence[float], step: float) -> Spot:
    """The nearest multiples of `step` that hold all values between them."""
    low, high = floor(round(min(values) / step, 6)), ceil(round(max(values) / step, 6))
    return round(low * step, 6), round(max(high, low + 1) * step, 6)
