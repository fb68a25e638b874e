"""The figures of a card, each a drawing and the words for those who do not see it."""

from collections.abc import Callable, Sequence

from models.card import Card, LearningPoint
from models.curves import Coverage, Reliability
from models.plot import Axis, Panel, Series, Sheet, around, ticks
from models.proportion import Proportion

_SHARES = ticks(0, 1, 0.2)


def _curve(told: Reliability) -> Series:
    return Series(
        told.name,
        points=tuple((each.said, each.came_true.share) for each in told.bins),
        bars=tuple((each.came_true.low, each.came_true.high) for each in told.bins),
    )


def reliability(card: Card) -> Sheet:
    strict, right, sev1 = card.reliability
    sure = around([each.said for each in strict.bins] + [each.came_true.low for each in strict.bins], 0.1)
    confidence = Axis("confidence", *sure, ticks(*sure, 0.1))
    risk = Axis("Sev1 risk", 0, 1, _SHARES)
    shown = (_curve(strict), _curve(right))
    panels = (
        Panel("Confidence", confidence, Axis("how often it was right", *sure, confidence.ticks), shown, diagonal=True),
        Panel("Sev1 risk", risk, Axis("how often it was a Sev1", 0, 1, _SHARES), (_curve(sev1),), diagonal=True),
    )
    return Sheet("Does a stated confidence come true?", _reliability_said(card), panels, columns=2, height=360)


def _bins(told: Reliability) -> str:
    return ", ".join(f"{each.said:.0%} came true {each.came_true.share:.0%}" for each in told.bins)


def _reliability_said(card: Card) -> str:
    told = "; ".join(f"{each.name}: {_bins(each)}" for each in card.reliability)
    return f"Fifteen bins of equal mass; on the dashed line what is said comes true exactly. {told}."


def _panel(told: Coverage, low: float) -> Panel:
    points = tuple((point.routed.share, point.right.share) for point in told.points)
    right = Axis("right of the routed", low, 1, ticks(low, 1, 0.05))
    mark = (told.chosen.routed.share, told.chosen.right.share) if told.chosen.right.of else None
    return Panel(
        told.system, Axis("routed of the answers", 0, 1, ticks(0, 1, 0.5)), right, (Series("as the threshold falls", points),), mark
    )


def coverage(card: Card) -> Sheet:
    low, _ = around([point.right.share for told in card.coverage for point in told.points] or [0, 1], 0.05)
    said = "; ".join(f"{told.system} {told.chosen.routed.share:.0%} routed, {told.chosen.right.share:.1%} right" for told in card.coverage)
    panels = tuple(_panel(told, low) for told in card.coverage)
    title = "What each system's threshold costs"
    return Sheet(title, f"At the chosen thresholds: {said}.", panels, columns=4, height=230, mark="chosen threshold")


def _lesson_series(name: str, points: Sequence[LearningPoint], of: Callable[[LearningPoint], Proportion]) -> Series:
    return Series(
        name, tuple((point.tickets, of(point).share) for point in points), tuple((of(point).low, of(point).high) for point in points)
    )


def learning(card: Card) -> Sheet:
    series = (
        _lesson_series("first answer", card.learning, lambda point: point.strict),
        _lesson_series("first answer or the alternative", card.learning, lambda point: point.right),
        _lesson_series("severity", card.learning, lambda point: point.severity),
    )
    most = max((point.tickets for point in card.learning), default=1)
    shares = [y for each in series for pair in each.bars for y in pair] or [0, 1]
    step = 10 ** len(str(most // 2)) / 10
    low, high = around(shares, 0.1)
    wide = around([0, most], step)
    across = Axis("tickets learned from, practice among them", *wide, ticks(*wide, step * (2 if most > 8 * step else 1)), ",.0f")
    panel = Panel("Writers left out", across, Axis("share right", low, high, ticks(low, high, 0.1)), series)
    said = "; ".join(
        f"{point.tickets:,} tickets: {point.strict.share:.1%}, {point.right.share:.1%}, {point.severity.share:.1%}"
        for point in card.learning
    )
    return Sheet("Would more tickets help?", f"First answer, first or alternative, severity. {said}.", (panel,), height=340)


FIGURES: dict[str, Callable[[Card], Sheet]] = {"reliability": reliability, "coverage": coverage, "learning": learning}
