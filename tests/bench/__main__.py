"""`make bench`: prints a table and writes bench.json. Every figure comes from this run; ratios compare two things measured in turn."""

import asyncio
import json
import os
import platform
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from tests.bench import climbing, history, http, latency, memory, scoring, stabilising, streaming

MODULES = (http, latency, memory, scoring, streaming, history, climbing, stabilising)
MEASURES = tuple(module.measure for module in MODULES)
OUT = Path("bench.json")
PAGE = Path("docs/performance.md")


class Figure(NamedTuple):
    """One line of the table: a value with its unit, the bar it is held against, and how it was measured."""

    name: str
    value: float
    unit: str
    bar: str
    how: str


PAGE_HEAD = """# What it costs

Written by `make bench` in one run, never by hand. The machine is shared and noisy: read the ratios, which compare two things
measured in turn in the same run, before the absolute figures. The load generator runs on the same cores.

"""


def main() -> int:
    console = Console()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="hypercare-bench-") as folder:
        for measure in MEASURES:
            console.print(f"[dim]{(measure.__doc__ or '').strip()}")
            figures += [Figure(*figure) for figure in asyncio.run(measure(Path(folder)))]
    console.print(_table(figures))
    machine = {"python": platform.python_version(), "cores": os.cpu_count(), "load": os.getloadavg()}
    OUT.write_text(json.dumps({"machine": machine, "figures": [figure._asdict() for figure in figures]}, indent=1) + "\n", "utf-8")
    PAGE.write_text(PAGE_HEAD + _page(figures), "utf-8")
    console.print(f"written to {OUT} and {PAGE}; load average now {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    return 0


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "value", "bar", "how", title="hypercare on this machine, one run")
    for figure in figures:
        table.add_row(figure.name, f"{figure.value:.4g} {figure.unit}", figure.bar, figure.how)
    return table


def _page(figures: list[Figure]) -> str:
    machine = (
        f"Python {platform.python_version()}, {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end, {date.today()}.\n\n"
    )
    rows = (f"| {each.name} | {each.value:.4g} {each.unit} | {each.bar} | {each.how} |\n" for each in figures)
    return machine + "| figure | value | bar | how |\n|---|---|---|---|\n" + "".join(rows)


if __name__ == "__main__":
    sys.exit(main())
