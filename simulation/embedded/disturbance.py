"""What a world does to its car from outside, beside the road: wind, wheels out of line, a slippery surface."""

import math

import numpy as np
from msgspec import Struct

GUST_TIME_S = 2.0  # how long one lasts, about


class Influence(Struct, frozen=True, kw_only=True):
    """At one moment."""

    side_wind_mps: float = 0.0  # across the car, positive blows to the left
    steering_offset_deg: float = 0.0  # road wheels against what the steering says, left positive
    friction_ratio: float = 1.0  # of the dry road's friction


class Gusts:
    """Wind that comes and goes by chance: a Gauss-Markov process around nothing."""

    def __init__(self, sigma_mps: float, seed: int, tick_s: float) -> None:
        self._random = np.random.default_rng([seed, 3])
        self._kept = math.exp(-tick_s / GUST_TIME_S)
        self._stir_mps = sigma_mps * math.sqrt(1 - self._kept**2)
        self._now_mps = sigma_mps * float(self._random.standard_normal())

    def step(self) -> float:
        """The gust of the next tick."""
        self._now_mps = self._kept * self._now_mps + self._stir_mps * float(self._random.standard_normal())
        return self._now_mps
