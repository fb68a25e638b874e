"""The board hypercare-oncall: what is mine, and what is late? For engineers on call and the triage lead."""

from deploy.grafana.frame import board, golive_variable, site_variable, system_variable, wave_variable
from deploy.grafana.panels import Json, bars, behind, limits, lines, placed, stat
from deploy.grafana.series import of_golive, of_site, once

AT_SITE = "site=${__field.labels.site}"
GRADE = "severity=${__field.labels.severity}"
EACH = "{{golive}} {{site}}"
WAITS = ("submitted", "triage", "routed")
DAY = 86_400


def oncall() -> Json:
    told = "What is mine, and what is late? Sev1 first, then what waits for a person, then what runs out of time."
    variables = [site_variable(), system_variable(), wave_variable(), golive_variable()]
    tickets = {"title": "The board of hypercare", "url": "${hypercare}/board", "targetBlank": True}
    panels = [*_sev1(), *_waiting(), *_climbs(), *_clocks(), *_night(), *_mine(), *_told()]
    return board("hypercare-oncall", "hypercare: On call", told, variables, placed(panels, tickets))


def _sev1() -> list[Json]:
    unattended = of_site("tickets_open", severity="sev1", state="|".join(WAITS))
    states = "&".join(f"state={state}" for state in WAITS)
    late = limits((150, "orange"), (300, "red"))
    return [
        *behind(
            "These tickets",
            f"/v1/tickets?severity=sev1&{states}&{AT_SITE}",
            stat(
                "Sev1 without an engineer",
                "Open and in nobody's work.",
                {f"sum by (site) ({unattended})": "{{site}}"},
                thresholds=limits((1, "red")),
            ),
            stat(
                "Oldest Sev1 without an engineer",
                "Since it was submitted or reopened; a Sev1 is to be acknowledged within 5 minutes.",
                {of_site("sev1_unacknowledged_oldest_seconds"): "{{site}}"},
                "s",
                late,
            ),
            stat(
                "... of the go-live",
                "The same of each go-live's own tickets.",
                {of_golive("sev1_unacknowledged_oldest_seconds"): EACH},
                "s",
                late,
            ),
        ),
        *behind(
            "Open Sev2",
            f"/v1/tickets?open=true&severity=sev2&{AT_SITE}",
            stat(
                "Oldest Sev2",
                "Since its submission; 3 days are what a Sev2 may take.",
                {of_golive("oldest_open_seconds", severity="sev2"): EACH},
                "s",
                limits((2 * DAY, "orange"), (3 * DAY, "red")),
            ),
        ),
    ]


def _waiting() -> list[Json]:
    late = limits((450, "orange"), (900, "red"))
    queued = {of_site("triage_queue_tickets"): "{{site}}"}
    oldest = {of_site("triage_queue_oldest_seconds"): "{{site}}"}
    return [
        *behind(
            "The triage queue, with suggestions",
            f"/v1/triage?{AT_SITE}",
            stat("Triage queue", "Tickets that wait for a person to route them.", queued),
            stat("Oldest in the queue", "Longest time since a ticket came into it.", oldest, "s", late),
        ),
        *behind(
            "Open tickets",
            f"/v1/tickets?open=true&{AT_SITE}",
            stat(
                "Storm",
                "Tickets of the largest incident that grew in the last 30 minutes.",
                {of_golive("storm_tickets"): EACH},
                thresholds=limits((5, "red")),
            ),
        ),
        *behind(
            "Flagged Sev1 that wait for QA",
            f"/v1/tickets?gxp=potential&severity=sev1&{AT_SITE}",
            stat(
                "Oldest GxP flag, Sev1",
                "Not assessed for that long; an hour is what a Sev1 may wait.",
                {of_golive("gxp_unassessed_oldest_seconds", severity="sev1"): EACH},
                "s",
                limits((1_800, "orange"), (3_600, "red")),
            ),
        ),
    ]


def _climbs() -> list[Json]:
    return behind(
        "Who is on call",
        "/v1/oncall",
        stat(
            "Oldest step not taken",
            "Since a step of a ladder was due that is still to be taken; 0 where none is.",
            once("hypercare_escalation_lag_seconds"),
            "s",
            limits((30, "orange"), (60, "red")),
        ),
        stat(
            "Tickets without their step",
            "As the last recount of the ladders found: nobody will be told next.",
            once("hypercare_escalation_auditor_missed"),
            thresholds=limits((1, "red")),
        ),
    )


def _night() -> list[Json]:
    return [
        *behind(
            "Who is on call at the site",
            f"/v1/oncall?{AT_SITE}",
            bars(
                "Nobody to reach before the morning",
                "What the last check of a night found, by team: steps that lead to nobody, people without a target that works.",
                {of_site("oncall_unreachable"): "{{team}} {{site}}"},
                "short",
                limits((1, "red")),
            ),
        ),
        *behind(
            "Open tickets of the severity",
            f"/v1/tickets?open=true&{GRADE}&{AT_SITE}",
            bars(
                "Missed",
                "Tickets over their target, open or ended, by severity and clock.",
                {of_golive("breaches"): f"{{{{severity}}}} {{{{clock}}}} {EACH}"},
            ),
        ),
    ]


def _clocks() -> list[Json]:
    legend = f"{{{{severity}}}} {{{{clock}}}} {EACH}"
    return behind(
        "Open tickets of the severity",
        f"/v1/tickets?open=true&{GRADE}&{AT_SITE}",
        bars("Late", "Open tickets over their target, by severity and clock.", {of_golive("late"): legend}, "short", limits((1, "red"))),
        bars(
            "Due soon",
            "Open tickets past four fifths of their target: still in time.",
            {of_golive("due_soon"): legend},
            "short",
            limits((1, "orange")),
        ),
    )


def _mine() -> list[Json]:
    mine = of_site("tickets_open", system="$system")
    return behind(
        "Open tickets of the system",
        "/v1/tickets?open=true&system=${__field.labels.system}",
        bars("Open by system", "Of the chosen systems.", {f"sum by (system) ({mine})": "{{system}}"}),
        lines("Open over time", "Of the chosen systems.", {f"sum by (system) ({mine})": "{{system}}"}, stacked=True),
    )


def _told() -> list[Json]:
    waiting = once('hypercare_deliveries{state=~"pending|leased|dead"}')
    queued = {of_site("triage_queue_tickets"): "{{site}}"}
    return [
        *behind(
            "What hypercare says of itself",
            "/readyz",
            lines("Notifications", "Not accepted yet, or given up.", {waiting: "{{channel}} {{state}}"}),
        ),
        *behind("The triage queue", f"/v1/triage?{AT_SITE}", lines("Triage queue over time", "Each waits for a person.", queued)),
        *behind(
            "What hypercare says of itself",
            "/readyz",
            stat(
                "Oldest pending notification",
                "Neither accepted nor given up for that long.",
                once("hypercare_delivery_oldest_pending_seconds"),
                "s",
                limits((150, "orange"), (300, "red")),
            ),
            stat(
                "Notifications given up",
                "Dead letters: nobody was told.",
                once('hypercare_dead_letters{kind="delivery"}'),
                thresholds=limits((1, "red")),
            ),
        ),
    ]
