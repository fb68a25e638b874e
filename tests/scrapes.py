"""A scrape as a dictionary."""

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from services.ledger import Ledger
from services.stabilisation.metrics import Metrics, registry
from services.stabilisation.progress import Progress
from services.stabilisation.pulse import Pulse
from services.stabilisation.watching import Watch

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def scraped(ledger: Ledger, watch: Watch | None = None) -> Series:
    text = generate_latest(registry(Metrics(ledger, watch or Watch(), Pulse(Progress())))).decode()
    samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
    return {(sample.name, frozenset(sample.labels.items())): sample.value for sample in samples}


def value(series: Series, name: str, **labels: str) -> float:
    return series[f"hypercare_{name}", frozenset(labels.items())]


def summed(series: Series, name: str, **labels: str) -> float:
    wanted = set(labels.items())
    return sum(number for (key, given_labels), number in series.items() if key == f"hypercare_{name}" and wanted <= given_labels)


def told_of(series: Series, name: str) -> dict[tuple[str, ...], float]:
    """Value by label values, these in the order of their labels' names."""
    found = ((sorted(labels), number) for (key, labels), number in series.items() if key == f"hypercare_{name}")
    return {tuple(content for _, content in labels): number for labels, number in found}
