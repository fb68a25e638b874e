"""The daily balance of open tickets: what was there, what came, what went, what is left."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from schemas.figures import GRADES, UNDECIDED
from schemas.golive_figures import DayBalance
from services.stabilisation.chronicle import micros
from services.stabilisation.days import days_until, instant_of
from services.stabilisation.view import CAME, WENT, View


def balance(view: View) -> tuple[DayBalance, ...]:
    """By site day and severity; severities that nothing ever happened in are left out."""
    days = days_until(view.golive.text, view.instant)
    ends = [*(micros(instant_of(view.golive.text, day)) for day in days[1:]), view.at + 1][: len(days)]
    rows: list[DayBalance] = []
    levels: Counter[str] = Counter()
    moves, place = view.movements, 0
    for day, end in zip(days, ends, strict=True):
        flows: dict[str, Counter[str]] = defaultdict(Counter)
        while place < len(moves) and moves[place].when < end:
            flows[moves[place].severity][moves[place].kind] += 1
            place += 1
        for severity in [grade for grade in GRADES if grade in flows or levels[grade]]:
            opening, moved = levels[severity], flows[severity]
            levels[severity] += sum(moved[kind] for kind in CAME) - sum(moved[kind] for kind in WENT)
            counts = {kind: moved[kind] for kind in (*CAME, *WENT)}
            rows.append(DayBalance(day=day, severity=severity, opening=opening, closing=levels[severity], **counts))
    return tuple(rows)


def difference(view: View, rows: Sequence[DayBalance]) -> int:
    """Between the tickets that are open and those that the balance says are, over all severities."""
    last = {row.severity: row.closing for row in rows}
    counts = Counter(life.stand.severity or UNDECIDED for life in view.open)
    return sum(abs(counts[grade] - last.get(grade, 0)) for grade in GRADES)
