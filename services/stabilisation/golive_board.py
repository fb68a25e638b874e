"""Are we stable? The go-lives on the board: light with its reasons, open against plan, criteria, forecast."""

from collections.abc import Sequence

from schemas.golive_figures import GoLiveFigures, GoLiveForecast, PlannedBurndown, Readiness, TargetForecast
from services.stabilisation.markup import Content, Markup, element, joined, link
from services.stabilisation.progress import Sight

FAILING = 3


def verdicts(sights: Sequence[Sight]) -> Markup:
    """A card for each; nothing where no go-live was declared."""
    return element("section", *(_card(sight) for sight in sights), aria_label="Go-lives", class_="pair") if sights else Markup()


def _card(sight: Sight) -> Markup:
    golive, told = sight.golive, sight.readiness
    title = f"{golive.site}, {golive.text.name}: {told.light}"
    reasons = element("ul", *(element("li", reason) for reason in told.reasons))
    facts = element("dl", *(_fact(*each) for each in _facts(sight)))
    return element("article", element("h2", title), reasons, facts, _links(sight), class_=f"light {told.light}")


def _fact(name: str, value: Content, remark: Content) -> Markup:
    return element("div", element("dt", name), element("dd", value, element("small", remark)))


def _facts(sight: Sight) -> list[tuple[str, Content, Content]]:
    figures, burndown, told, forecast = sight.figures, sight.burndown, sight.readiness, sight.forecast
    exit_target = forecast.targets[0]
    return [
        ("Exit criteria", f"{told.passed} of {told.of}", _failing(told)),
        ("Open", str(figures.open.total), _against_plan(burndown)),
        ("Since the last Sev1", _days(figures), f"day {figures.day}, {figures.phase}"),
        ("Exit", _date(exit_target), _late(exit_target, forecast)),
    ]


def _failing(told: Readiness) -> str:
    failing = [each.id for each in told.criteria if each.verdict in ("fail", "unknown")]
    more = f" and {len(failing) - FAILING} more" if len(failing) > FAILING else ""
    return f"not yet: {', '.join(failing[:FAILING])}{more}" if failing else "all hold"


def _against_plan(burndown: PlannedBurndown) -> str:
    return "no approved plan" if burndown.gap is None else f"{burndown.gap:+.0f} against the plan"


def _days(figures: GoLiveFigures) -> str:
    return "none yet" if figures.days_since_sev1 is None else f"{figures.days_since_sev1:.0f} d"


def _date(target: TargetForecast) -> str:
    if target.state == "date" and target.p50:
        return f"{target.p50:%d %b}"
    return {"holds": "now", "never": "never, as it goes", "too_early": "too early", "date": "beyond sight"}[target.state]


def _late(target: TargetForecast, forecast: GoLiveForecast) -> str:
    if target.state == "date" and target.p85:
        return f"half the paths; 85 % by {target.p85:%d %b}, planned {forecast.planned_end:%d %b}"
    return target.reason


def _links(sight: Sight) -> Markup:
    path = f"/v1/golives/{sight.golive.id}"
    pages = [link("Executive status", f"{path}/report", ("kind", "executive")), link("Stand-up", f"{path}/report", ("kind", "standup"))]
    every = [*(pages if sight.reported else []), link("Criteria with evidence", f"{path}/readiness"), link("Figures", f"{path}/figures")]
    return element("p", *(joined(each, " ") for each in every))
