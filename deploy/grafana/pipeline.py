"""The board hypercare-pipeline: is the pipeline healthy? For the engineer who runs it."""

from deploy.grafana.frame import board
from deploy.grafana.panels import Json, limits, lines, placed, stat
from deploy.grafana.series import once


def pipeline() -> Json:
    health = {"title": "What hypercare says of itself", "url": "${hypercare}/readyz", "targetBlank": True}
    told = "Is the pipeline healthy? From a ticket's submission to the notification, by age and by count."
    return board("hypercare-pipeline", "hypercare: Pipeline", told, [], placed([*_now(), *_over_time()], health))


def _now() -> list[Json]:
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


def _over_time() -> list[Json]:
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
