"""The board hypercare-stabilisation: does this go-live stabilise, and when is it over? For those who answer for it."""

from deploy.grafana.frame import ONE, board, golive_variable, site_variable, wave_variable
from deploy.grafana.panels import (
    Json,
    at_least,
    bars,
    behind,
    both,
    graded,
    limits,
    lines,
    named,
    placed,
    signed,
    stat,
    wide,
    worded,
)
from deploy.grafana.series import of_golive, once

GOLIVE = "/v1/golives/${golive}"
OPEN = "/v1/tickets?open=true&site=${__field.labels.site}"
LIGHTS = (("green", "green"), ("amber", "orange"), ("red", "red"))
BY_LIGHT = limits((1, "orange"), (2, "red"))
EVERY_LIGHT = once('hypercare_golive_light{site=~"$site", wave=~"$wave"}')


def stabilisation() -> Json:
    told = "Does this go-live stabilise, and when is it over? One go-live, from the ledger."
    variables = [wave_variable(), site_variable(), golive_variable(ONE)]
    figures = {"title": "The figures behind it", "url": "${hypercare}/v1/golives/${golive}/figures", "targetBlank": True}
    panels = [*_standing(), *_exit(), *_quality(), *_course(), *_details()]
    return board("hypercare-stabilisation", "hypercare: Stabilisation", told, variables, placed(panels, figures))


def _standing() -> list[Json]:
    light = stat(
        "Traffic light", "By rule, as the readiness says it; the reasons are behind the link.", of_golive("light"), "short", BY_LIGHT
    )
    criteria = {
        f"sum by (golive) ({of_golive('criteria', state='pass|waived')})": "hold",
        f"sum by (golive) ({of_golive('criteria')})": "of",
    }
    return [
        *behind("Readiness, with the reasons", f"{GOLIVE}/readiness", worded(light, LIGHTS)),
        named(stat("Phase", "Where the go-live is, from planned to exited.", {of_golive("info"): "{{phase}}"})),
        *behind(
            "Sev1 of the site",
            "/v1/tickets?severity=sev1&site=${__field.labels.site}",
            stat(
                "Since the last Sev1",
                "Days since one occurred; no data before the first.",
                of_golive("sev1_free_days"),
                "d",
                at_least(10, 3),
            ),
            stat("Sev1 open", "Open tickets that are Sev1 now.", of_golive("open", severity="sev1"), thresholds=limits((1, "red"))),
        ),
        *behind(
            "Readiness, criterion by criterion",
            f"{GOLIVE}/readiness",
            both(stat("Exit criteria", "How many hold or are waived, of how many.", criteria)),
        ),
        *behind(
            "Tickets behind the relapse guard",
            f"{GOLIVE}/readiness",
            worded(
                stat(
                    "Relapse",
                    "Whether the guard of 14 days after the exit says to go back.",
                    of_golive("relapsed"),
                    "short",
                    limits((1, "red")),
                ),
                (("no", "green"), ("yes", "red")),
            ),
        ),
    ]


def _exit() -> list[Json]:
    states = {f"{of_golive('forecast_state', target='exit')} == 1": "{{state}}"}
    return behind(
        "Forecast, with its reason",
        f"{GOLIVE}/forecast",
        named(stat("Forecast", "A date, too early to say, never as things go, or it holds today.", states)),
        both(
            stat(
                "Days to the exit",
                "Until the criteria that can be counted hold: in half and in 85 of 100 simulated courses.",
                {of_golive("forecast", target="exit"): "{{quantile}}"},
                "d",
            )
        ),
        signed(
            stat(
                "85 % date and planned end",
                "Days by which the cautious date is later than the planned end.",
                of_golive("forecast_late_days", target="exit"),
                "d",
                limits((1, "red")),
            )
        ),
        signed(
            stat(
                "Slipped since yesterday",
                "Days by which the middle date is later than yesterday's snapshot said; no data before both have one.",
                of_golive("forecast_slip_days", target="exit"),
                "d",
                limits((1, "orange"), (3.5, "red")),
            )
        ),
        signed(stat("Gap to the plan", "Open minus planned tickets, over the planned severities.", of_golive("plan_gap"))),
        signed(stat("Gap grew in 3 days", "By how many tickets; below 0 it shrank.", of_golive("plan_gap_growth", window="3d"))),
    )


def _quality() -> list[Json]:
    grave = of_golive("in_time_ratio", clock="acknowledgement|resolution", severity="sev1|sev2")
    return [
        stat(
            "In time, Sev1 and Sev2",
            "The lowest share of acknowledgements and resolutions within their targets.",
            f"min by (golive) ({grave})",
            "percentunit",
            at_least(0.9, 0.8),
        ),
        *behind(
            "Flagged tickets that wait for QA",
            "/v1/tickets?gxp=potential&site=${__field.labels.site}",
            stat("GxP not assessed", "Flags that nobody has assessed.", of_golive("gxp_unassessed"), thresholds=limits((1, "orange"))),
        ),
        *behind(
            "Confirmed ones",
            "/v1/tickets?gxp=confirmed&site=${__field.labels.site}",
            stat(
                "GxP without a record",
                "Confirmed, not linked to a quality record.",
                of_golive("gxp_unlinked"),
                thresholds=limits((1, "orange")),
            ),
        ),
        stat(
            "Solved by own staff",
            "Share of the last 7 days' resolutions that needed nobody who leaves with the hypercare.",
            of_golive("share_ratio", figure="own_staff"),
            "percentunit",
            at_least(0.95, 0.9),
        ),
        stat("Planned open", "Of all planned severities, as of now.", of_golive("plan_total")),
        *behind(
            "Snapshots",
            f"{GOLIVE}/snapshots",
            stat(
                "Age of the snapshot",
                "One is kept every day at the stand-up.",
                of_golive("snapshot_age_seconds"),
                "s",
                limits((90_000, "orange"), (176_400, "red")),
            ),
        ),
    ]


def _course() -> list[Json]:
    levels = {of_golive("open"): "{{severity}}", of_golive("plan_open"): "{{severity}} planned"}
    flows = {of_golive("arrivals"): "arrived in {{window}}", of_golive("ended"): "ended in {{window}}"}
    week = {of_golive("arrivals", window="7d"): "arrived", of_golive("ended", window="7d"): "ended"}
    open_tickets = graded(
        wide(lines("Open and planned", "Open tickets by severity; dashed what the approved plan has for the day.", levels))
    )
    return [
        *behind("Burndown against the plan", f"{GOLIVE}/burndown", open_tickets),
        bars("Arrived and ended", "In the last day, three days, seven days, and the seven before.", flows),
        lines("Arrived and ended in 7 days", "Where the lines cross for good, it burns down.", week),
    ]


def _details() -> list[Json]:
    holds = bars("Criterion by criterion", "Each holds, or is waived, or does not.", {of_golive("criterion_holds"): "{{criterion}}"})
    lights = bars("Every go-live", "The lights of the chosen waves and sites.", {EVERY_LIGHT: "{{golive}} {{site}}"}, "short", BY_LIGHT)
    dates = {of_golive("forecast"): "{{target}} {{quantile}}"}
    shares = {of_golive("in_time_ratio"): "{{severity}} {{clock}}"}
    return [
        *behind(
            "Readiness, with tickets as evidence",
            f"{GOLIVE}/readiness",
            worded(holds, (("does not hold", "red"), ("holds", "green"))) | {"thresholds": limits((1, "green"), below="red")},
        ),
        *behind("Forecast", f"{GOLIVE}/forecast", lines("Days to go", "A calm forecast falls by one a day.", dates, "d")),
        bars("In time", "Shares within the targets, by severity and clock.", shares, "percentunit", at_least(0.9, 0.8)),
        *behind("Its status", "/v1/golives/${__field.labels.golive}/status", worded(lights, LIGHTS)),
    ]
