"""The Grafana boards as code: `python -m deploy.grafana.boards` writes dashboards/*.json, which Grafana is provisioned with."""

import json
from pathlib import Path

from deploy.grafana.panels import Json, bars, board, in_time, limits, lines, once, placed, site_variable, stat

FOLDER = Path(__file__).resolve().parent / "dashboards"
SITE = '{site=~"$site"}'
OPEN = f"hypercare_tickets_open{SITE}"
SEV1_OPEN = 'hypercare_tickets_open{site=~"$site", severity="sev1"}'


def _now() -> list[Json]:
    return [
        stat("Open tickets", "Neither resolved nor cancelled.", f"sum({once(OPEN)})"),
        stat(
            "Sev1 open",
            "Open tickets that are Sev1 now.",
            f"sum({once(SEV1_OPEN)})",
            thresholds=limits((1, "red")),
        ),
        stat(
            "Oldest Sev1 without an engineer",
            "Time since it was submitted or reopened; a Sev1 is to be acknowledged within 5 minutes.",
            f"max(hypercare_sev1_unacknowledged_oldest_seconds{SITE})",
            "s",
            limits((150, "orange"), (300, "red")),
        ),
        stat("Triage queue", "Tickets that wait for a person to route them.", f"sum({once(f'hypercare_triage_queue_tickets{SITE}')})"),
        stat(
            "Oldest in the triage queue",
            "Longest time since a ticket came into the queue.",
            f"max(hypercare_triage_queue_oldest_seconds{SITE})",
            "s",
            limits((450, "orange"), (900, "red")),
        ),
        stat("Submitted", "Tickets since the beginning.", f"sum({once(f'hypercare_tickets_submitted_total{SITE}')})"),
    ]


def _over_time() -> list[Json]:
    return [
        lines("Open by severity", "The burndown.", {f"sum by (severity) ({once(OPEN)})": "{{severity}}"}, stacked=True),
        lines("Open by state", "Where the open tickets stand.", {f"sum by (state) ({once(OPEN)})": "{{state}}"}, stacked=True),
        bars(
            "Open by system",
            "By the responsible team's system; undecided ones have no team yet.",
            {f"sum by (system) ({once(OPEN)})": "{{system}}"},
        ),
        lines("Open by site", "One line per site.", {f"sum by (site) ({once(OPEN)})": "{{site}}"}),
        lines(
            "Submitted per hour",
            "Arrivals in the hour before, estimated from the counter.",
            {f"max by (site) (increase(hypercare_tickets_submitted_total{SITE}[1h]))": "{{site}}"},
        ),
        bars(
            "Acknowledged in time",
            "Share of the acknowledged tickets: Sev1 within 5 minutes, Sev2 within 15 minutes, Sev3 within 4 hours.",
            {in_time("acknowledgement", *each): "{{severity}}" for each in (("sev1", 300), ("sev2", 900), ("sev3", 14_400))},
            "percentunit",
        ),
        bars(
            "Resolved in time",
            "Share of the resolved tickets: Sev1 within 24 hours, Sev2 within 3 days.",
            {in_time("resolution", *each): "{{severity}}" for each in (("sev1", 86_400), ("sev2", 259_200))},
            "percentunit",
        ),
    ]


def stabilisation() -> Json:
    tickets = {"title": "Tickets behind the figures", "url": "${hypercare}/board", "targetBlank": True}
    told = "Are we stabilising? Open tickets, arrivals and times, from the ledger."
    return board("hypercare-stabilisation", "hypercare: Stabilisation", told, [site_variable()], placed([*_now(), *_over_time()], tickets))


def _flow_now() -> list[Json]:
    late = limits((30, "orange"), (60, "red"))
    return [
        stat(
            "Oldest undecided",
            "Age of the oldest ticket that the classifier has not decided on.",
            "max(hypercare_undecided_oldest_seconds)",
            "s",
            late,
        ),
        stat(
            "Behind on Kafka",
            "Age of the oldest entry that is not on Kafka yet; no data without a relay.",
            "max(hypercare_relay_lag_seconds)",
            "s",
            late,
        ),
        stat(
            "Oldest pending notification",
            "Age of the oldest one that is neither accepted nor given up.",
            "max(hypercare_delivery_oldest_pending_seconds)",
            "s",
            limits((150, "orange"), (300, "red")),
        ),
        stat(
            "Dead letters", "Waiting for a person, of every kind.", f"sum({once('hypercare_dead_letters')})", thresholds=limits((1, "red"))
        ),
        stat("Ledger", "Number of the last entry.", "max(hypercare_ledger_head_seq)"),
        stat("Processes that answer", "Scrapes that succeed.", 'sum(up{job=~"hypercare.*"})'),
    ]


def _flow_over_time() -> list[Json]:
    return [
        lines(
            "Events to be handled",
            "Per service: what it listens to and has not handled.",
            {"max by (consumer) (hypercare_consumer_lag_events)": "{{consumer}}"},
        ),
        lines("Entries not on Kafka", "How far the relay is behind the ledger.", {"max(hypercare_relay_lag_events)": "relay"}),
        lines("Entries per second", "How fast the ledger grows.", {"max(deriv(hypercare_ledger_head_seq[5m]))": "entries"}, "wps"),
        lines(
            "Dead letters by kind",
            "Records of the intake topic, events of services, deliveries.",
            {"max by (kind) (hypercare_dead_letters)": "{{kind}}"},
        ),
        lines(
            "Notifications",
            "By channel and state, since the beginning.",
            {"max by (channel, state) (hypercare_deliveries)": "{{channel}} {{state}}"},
        ),
        lines(
            "Time of a scrape",
            "How long the database takes to tell its figures.",
            {'scrape_duration_seconds{job="hypercare"}': "{{instance}}"},
            "s",
        ),
        lines("Versions", "What runs.", {"count by (version) (hypercare_build_info)": "{{version}}"}),
    ]


def pipeline() -> Json:
    health = {"title": "What hypercare says of itself", "url": "${hypercare}/readyz", "targetBlank": True}
    told = "Is the pipeline healthy? From a ticket's submission to the notification, by age and by count."
    return board("hypercare-pipeline", "hypercare: Pipeline", told, [], placed([*_flow_now(), *_flow_over_time()], health))


def _model_now() -> list[Json]:
    moved = limits((0.1, "orange"), (0.25, "red"))
    return [
        stat(
            "Rolling check",
            "1 where the version fails it and routes nothing alone.",
            "max(hypercare_model_check_failed)",
            thresholds=limits((1, "red")),
        ),
        stat(
            "Replicas with another version",
            "They could not use the released one.",
            f"sum({once('hypercare_model_refused')})",
            thresholds=limits((1, "red")),
        ),
        stat(
            "Systems that go alone",
            "Of every site: those whose tickets the model may route without a person.",
            f"sum({once(f'hypercare_model_autonomy{SITE}')})",
        ),
        stat(
            "Shift of the systems",
            "Stability index of what the model names, against the decisions before; no data while these are too few.",
            "max(hypercare_model_class_psi)",
            thresholds=moved,
        ),
        stat(
            "Shift of the confidence",
            "Stability index of how sure the model is, against the decisions before; no data while these are too few.",
            "max(hypercare_model_score_psi)",
            thresholds=moved,
        ),
        stat(
            "Right on blind tickets",
            "Of those that people judged without a suggestion in sight.",
            "max(hypercare_model_blind_right_ratio)",
            "percentunit",
        ),
    ]


def _model_over_time() -> list[Json]:
    def by_site(name: str) -> dict[str, str]:
        return {f"max by (site) (hypercare_{name}{SITE})": "{{site}}"}

    psi = {"max(hypercare_model_class_psi)": "systems", "max(hypercare_model_score_psi)": "confidence"}
    alone = {f"sum by (system) ({once(f'hypercare_model_autonomy{SITE}')})": "{{system}}"}
    return [
        lines("Routed alone", "Share of the newest 200 decisions.", by_site("model_coverage_ratio"), "percentunit"),
        lines("Changed by people", "Share of the judged suggestions.", by_site("model_override_ratio"), "percentunit"),
        lines("Judged suggestions", "What the share of changed ones is of.", by_site("model_judged")),
        lines("Shift", "Stability indices: calm below 0.1, a shift above 0.25.", psi),
        bars(
            "Right when sure",
            "By the system that was named, of the sure answers that people have judged.",
            {"max by (system) (hypercare_model_precision_ratio)": "{{system}}"},
            "percentunit",
        ),
        bars("Sites where it goes alone", "By system: at how many sites the model may route without a person.", alone),
        lines("Systems in a prediction set", "More where texts are strange.", {"max(hypercare_model_set_size_mean)": "mean"}),
        lines(
            "Unknown words",
            "Share of a text's words that the version never learned from.",
            {"max(hypercare_model_unknown_words_ratio)": "mean"},
            "percentunit",
        ),
        lines("Confirmed Sev1", "A promise about Sev1 needs 59 at the site.", by_site("sev1_confirmed")),
        bars(
            "Known errors offered",
            "How often, since the beginning.",
            {"max by (known_error) (hypercare_known_error_hits_total)": "{{known_error}}"},
        ),
        lines("Version that decides", "What decided last.", {"count by (version) (hypercare_model_info)": "{{version}}"}),
    ]


def model() -> Json:
    standing = {"title": "How far the model may act alone", "url": "${hypercare}/v1/autonomy", "targetBlank": True}
    told = "Is the model still what it was? What it says, and what people make of it."
    return board("hypercare-model", "hypercare: Model", told, [site_variable()], placed([*_model_now(), *_model_over_time()], standing))


def generate() -> dict[str, str]:
    """File name to content."""
    boards = (stabilisation(), pipeline(), model())
    return {f"{each['uid']}.json": json.dumps(each, indent=2, ensure_ascii=False) + "\n" for each in boards}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, content in generate().items():
        (FOLDER / name).write_text(content, "utf-8")


if __name__ == "__main__":
    main()
