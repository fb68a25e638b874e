"""What is believed of a go-live before it has shown anything: weak, the same for all, and sharper where earlier waves give it.

Every constant of the forecast that is not read from the go-live itself stands here. docs/forecast.md tells where each comes from.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from models.course import Wave


@dataclass(frozen=True, slots=True)
class Prior:
    """A Gamma with shape k has a relative spread of 1/√k; 0 is none. `per` sizes are multiplied by the tickets that came so far."""

    decay: float = 0.09
    decay_spread: float = 0.5
    total_per: float = 1.5
    total: float | None = None
    total_shape: float = 0.5
    floor_per: float = 0.005
    floor: float | None = None
    floor_shape: float = 2.0
    spike_hazard: float = 0.007
    spike_per: float = 0.3
    spike_shape: float = 6.0
    spike_decay: float = 0.35
    weekend: float = 0.45
    weekend_weight: float = 10.0
    dispersion: float = 1.5
    dispersion_weight: float = 10.0
    mix: tuple[float, float, float, float] = (0.03, 0.12, 0.45, 0.40)
    mix_weight: float = 30.0
    weekend_capacity: float = 0.45


WEAK = Prior()
_WAVE_SPREAD = 0.25
_WAVE_SHAPE = 8.0


def prior_of(waves: Sequence[Wave]) -> Prior:
    """The weak one, or the mean of earlier waves: geometric for the decay, arithmetic for total and floor at this site's exposure."""
    if not waves:
        return WEAK
    return Prior(
        decay=exp(sum(log(wave.decay) for wave in waves) / len(waves)),
        decay_spread=_WAVE_SPREAD,
        total=sum(wave.total * wave.scale for wave in waves) / len(waves),
        total_shape=_WAVE_SHAPE,
        floor=sum(wave.floor * wave.scale for wave in waves) / len(waves),
        floor_shape=_WAVE_SHAPE,
    )
