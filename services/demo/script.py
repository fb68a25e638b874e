"""What happens in the sample go-live, and when: drawn from the carried corpus with a seed, the same every time."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.examples import Example
from schemas.tickets import Submission

SITES = {"Cork": 0.65, "Leiden": 0.35}
HOURS = 14 * 24.0
DECAY_PER_HOUR = 0.115 / 24
"""Goel-Okumoto b: 80 % of the problems surface in the first two weeks, b = -ln(0.2)/14 per day."""
AREAS = ("Granulation 1", "Packaging line 3", "Weigh & dispense", "Sterile filling", "QC lab", "Warehouse")
FIRST_LOOK_H = {"sev1": 0.1, "sev2": 0.4, "sev3": 3.0, "sev4": 8.0}
REPAIR_H = {"sev1": 5.0, "sev2": 16.0, "sev3": 40.0, "sev4": 60.0}
NIGHT_SITE, NIGHT_SYSTEM = "Cork", "infrastructure"
DESK_NAMES = ("Dora", "Declan", "Dilek")


@dataclass(frozen=True, slots=True)
class Scene:
    """One problem: when it is reported (hours after go-live), what is told, what is true, and how long people take (hours)."""

    at: float
    submission: Submission
    truth: Example
    key: str
    decides_after: float
    looks_after: float
    repairs_in: float
    comes_back: bool
    stays_open: bool
    unheard: bool = False
    """The first on call does not acknowledge it: whoever is paged next does."""


def write_script(examples: Sequence[Example], tickets: int, seed: int = 7) -> list[Scene]:
    """Scenes in order of time. Arrivals thin out as exp(-b t), the shape of a go-live. The first of them is the night's."""
    chance = random.Random(seed)
    chosen = chance.sample(list(examples), min(tickets, len(examples)))
    times = sorted(_arrival(chance) for _ in chosen)
    scenes = [_scene(chance, at, example, number) for number, (at, example) in enumerate(zip(times, chosen, strict=True), 1)]
    return [_night(scenes[0], examples), *scenes[1:]]


def _night(scene: Scene, examples: Sequence[Example]) -> Scene:
    """A Sev1 of the infrastructure instead, which wakes people one after the other."""
    grave = next(each for each in examples if (each.system, each.severity) == (NIGHT_SYSTEM, "sev1"))
    told = {"title": grave.title, "body": grave.body, "site": NIGHT_SITE, "reporter_role": grave.reporter_role, "reported_severity": "sev1"}
    submission = scene.submission.model_copy(update=told)
    scene = replace(scene, looks_after=FIRST_LOOK_H["sev1"], repairs_in=REPAIR_H["sev1"])
    return replace(scene, submission=submission, truth=grave, comes_back=False, stays_open=False, unheard=True)


def _arrival(chance: random.Random) -> float:
    """Inverse of the exponential's distribution function, cut at the end of the hypercare."""
    whole = 1 - math.exp(-DECAY_PER_HOUR * HOURS)
    return -math.log(1 - chance.random() * whole) / DECAY_PER_HOUR


def _scene(chance: random.Random, at: float, example: Example, number: int) -> Scene:
    claimed = example.severity if chance.random() < 0.4 else None
    submission = Submission(
        title=example.title,
        body=example.body if chance.random() < 0.4 else "",
        site=chance.choices(list(SITES), list(SITES.values()))[0],
        reporter=chance.choice(DESK_NAMES),
        reporter_role=example.reporter_role,
        reported_severity=claimed,
        area=chance.choice(AREAS),
        source_system="demo",
        source_id=f"{number}",
    )
    spread = chance.lognormvariate(0, 0.6)
    return Scene(
        at=at,
        submission=submission,
        truth=example,
        key=f"demo-{number}",
        decides_after=chance.uniform(0.2, 2.0),
        looks_after=FIRST_LOOK_H[example.severity] * spread,
        repairs_in=REPAIR_H[example.severity] * spread,
        comes_back=chance.random() < 0.06,
        stays_open=example.severity in ("sev3", "sev4") and chance.random() < 0.12,
    )
