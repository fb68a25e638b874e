"""docs/readiness.md and docs/golive.md say what the code measures and plans."""

import re

from schemas.golives import LIMITS, Gate, Gates, Rates, Slope
from services.golives import shipped_criteria
from services.stabilisation.measures import MEASURES
from services.stabilisation.plan import planned
from tests.documents import DOCS


def cells(page: str) -> list[list[str]]:
    lines = (DOCS / page).read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_every_measure_has_its_limits_and_its_function() -> None:
    assert set(MEASURES) == set(LIMITS)


def test_every_shipped_criterion_is_defined_with_its_measure_and_limits() -> None:
    told = {row[0].strip("`"): row[1] for row in cells("readiness.md") if row[0].startswith("`")}
    shipped = {
        each.id: f"`{each.measure}` " + ", ".join(f"{name} = {value:g}" for name, value in each.limits.items())
        for each in shipped_criteria().criteria
    }
    assert told == {name: limits.strip() for name, limits in shipped.items()}


def test_every_measure_is_used_by_a_shipped_criterion() -> None:
    assert {each.measure for each in shipped_criteria().criteria} == set(LIMITS)


def test_the_worked_example_is_what_the_shapes_give() -> None:
    gates = Gates(gates=(Gate(day=0, open=20), Gate(day=14, open=10), Gate(day=28, open=3)))
    shapes = (Rates(problems=60, decay=0.115, floor=0.2, capacity=3), Slope(peak=15, target=3, days=42), gates)
    rows = [row for row in cells("golive.md") if re.fullmatch(r"\d+", row[0])]
    assert len(rows) == 8
    for day, *levels in rows:
        assert levels == [f"{planned(shape, float(day)):.1f}" for shape in shapes]
