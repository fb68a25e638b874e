"""What every report begins and ends with: where it is from, how the plan is held, and by which snapshot it can be made again."""

from schemas.golives import Phase
from services.stabilisation.report.document import Fact
from services.stabilisation.report.kept import SEVERITY, Kept, day, number

PHASES: dict[Phase, str] = {
    "planned": "not live yet",
    "hypercare": "hypercare",
    "overdue": "hypercare, overdue",
    "exited": "ended",
    "guarded": "ended, the relapse guard lasts",
    "relapsed": "ended, and relapsed",
}


def place(kept: Kept) -> str:
    figures = kept.status.figures
    end = day(kept.local(kept.status.forecast.planned_end).date())
    where = f"{figures.golive}, {figures.site}, wave {figures.wave}"
    when = f"As of {kept.date(kept.at)}, {kept.local(kept.at):%H:%M} ({kept.zone_name})"
    return f"{where}. Day {figures.day}, {PHASES[figures.phase]}, planned end {end}. {when}."


def identity(kept: Kept) -> tuple[str, ...]:
    head, seq = kept.snapshot, kept.status.figures.ledger_seq
    return (
        f"Snapshot {head.id}, as of {head.as_of:%Y-%m-%d %H:%M:%S} UTC, ledger entry {seq}.",
        f"SHA-256 {head.digest}",
        "Made of this snapshot alone: the same snapshot gives the same report, byte for byte.",
    )


def plan_fact(kept: Kept) -> Fact:
    """Of all severities; the remark is of the planned ones."""
    burndown, total = kept.status.burndown, str(kept.status.figures.open.total)
    planned = burndown.days[-1].planned if burndown.days else None
    if planned is None:
        return Fact("Open", total, "no plan is approved")
    held = sum(burndown.days[-1].open.get(grade, 0) for grade in planned)
    relative = f" ({burndown.relative_gap:+.0%})" if burndown.relative_gap is not None else ""
    grades = ", ".join(SEVERITY[grade] for grade in SEVERITY if grade in planned)
    return Fact("Open", total, f"{grades}: {held} against {number(round(sum(planned.values()), 1))} planned{relative}")
