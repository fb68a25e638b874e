"""The router's probabilities beside the stock scikit-learn pipeline of the tests, on the carried corpus, both measured in turn."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from models.registry import load_model
from schemas.predictions import TicketText
from tests.corpora import whole_corpus
from tests.test_models_baseline import stock, written

BATCH = 512
ALONE = 300
ROUNDS = 7
Measured = list[tuple[str, float, str, str, str]]
Rounds = list[tuple[float, float]]

PROGRAM = """
import sys
from models.registry import load_model
from schemas.predictions import TicketText
model = load_model()
model.routes([TicketText.model_validate_json(line) for line in sys.stdin])
resident, = (line.split()[1] for line in open("/proc/self/status") if line.startswith("VmRSS:"))
print(int(resident) * 1024 / 1e6)
"""


async def measure(folder: Path) -> Measured:
    """Scoring: probabilities per system beside the stock pipeline, in batches and one by one"""
    return await asyncio.to_thread(_measured)


def _measured() -> Measured:
    texts = [example.text for example in whole_corpus()]
    pipeline = stock().fit([*map(written, texts)], [example.system for example in whole_corpus()])
    few = texts[:: len(texts) // ALONE]
    met_first = [_seconds(load_model().routes, texts, BATCH) for _ in range(ROUNDS)]
    return [
        *_figures(f"in batches of {BATCH}", _rounds(pipeline.decision_function, texts, BATCH)),
        (
            "scoring, no word met before",
            1e6 * median(met_first),
            "µs/ticket",
            "",
            f"the same tickets, each of {ROUNDS} rounds by a model that was just loaded",
        ),
        *_figures("one by one", _rounds(pipeline.decision_function, few, 1)),
        ("memory of a process that scores", _resident(texts[:BATCH]), "MB", "≤ 120", f"VmRSS of a fresh process after {BATCH} tickets"),
    ]


def _figures(name: str, rounds: Rounds) -> Measured:
    how = f"processor time, {ROUNDS} rounds in turn over tickets of the corpus whose words were met before; medians"
    return [
        (f"scoring {name}", 1e6 * median(ours for ours, _ in rounds), "µs/ticket", "", how),
        (f"stock pipeline {name}", 1e6 * median(theirs for _, theirs in rounds), "µs/ticket", "", how),
        ("stock ÷ ours", median(theirs / ours for ours, theirs in rounds), "×", "≥ 10", "median of the rounds' ratios"),
    ]


def _rounds(theirs: Callable[[list[str]], Any], texts: Sequence[TicketText], size: int) -> Rounds:
    ours, told = load_model().routes, [*map(written, texts)]
    _seconds(ours, texts, size)
    return [(_seconds(ours, texts, size), _seconds(theirs, told, size)) for _ in range(ROUNDS)]


def _seconds(score: Callable[[Any], Any], texts: Sequence[Any], size: int) -> float:
    """Of the processor, for each text."""
    begun = time.process_time()
    for first in range(0, len(texts), size):
        score(texts[first : first + size])
    return (time.process_time() - begun) / len(texts)


def _resident(texts: Sequence[TicketText]) -> float:
    """MB of a fresh process that has scored the texts."""
    told = "\n".join(text.model_dump_json() for text in texts)
    return float(subprocess.run([sys.executable, "-c", PROGRAM], input=told, capture_output=True, text=True, check=True).stdout)
