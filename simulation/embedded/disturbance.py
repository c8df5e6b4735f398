"""Disturbances of the car: side wind, a steering offset, reduced grip."""

import math

import numpy as np
from msgspec import Struct

GUST_TIME_S = 2.0  # correlation time


class Disturbance(Struct, frozen=True, kw_only=True):
    """Disturbances that act during one tick."""

    side_wind_mps: float = 0.0  # across the car, positive blows to the left
    steering_offset_deg: float = 0.0  # added to the angle of the road wheels, left positive
    friction_ratio: float = 1.0  # relative to the friction of a dry road


class Gusts:
    """Random gusts: a Gauss-Markov process with mean 0."""

    def __init__(self, sigma_mps: float, seed: int, tick_s: float) -> None:
        self._random = np.random.default_rng([seed, 3])
        self._decay = math.exp(-tick_s / GUST_TIME_S)
        self._noise_mps = sigma_mps * math.sqrt(1 - self._decay**2)
        self._speed_mps = sigma_mps * float(self._random.standard_normal())

    def step(self) -> float:
        """Advance by one tick and return the wind speed."""
        self._speed_mps = self._decay * self._speed_mps + self._noise_mps * float(self._random.standard_normal())
        return self._speed_mps
