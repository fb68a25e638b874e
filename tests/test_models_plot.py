"""Drawings that say in words what they show, and put each point where it belongs."""

import re
from xml.etree import ElementTree

import pytest

from models.plot import Axis, Panel, Series, Sheet, around, svg, ticks

NAME = "{http://www.w3.org/2000/svg}"
ACROSS, UP = Axis("tickets", 0, 100, (0, 50, 100), ".0f"), Axis("right", 0, 1, (0, 0.5, 1))
LINE = Series("strict", ((0, 0), (50, 0.5), (100, 1)), ((0, 0.1), (0.4, 0.6), (0.9, 1)))


def drawn(*series: Series, **more: object) -> ElementTree.Element:
    panel = Panel("A <panel> & more", ACROSS, UP, series or (LINE,), (50, 0.25), diagonal=True)
    return ElementTree.fromstring(svg(Sheet("A title", "What is to be seen & why", (panel,), mark="chosen", **more)))  # type: ignore[arg-type]


def all_of(root: ElementTree.Element, tag: str, css: str = "") -> list[ElementTree.Element]:
    return [each for each in root.iter(NAME + tag) if not css or css in each.get("class", "")]


def said(root: ElementTree.Element) -> list[str]:
    return [str(each.text) for each in root.iter(NAME + "text")]


def spots(path: ElementTree.Element) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"([\d.]+) ([\d.]+)", path.get("d", ""))]


def test_it_is_told_to_those_who_do_not_see_it() -> None:
    root = drawn()
    assert root.get("role") == "img"
    told = {each.get("id"): each.text for each in root if each.get("id")}
    assert told == {"title": "A title", "said": "What is to be seen & why"}
    assert root.get("aria-labelledby") == "title said"


def test_words_stand_as_they_are() -> None:
    assert {"A <panel> & more", "tickets", "right", "strict", "chosen", "0", "50", "100", "0%", "50%", "100%"} <= set(said(drawn()))


def test_points_lie_evenly_from_the_lower_left_to_the_upper_right() -> None:
    (line,) = all_of(drawn(), "path", "line")
    (left, bottom), (middle, half), (right, top) = spots(line)
    assert left < middle < right
    assert bottom > half > top
    assert (middle - left, bottom - half) == pytest.approx((right - middle, half - top), abs=0.11)
    assert len(all_of(drawn(), "path", "bar")) == 3


def test_what_lies_outside_is_drawn_at_the_edge() -> None:
    inside, outside = (
        spots(all_of(drawn(Series("x", points)), "path", "line")[0]) for points in (((0, 0), (100, 1)), ((-9, -9), (999, 2)))
    )
    assert inside == outside


def test_a_single_point_is_no_line() -> None:
    root = drawn(Series("x", ((50, 0.5),)))
    assert all_of(root, "path", "line") == []
    assert len(all_of(root, "circle")) == 2


def test_series_differ_in_shape_as_well_as_in_colour_and_alike_in_every_panel() -> None:
    first, second, third = (Series(name, ((50, 0.5),)) for name in "abc")
    root = drawn(first, second, third)
    assert [len(all_of(root, "circle")), len(all_of(root, "rect", "s1")), len(all_of(root, "path", "s2"))] == [2, 2, 2]
    panels = (Panel("1", ACROSS, UP, (first, second)), Panel("2", ACROSS, UP, (second,)))
    again = ElementTree.fromstring(svg(Sheet("t", "s", panels, columns=2)))
    assert len(all_of(again, "rect", "s1")) == 3
    assert said(again).count("b") == 1


def test_panels_stand_side_by_side_and_below() -> None:
    panels = tuple(Panel(str(place), ACROSS, UP, (LINE,)) for place in range(3))
    root = ElementTree.fromstring(svg(Sheet("t", "s", panels, columns=2, height=200)))
    places = {each.text: (float(each.get("x", 0)), float(each.get("y", 0))) for each in all_of(root, "text", "title")}
    assert places["0"][1] == places["1"][1] == places["2"][1] - 200
    assert places["0"][0] == places["2"][0] < places["1"][0]
    assert root.get("viewBox") == "0 0 880 430"


def test_it_can_be_read_on_a_light_and_on_a_dark_screen() -> None:
    (style,) = drawn().iter(NAME + "style")
    light, dark = str(style.text).split("@media(prefers-color-scheme:dark)")
    for css in (".paper{fill:", "text{fill:", ".soft{fill:", ".grid{stroke:", ".true{stroke:", ".s0{", ".s1{", ".s2{"):
        assert css in light
        assert css in dark


def test_ticks_and_edges_are_round_numbers() -> None:
    assert ticks(0.85, 1, 0.05) == (0.85, 0.9, 0.95, 1.0)
    assert around([0.861, 0.97], 0.05) == (0.85, 1.0)
    assert around([0.85, 0.95], 0.05) == (0.85, 0.95)
    assert around([0.9, 0.9], 0.1) == (0.9, 1.0)
