"""The board hypercare-site: how does this site, or this wave, fare in detail? For the lead of its hypercare."""

from deploy.grafana.frame import board, golive_variable, site_variable, wave_variable
from deploy.grafana.panels import Json, at_least, bars, behind, graded, limits, lines, placed, signed, stat, worded
from deploy.grafana.series import in_time, of_golive, of_site

AT_SITE = "site=${__field.labels.site}"
EACH = "{{golive}} {{site}}"
ACKNOWLEDGED = (("sev1", 300), ("sev2", 900), ("sev3", 14_400))
RESOLVED = (("sev1", 86_400), ("sev2", 259_200))
DAY = 86_400


def site() -> Json:
    told = "How does a site, or a wave, fare in detail? Ages, arrivals, how tickets are handled, and what is odd."
    variables = [wave_variable(), site_variable(), golive_variable()]
    tickets = {"title": "Tickets behind the figures", "url": "${hypercare}/board", "targetBlank": True}
    panels = [*_now(), *_oddities(), *_open(), *_arrivals(), *_handling(), *_times()]
    return board("hypercare-site", "hypercare: Site", told, variables, placed(panels, tickets))


def _each(title: str, told: str, name: str, unit: str = "short", steps: Json | None = None) -> Json:
    """One figure of each chosen go-live."""
    return stat(title, told, {of_golive(name): EACH}, unit, steps or limits())


def _now() -> list[Json]:
    opened = {f"sum by (site) ({of_site('tickets_open')})": "{{site}}"}
    submissions = {f"sum by (site) ({of_site('tickets_submitted_total')})": "{{site}}"}
    return [
        *behind(
            "Open tickets",
            f"/v1/tickets?open=true&{AT_SITE}",
            stat("Open tickets", "Neither resolved nor cancelled nor moved out.", opened),
        ),
        *behind("All tickets", f"/v1/tickets?{AT_SITE}", stat("Submitted", "Tickets since the beginning.", submissions)),
        signed(_each("Since the go-live", "Below 0 before it.", "age_seconds", "s")),
        *behind(
            "Resolved tickets",
            f"/v1/tickets?state=resolved&{AT_SITE}",
            _each("Unverified", "Resolved, and not confirmed by the reporter or QA yet.", "unverified"),
        ),
        *behind(
            "Backlogged tickets",
            f"/v1/tickets?state=backlogged&{AT_SITE}",
            _each("Backlogged", "Moved out as enhancements: not open, not forgotten.", "backlogged"),
        ),
        *behind(
            "The daily balance",
            "/v1/golives/${__field.labels.golive}/figures",
            signed(
                _each(
                    "Balance",
                    "Open tickets that arrivals and endings do not explain: always 0.",
                    "balance_difference",
                    "short",
                    limits((1, "red")),
                )
            ),
        ),
    ]


def _oddities() -> list[Json]:
    open_here = f"/v1/tickets?open=true&{AT_SITE}"
    return [
        *behind(
            "Open tickets",
            open_here,
            _each(
                "Storm", "Tickets of the largest incident that grew in the last 30 minutes.", "storm_tickets", "short", limits((5, "red"))
            ),
            stat(
                "Repeats in a day",
                "Tickets that met the most repeated known error.",
                {of_golive("repeats", window="1d"): EACH},
                thresholds=limits((3, "orange")),
            ),
            _each("Oldest workaround", "In force that long; 0 without one.", "workaround_oldest_seconds", "s", limits((14 * DAY, "red"))),
        ),
        _each(
            "Silence", "Time in shifts since the last submission: intake may be broken.", "silence_seconds", "s", limits((7_200, "orange"))
        ),
        worded(_each("Shift", "Whether people are at work now.", "shift_running"), (("none", "text"), ("runs", "green"))),
        _each("Bounces", "How often tickets went on from a team.", "bounces"),
    ]


def _open() -> list[Json]:
    by_severity = {f"sum by (severity) ({of_site('tickets_open')})": "{{severity}}"}
    by_state = {f"sum by (state) ({of_site('tickets_open')})": "{{state}}"}
    by_system = {f"sum by (system) ({of_site('tickets_open')})": "{{system}}"}
    oldest = {of_golive("oldest_open_seconds"): f"{{{{severity}}}} {EACH}"}
    return [
        *behind(
            "Open tickets of the severity",
            "/v1/tickets?open=true&severity=${__field.labels.severity}",
            graded(lines("Open by severity", "The burndown.", by_severity, stacked=True)),
        ),
        *behind(
            "Tickets in the state",
            "/v1/tickets?state=${__field.labels.state}",
            lines("Open by state", "Where the open tickets stand.", by_state, stacked=True),
        ),
        *behind(
            "Open tickets of the system",
            "/v1/tickets?open=true&system=${__field.labels.system}",
            bars("Open by system", "By the responsible team's system; undecided ones have no team yet.", by_system),
        ),
        *behind(
            "Open tickets of the severity",
            f"/v1/tickets?open=true&severity=${{__field.labels.severity}}&{AT_SITE}",
            bars("Oldest open", "By severity, since the submission.", oldest, "s", limits((3 * DAY, "orange"), (20 * DAY, "red"))),
        ),
    ]


def _arrivals() -> list[Json]:
    windows = {of_golive("arrivals"): f"{{{{window}}}} {EACH}"}
    floods = {of_golive("route_share_limit_exceeded"): f"{{{{system}}}} {EACH}"}
    back = {of_golive("resolved", window="7d"): f"resolved {EACH}", of_golive("reopened", window="7d"): f"reopened {EACH}"}
    increase = {f"max by (site) (increase({_counter()}[1h]))": "{{site}}"}
    flooded = bars("Floods", "Systems with more tickets in 24 hours than chance allows after the week before.", floods)
    return [
        bars("Arrivals by window", "Submissions of the last day, three days, seven days, and the seven before.", windows),
        lines("Submitted per hour", "Arrivals in the hour before, estimated from the counter.", increase),
        *behind(
            "Open tickets of the system",
            f"/v1/tickets?system=${{__field.labels.system}}&{AT_SITE}",
            worded(flooded, (("calm", "green"), ("floods", "orange"))) | {"thresholds": limits((1, "orange"))},
        ),
        lines("Resolved and reopened in 7 days", "What comes back was not solved.", back),
    ]


def _counter() -> str:
    return 'hypercare_tickets_submitted_total{site=~"$site"}'


def _handling() -> list[Json]:
    workarounds = {
        of_golive("workarounds", accepted="yes"): f"accepted {EACH}",
        of_golive("workarounds", accepted="no"): f"not accepted {EACH}",
    }
    flagged = {of_golive("gxp_unassessed_oldest_seconds"): f"{{{{severity}}}} {EACH}"}
    undecided = {of_golive("undecided_share"): f"routed by people {{{{window}}}} {EACH}"}
    return [
        bars(
            "How tickets are handled",
            "Shares, each of its own whole: docs/figures.md.",
            {of_golive("share_ratio"): f"{{{{figure}}}} {EACH}"},
            "percentunit",
        ),
        lines("Workarounds in force", "By whether QA has accepted them.", workarounds),
        *behind(
            "Flagged tickets that wait for QA",
            f"/v1/tickets?gxp=potential&severity=${{__field.labels.severity}}&{AT_SITE}",
            bars("Oldest GxP flag", "Not assessed for that long; 0 without one.", flagged, "s", limits((3_600, "orange"), (DAY, "red"))),
        ),
        bars("Routed by people", "Share of the classified tickets that the model did not route alone.", undecided, "percentunit"),
        lines("Classified", "What that share is of.", {of_golive("classified"): f"{{{{window}}}} {EACH}"}),
        lines(
            "Breaches",
            "Tickets that took, or still take, longer than their target.",
            {of_golive("breaches"): f"{{{{severity}}}} {{{{clock}}}} {EACH}"},
        ),
    ]


def _times() -> list[Json]:
    acknowledged = {in_time("acknowledgement", *each): "{{severity}}" for each in ACKNOWLEDGED}
    resolved = {in_time("resolution", *each): "{{severity}}" for each in RESOLVED}
    return [
        bars(
            "Acknowledged in time",
            "Share of the acknowledged tickets: Sev1 within 5 minutes, Sev2 within 15 minutes, Sev3 within 4 hours.",
            acknowledged,
            "percentunit",
            at_least(0.9, 0.8),
        ),
        bars(
            "Resolved in time",
            "Share of the resolved tickets: Sev1 within 24 hours, Sev2 within 3 days.",
            resolved,
            "percentunit",
            at_least(0.9, 0.8),
        ),
    ]
