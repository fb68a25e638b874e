"""The stabilisation board: one page for the people who answer for a go-live, without scripts and without anything from elsewhere.

Every count leads to the tickets behind it: the same filters, handed to GET /v1/tickets.
"""

from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from schemas.figures import GRADES, UNDECIDED, Durations, Figures, Summary, Times
from schemas.words import OPEN_STATES
from services.ledger import Ledger
from services.stabilisation.chart import bars, line
from services.stabilisation.figures import UNACKNOWLEDGED, figures, overview, site_names
from services.stabilisation.markup import Content, Markup, element, joined, link
from services.stabilisation.watching import Share, Watched
from services.times import lasting

STYLE = Path(__file__).with_name("board.css").read_text("utf-8")
STYLE_DIGEST = b64encode(sha256(STYLE.encode()).digest()).decode()
SECURITY = {
    "content-security-policy": f"default-src 'none'; style-src 'sha256-{STYLE_DIGEST}'; base-uri 'none'; frame-ancestors 'self'",
    "cache-control": "no-store",
}
REFRESH_SECONDS = 10
MOST_SITES = 50
SHORT = {"sev1": "Sev1", "sev2": "Sev2", "sev3": "Sev3", "sev4": "Sev4"}

NOTHING = Markup()
OPEN = ("open", "true")
WITHOUT_SYSTEM = ("submitted", "triage")

Filters = tuple[tuple[str, str], ...]


def board(ledger: Ledger, site: str | None, refresh: bool, verdicts: Markup = NOTHING, model: Watched | None = None) -> Markup:
    """HTML of one site's figures or, with `site` None, of all sites. Raises `NotFound` for a site without tickets."""
    alone = _alone(model, site) if model else Markup()
    if site is not None:
        return _page(figures(ledger, site), site_names(ledger), refresh, verdicts, alone)
    every = overview(ledger)
    return _page(every.figures, [summary.site for summary in every.sites], refresh, verdicts, _comparison(every.sites[:MOST_SITES]), alone)


def _page(shown: Figures, sites: Sequence[str], refresh: bool, verdicts: Markup, *more: Markup) -> Markup:
    parts = (_head(sites, shown.site, refresh), verdicts, _tiles(shown), _charts(shown), *more, _tables(shown), _foot(shown, refresh))
    return _document(shown.site or "All sites", refresh, element("main", *parts))


def _document(title: str, refresh: bool, main: Markup) -> Markup:
    renewal = Markup(f'<meta http-equiv="refresh" content="{REFRESH_SECONDS}">') if refresh else Markup()
    icon = Markup('<link rel="icon" href="data:,">')
    device = Markup('<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">')
    head = element("head", device, renewal, icon, element("title", f"{title} - hypercare"), element("style", Markup(STYLE)))
    return joined(Markup("<!doctype html>"), element("html", head, element("body", main), lang="en"))


def _head(sites: Sequence[str], site: str | None, refresh: bool) -> Markup:
    still: Filters = () if refresh else (("refresh", "false"),)
    entries = [
        _choice("All sites", site is None, still),
        *(_choice(name, name == site, (("site", name), *still)) for name in sites[:MOST_SITES]),
    ]
    choices = element("nav", element("ul", *entries), aria_label="Sites")
    more = element("p", f"{len(sites) - MOST_SITES} more: /board?site=NAME") if len(sites) > MOST_SITES else Markup()
    return element("header", element("h1", f"Stabilisation: {site or 'all sites'}"), choices, more)


def _choice(name: str, current: bool, filters: Filters) -> Markup:
    return element("li", element("span", name, aria_current="page") if current else link(name, "/board", *filters))


def _tiles(shown: Figures) -> Markup:
    queue, taken = shown.triage_queue, shown.open
    sev1 = ("severity", "sev1")
    tiles = (
        _tile("Open", _tickets(shown, taken.total, OPEN), f"oldest {lasting(taken.oldest_seconds)}"),
        _tile("Sev1 open", _tickets(shown, shown.sev1_open, sev1, OPEN), "", shown.sev1_open > 0),
        _tile(
            "Sev1 unattended",
            _tickets(shown, shown.sev1_unacknowledged, sev1, *_states(UNACKNOWLEDGED)),
            "nobody has it in work",
            shown.sev1_unacknowledged > 0,
        ),
        _tile("Triage queue", _tickets(shown, queue.tickets, ("state", "triage")), f"oldest {lasting(queue.oldest_seconds)}"),
        _tile("To be confirmed", _tickets(shown, shown.done["resolved"], ("state", "resolved")), "resolved, not closed"),
        _tile("Reopened", element("span", shown.reopened), f"{shown.reopenings} times in all"),
    )
    return element("dl", *tiles)


def _tile(name: str, number: Markup, remark: str, alarm: bool = False) -> Markup:
    return element("div", element("dt", name), element("dd", number, element("small", remark)), class_="alarm" if alarm else "calm")


def _charts(shown: Figures) -> Markup:
    arrivals = bars(shown.arrivals.per_hour, "Tickets submitted per hour, last 24 hours (UTC)")
    return element("div", line(shown.burndown), arrivals, class_="pair")


def _tables(shown: Figures) -> Markup:
    grid = shown.open.by_severity_and_state
    by_state = [
        (state, *(_tickets(shown, grid[grade][state], ("severity", grade), ("state", state)) for grade in GRADES)) for state in OPEN_STATES
    ]
    by_system = [(_named(system), _tickets(shown, number, *_of_system(system))) for system, number in shown.open.by_system.items()]
    severities = _table("Open by severity and state", ("State", *map(_named, GRADES)), by_state)
    systems = _table("Open by system", ("System", "open"), by_system)
    acknowledged = _times(shown.acknowledgement, "Time to acknowledge")
    resolved = _times(shown.resolution, "Time to resolve")
    return element("div", severities, systems, acknowledged, resolved, _days(shown), class_="pair")


def _times(shown: Times, caption: str) -> Markup:
    rows = [(_named(grade), shown.by_severity[grade]) for grade in GRADES] + [("All", shown.all)]
    return _table(caption, ("Severity", "median", "p90", "mean", "tickets"), [(name, *_spread(times)) for name, times in rows])


def _spread(times: Durations) -> tuple[Content, ...]:
    return (*(lasting(seconds) for seconds in (times.median, times.p90, times.mean)), times.count)


def _days(shown: Figures) -> Markup:
    rows = [(bucket.start.strftime("%a %d %b"), bucket.count) for bucket in shown.arrivals.per_day]
    return _table("Tickets submitted per day (UTC)", ("Day", "submitted"), rows)


def _comparison(several: Sequence[Summary]) -> Markup:
    rows = [
        (
            link(each.site, "/board", ("site", each.site)),
            _tickets(each, each.open, OPEN),
            _tickets(each, each.sev1_open, ("severity", "sev1"), OPEN),
            _tickets(each, each.triage_queue, ("state", "triage")),
            lasting(each.oldest_seconds),
        )
        for each in several
    ]
    return _table("Sites", ("Site", "open", "Sev1 open", "triage queue", "oldest open"), rows)


def _alone(model: Watched, site: str | None) -> Markup:
    """What the model may route by itself, and of its last answers those that people changed."""
    sites = [site] if site is not None else list(model.sev1)[:MOST_SITES]
    rows = [
        (
            name,
            ", ".join(system for (at, system), may in model.autonomy.items() if at == name and may) or "nothing yet",
            _of(model.alone.get(name, Share())),
            _of(model.overridden.get(name, Share())),
        )
        for name in sites
    ]
    return _table(f"The model {model.version}", ("Site", "may route alone", "routed alone", "changed by people"), rows)


def _of(share: Share) -> str:
    return f"{share.part} of {share.whole}"


def _table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[Content]]) -> Markup:
    head = element("thead", element("tr", *(element("th", column, scope="col") for column in columns)))
    body = element("tbody", *(_row(row) for row in rows))
    return element(
        "div", element("table", element("caption", caption), head, body), class_="wide", tabindex="0", role="region", aria_label=caption
    )


def _row(cells: Sequence[Content]) -> Markup:
    return element("tr", element("th", cells[0], scope="row"), *(element("td", cell) for cell in cells[1:]))


def _foot(shown: Figures, refresh: bool) -> Markup:
    here = _here(shown)
    switch = link("Stop renewing", "/board", *here, ("refresh", "false")) if refresh else link("Renew every 10 s", "/board", *here)
    as_of = shown.as_of.strftime("%Y-%m-%d %H:%M:%S UTC")
    return element("footer", element("p", joined(f"As of {as_of}, ledger entry {shown.ledger_seq}. ", switch)))


def _tickets(shown: Figures | Summary, number: int, *filters: tuple[str, str]) -> Markup:
    """A link, but for what nobody has graded yet: the list has no filter for that."""
    if ("severity", UNDECIDED) in filters:
        return element("span", number)
    return link(number, "/v1/tickets", *_here(shown), *filters)


def _of_system(system: str) -> Filters:
    """An open ticket is without a system just as long as nobody has routed it."""
    return _states(WITHOUT_SYSTEM) if system == UNDECIDED else (("system", system), OPEN)


def _here(shown: Figures | Summary) -> Filters:
    return (("site", shown.site),) if shown.site is not None else ()


def _states(states: Sequence[str]) -> Filters:
    return tuple(("state", state) for state in states)


def _named(value: str) -> str:
    return SHORT.get(value, value)
