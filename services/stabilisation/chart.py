"""Plain SVG that stretches to its place; its words stand beside it in HTML, so that they stay readable on a phone."""

from collections.abc import Sequence
from datetime import datetime

from schemas.figures import Bucket, Burndown
from services.stabilisation.markup import Markup, element

WIDTH, HEIGHT = 360, 120


def line(burndown: Burndown) -> Markup:
    """Open tickets over time as an area; the scale starts at zero and ends at the highest count."""
    first, last = burndown.points[0], burndown.points[-1]
    top = max((point.open for point in burndown.points), default=0)
    said = f"Open tickets per {burndown.step}: {first.open} at {moment(first.at)}, {last.open} at {moment(last.at)}, at most {top}."
    across = _scale([(point.at - first.at).total_seconds() for point in burndown.points], WIDTH)
    up = _scale([point.open for point in burndown.points], HEIGHT - 4)
    places = [f"{x:.1f},{HEIGHT - y:.1f}" for x, y in zip(across, up, strict=True)]
    area = element("polygon", class_="area", points=" ".join([f"0,{HEIGHT}", *places, f"{across[-1]:.1f},{HEIGHT}"]))
    trace = element("polyline", class_="trace", points=" ".join(places))
    return _figure("Open tickets", said, (str(top), moment(first.at), moment(last.at)), (area, trace))


def bars(buckets: Sequence[Bucket], caption: str) -> Markup:
    counts = [bucket.count for bucket in buckets]
    said = f"{caption}: {sum(counts)} in all, at most {max(counts)}, {counts[-1]} in the last, which is not over yet."
    wide = WIDTH / len(buckets)
    up = _scale(counts, HEIGHT - 4)
    drawn = [
        element("rect", class_="bar", x=f"{place * wide + 1:.1f}", y=f"{HEIGHT - y:.1f}", width=f"{wide - 2:.1f}", height=f"{y:.1f}")
        for place, y in enumerate(up)
    ]
    return _figure(caption, said, (str(max(counts)), moment(buckets[0].start), moment(buckets[-1].start)), drawn)


def moment(instant: datetime) -> str:
    return instant.strftime("%d %b %H:%M")


def _scale(values: Sequence[float], length: int) -> list[float]:
    highest = max(values) or 1
    return [value / highest * length for value in values]


def _figure(caption: str, said: str, labels: tuple[str, str, str], shapes: Sequence[Markup]) -> Markup:
    top, begin, end = labels
    words = element("title", said)
    drawing = element("svg", words, *shapes, viewBox=f"0 0 {WIDTH} {HEIGHT}", preserveAspectRatio="none", role="img", aria_label=said)
    scale = element("span", element("span", top), element("span", "0"), class_="scale", aria_hidden="true")
    days = element("span", element("span", begin), element("span", end), class_="days", aria_hidden="true")
    return element("figure", element("figcaption", caption), element("div", scale, drawing, days, class_="plot"))
