"""Every Prometheus series of hypercare in one table. A value is what the database says at the scrape: a restart or a replay changes none.

The histograms hold the tickets as they are: a reopened ticket leaves the one of resolution times, so read them without rate().
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from schemas.figures import GRADES, UNDECIDED
from schemas.words import OPEN_STATES
from services.judgements import LOOKED_THROUGH
from services.ledger import Ledger
from services.stabilisation import golive_series as of_golive
from services.stabilisation import model_series as of_model
from services.stabilisation.census import ACKNOWLEDGED_WITHIN, RESOLVED_WITHIN, Distribution, Group
from services.stabilisation.figures import present
from services.stabilisation.golive_series import HERE, SERIES, Series
from services.stabilisation.pulse import Pulse
from services.stabilisation.scrape import Scrape
from services.stabilisation.watching import WINDOW, Watch

Labels = tuple[str, ...]
RELAY = "relay"
LETTER_KINDS = ("record", "event", "delivery")
DELIVERY_STATES = ("pending", "leased", "sent", "dead", "withdrawn")


@dataclass(frozen=True, slots=True)
class Metric:
    """A name, what it says, its labels, and the query: label values and value of every series. The name's ending gives the kind."""

    name: str
    help: str
    labels: Labels
    query: Callable[[Scrape], Iterable[tuple[Labels, float]]]

    def family(self, scrape: Scrape) -> Family:
        kind = CounterMetricFamily if self.name.endswith("_total") else GaugeMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        for labels, value in self.query(scrape):
            family.add_metric(labels, value)
        return family


@dataclass(frozen=True, slots=True)
class Histogram:
    """As `Metric`; `thresholds` in seconds are the upper bounds of the buckets."""

    name: str
    help: str
    labels: Labels
    thresholds: tuple[int, ...]
    query: Callable[[Scrape], Iterable[tuple[Labels, Distribution]]]

    def family(self, scrape: Scrape) -> Family:
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for labels, (within, number, total) in self.query(scrape):
            buckets = [(str(float(threshold)), float(least)) for threshold, least in zip(self.thresholds, within, strict=True)]
            family.add_metric(labels, [*buckets, ("+Inf", float(number))], total)
        return family


def _open(scrape: Scrape) -> Iterable[tuple[Labels, float]]:
    places = {(group.site, group.system) for group in scrape.groups} | {(site, UNDECIDED) for site in scrape.sites}
    counts: dict[Labels, float] = {(*place, *rest): 0.0 for place in sorted(places) for rest in product(GRADES, OPEN_STATES)}
    for group in scrape.groups:
        if group.state in OPEN_STATES:
            counts[group[:4]] += group.tickets
    return counts.items()


def _submitted(scrape: Scrape) -> Iterable[tuple[Labels, float]]:
    counts: dict[Labels, float] = {(site,): 0.0 for site in scrape.sites}
    for site, number in scrape.submissions.items():
        counts[(scrape.site(site),)] += number
    return counts.items()


def _taken(scrape: Scrape, of: Callable[[Group], Distribution], thresholds: tuple[int, ...]) -> Iterable[tuple[Labels, Distribution]]:
    none = Distribution((0,) * len(thresholds), 0, 0.0)
    taken: dict[Labels, Distribution] = {(site, grade): none for site in scrape.sites for grade in GRADES}
    for group in scrape.groups:
        place = (group.site, group.severity)
        taken[place] = taken[place].plus(of(group))
    return taken.items()


def _queue(scrape: Scrape) -> Iterable[tuple[Labels, float]]:
    counts: dict[Labels, float] = {(site,): 0.0 for site in scrape.sites}
    for group in scrape.groups:
        if group.state == "triage":
            counts[(group.site,)] += group.tickets
    return counts.items()


def _per_site(ages: dict[str, float]) -> Iterator[tuple[Labels, float]]:
    return (((site,), age) for site, age in ages.items())


def _consumer_lag(scrape: Scrape) -> Iterator[tuple[Labels, float]]:
    for row in scrape.consumers:
        if row.name != RELAY:
            wanted = sum(scrape.entries.get(kind, 0) for kind in row.listens_to)
            yield (row.name,), float(max(0, wanted - scrape.handled.get(row.name, 0)))


def _relay_lag(scrape: Scrape) -> Iterator[tuple[Labels, float]]:
    return (((), float(scrape.head.seq - row.position)) for row in scrape.consumers if row.name == RELAY)


def _relay_age(scrape: Scrape) -> Iterator[tuple[Labels, float]]:
    return (((), scrape.unrelayed(row.position)) for row in scrape.consumers if row.name == RELAY)


def _deliveries(scrape: Scrape) -> Iterator[tuple[Labels, float]]:
    channels = sorted({channel for channel, _ in scrape.deliveries})
    return (((channel, state), float(scrape.deliveries.get((channel, state), 0))) for channel, state in product(channels, DELIVERY_STATES))


def _alone(value: float) -> list[tuple[Labels, float]]:
    return [((), float(value))]


def _of_golives(series: Series) -> Metric:
    return Metric(f"hypercare_{series.name}", series.help, (*HERE, *series.labels), lambda scrape: of_golive.told(series, scrape.golives))


PIPELINE: tuple[Metric | Histogram, ...] = (
    Metric(
        "hypercare_build_info", "Always 1; the label is the version that runs.", ("version",), lambda _: [((version("hypercare"),), 1.0)]
    ),
    Metric(
        "hypercare_undecided_oldest_seconds",
        "Age of the oldest ticket that the classifier has not decided on; 0 without one.",
        (),
        lambda scrape: _alone(scrape.oldest_undecided),
    ),
    Metric("hypercare_ledger_head_seq", "Number of the ledger's last entry.", (), lambda scrape: _alone(scrape.head.seq)),
    Metric("hypercare_consumer_lag_events", "Events that a service has still to handle.", ("consumer",), _consumer_lag),
    Metric("hypercare_relay_lag_events", "Ledger entries that are not on Kafka yet; absent without a relay.", (), _relay_lag),
    Metric("hypercare_relay_lag_seconds", "Age of the oldest entry that is not on Kafka yet; absent without a relay.", (), _relay_age),
    Metric(
        "hypercare_dead_letters",
        "Dead letters that wait for a person.",
        ("kind",),
        lambda scrape: [((kind,), float(scrape.letters.get(kind, 0))) for kind in LETTER_KINDS],
    ),
    Metric("hypercare_deliveries", "Notifications by channel and state.", ("channel", "state"), _deliveries),
    Metric(
        "hypercare_delivery_oldest_pending_seconds",
        "Age of the oldest notification that is neither accepted nor given up; 0 without one.",
        (),
        lambda scrape: _alone(scrape.oldest_delivery),
    ),
    Metric(
        "hypercare_oncall_unreachable",
        "What the last check of a night found that keeps people from being reached; absent before the first.",
        ("site", "team"),
        lambda scrape: [(place, float(number)) for place, number in scrape.night.items()],
    ),
    Metric(
        "hypercare_oncall_check_age_seconds",
        "Time since a night was checked; absent where the teams file names neither a rota nor a ladder.",
        (),
        lambda scrape: [] if scrape.night_age is None else _alone(scrape.night_age),
    ),
    Metric(
        "hypercare_escalation_auditor_missed",
        "Tickets that lack a step of their ladder, as the last recount found.",
        (),
        lambda scrape: _alone(len(scrape.checks.get("ClimbsAudited", {"missed": ()})["missed"])),
    ),
    Metric(
        "hypercare_escalation_audit_age_seconds",
        "Time since climbs were last recounted; absent where the teams file names no ladder.",
        (),
        lambda scrape: [] if scrape.audit_age is None else _alone(scrape.audit_age),
    ),
    Metric(
        "hypercare_escalation_lag_seconds",
        "Time since the oldest step of a ladder that is still to be taken was due; 0 where none is due.",
        (),
        lambda scrape: _alone(scrape.overdue_step),
    ),
)
"""What every process tells: it needs nothing but the tables of the services."""
METRICS: tuple[Metric | Histogram, ...] = (
    *PIPELINE,
    Metric("hypercare_tickets_open", "Open tickets.", ("site", "system", "severity", "state"), _open),
    Metric("hypercare_tickets_submitted_total", "Tickets submitted since the beginning.", ("site",), _submitted),
    Histogram(
        "hypercare_ticket_acknowledgement_seconds",
        "Time from submission to the first acknowledgement, of the tickets that have one.",
        ("site", "severity"),
        ACKNOWLEDGED_WITHIN,
        lambda scrape: _taken(scrape, lambda group: group.acknowledgement, ACKNOWLEDGED_WITHIN),
    ),
    Histogram(
        "hypercare_ticket_resolution_seconds",
        "Time from submission to the last resolution, of the tickets that are resolved now.",
        ("site", "severity"),
        RESOLVED_WITHIN,
        lambda scrape: _taken(scrape, lambda group: group.resolution, RESOLVED_WITHIN),
    ),
    Metric(
        "hypercare_sev1_unacknowledged_oldest_seconds",
        "Time since the oldest open Sev1 that no engineer has in work was submitted or reopened; 0 without one.",
        ("site",),
        lambda scrape: _per_site(scrape.oldest_sev1),
    ),
    Metric("hypercare_triage_queue_tickets", "Tickets that wait for a person to route them.", ("site",), _queue),
    Metric(
        "hypercare_triage_queue_oldest_seconds",
        "Time since the oldest ticket of the triage queue came into it; 0 when it is empty.",
        ("site",),
        lambda scrape: _per_site(scrape.oldest_queued),
    ),
    Metric("hypercare_model_info", "Always 1; the label is the version that decided last.", ("version",), of_model.version),
    Metric(
        "hypercare_model_coverage_ratio",
        f"Share of the version's newest {WINDOW} decisions that were routed without a person.",
        ("site",),
        of_model.ratio_per_site(lambda watched: watched.alone),
    ),
    Metric("hypercare_model_judged", "Of these decisions, suggestions that people have judged.", ("site",), of_model.judged),
    Metric(
        "hypercare_model_override_ratio",
        "Share of the judged suggestions whose system people changed.",
        ("site",),
        of_model.ratio_per_site(lambda watched: watched.overridden),
    ),
    Metric("hypercare_model_precision_ratio", "Share of the sure and judged answers that were right.", ("system",), of_model.precision),
    Metric(
        "hypercare_model_blind_judged",
        f"Blind tickets among the newest {LOOKED_THROUGH} decisions that people have judged.",
        (),
        of_model.figure(lambda watched: watched.blind_right.whole),
    ),
    Metric(
        "hypercare_model_blind_right_ratio",
        "Share of the judged blind tickets on which the model was right.",
        (),
        of_model.figure(lambda watched: of_model.ratio(watched.blind_right)),
    ),
    Metric("hypercare_model_set_size_mean", "Systems in a prediction set.", (), of_model.figure(lambda watched: watched.set_size)),
    Metric(
        "hypercare_model_unknown_words_ratio",
        "Share of a text's words that the version never learned from, mean.",
        (),
        of_model.figure(lambda watched: watched.unknown_words),
    ),
    Metric(
        "hypercare_model_class_psi",
        "Stability index of the predicted systems against the decisions before; absent while these are too few.",
        (),
        of_model.figure(lambda watched: watched.class_psi),
    ),
    Metric(
        "hypercare_model_score_psi",
        "Stability index of the confidence against the decisions before; absent while these are too few.",
        (),
        of_model.figure(lambda watched: watched.score_psi),
    ),
    Metric(
        "hypercare_model_check_failed",
        "1 where the version fails its rolling check and routes nothing alone.",
        (),
        of_model.figure(lambda watched: watched.check_failed),
    ),
    Metric("hypercare_model_refused", "1 where a replica works with another version than the wanted one.", ("replica",), of_model.refused),
    Metric("hypercare_model_autonomy", "1 where the model may route alone.", ("site", "system"), of_model.autonomy),
    Metric("hypercare_sev1_confirmed", "Classified tickets that people called Sev1.", ("site",), of_model.sev1_confirmed),
    Metric("hypercare_known_error_hits_total", "Tickets that a known error was offered to.", ("known_error",), of_model.known_error_hits),
    *(_of_golives(series) for series in SERIES),
)
"""What a process with the role stabilisation tells."""


class Metrics(Collector):
    """Answers a scrape with one read transaction, after a look at what people and the model said since the last one."""

    def __init__(self, ledger: Ledger, watch: Watch, pulse: Pulse, metrics: tuple[Metric | Histogram, ...] = METRICS) -> None:
        self.ledger = ledger
        self.watch = watch
        self.pulse = pulse
        self.metrics = metrics

    def describe(self) -> Iterable[Family]:
        """Nothing, so that registering does not cost a scrape."""
        return ()

    def collect(self) -> Iterator[Family]:
        watched, readings = self.watch.look(self.ledger.database), self.pulse.readings(self.ledger)
        chronicle = self.pulse.progress.chronicle
        with chronicle.up_to_date(self.ledger.database) as connection:
            scrape = Scrape(connection, present(connection, self.ledger.clock()), chronicle, watched, readings)
            yield from [metric.family(scrape) for metric in self.metrics]


class Pipeline(Collector):
    """The same of the pipeline alone, for a process that folds nothing."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    def describe(self) -> Iterable[Family]:
        return ()

    def collect(self) -> Iterator[Family]:
        with self.ledger.database.read() as connection:
            scrape = Scrape(connection, present(connection, self.ledger.clock()))
            yield from [metric.family(scrape) for metric in PIPELINE]


def registry(collector: Collector) -> CollectorRegistry:
    """One of its own: nothing that other code counts in this process comes with it."""
    own = CollectorRegistry()
    own.register(collector)
    return own
