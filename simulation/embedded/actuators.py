"""Steering and pedals take their time: dead time, lag, limits."""

import math
from collections import deque

from simulation.embedded.dynamics import CarParameters


class Steering:
    """Road-wheel angle: the command arrives after a dead time and is followed with a lag, at a limited rate."""

    def __init__(self, parameters: CarParameters, max_steer_rad: float, step_s: float) -> None:
        self._max_steer_rad = max_steer_rad
        self._share = 1 - math.exp(-step_s / parameters.steering_lag_s)
        self._most_rad = parameters.steering_rate_radps * step_s
        delay = max(1, round(parameters.steering_dead_time_s / step_s))
        self._on_the_way: deque[float] = deque([0.0] * delay, maxlen=delay)
        self.angle_rad = 0.0

    def step(self, wanted_rad: float) -> float:
        """The angle one step later."""
        arrived_rad = self._on_the_way[0]
        self._on_the_way.append(min(self._max_steer_rad, max(-self._max_steer_rad, wanted_rad)))
        change_rad = (arrived_rad - self.angle_rad) * self._share
        self.angle_rad += min(self._most_rad, max(-self._most_rad, change_rad))
        return self.angle_rad


class Pedals:
    """Longitudinal acceleration of engine and brakes, which build up with a lag."""

    def __init__(self, parameters: CarParameters, step_s: float) -> None:
        self._p = parameters
        self._share = 1 - math.exp(-step_s / parameters.pedal_lag_s)
        self.acceleration_mps2 = 0.0

    def step(self, throttle: float, brake: float, speed_mps: float) -> float:
        """The acceleration one step later."""
        p = self._p
        throttle, brake = min(1.0, max(0.0, throttle)), min(1.0, max(0.0, brake))
        strongest_mps2 = min(p.drive_mps2, p.power_w / p.mass_kg / max(speed_mps, 1.0))
        wanted_mps2 = throttle * strongest_mps2 - brake * p.brake_mps2
        self.acceleration_mps2 += (wanted_mps2 - self.acceleration_mps2) * self._share
        return self.acceleration_mps2

    def release(self) -> None:
        """Nothing is pressed and nothing is on its way."""
        self.acceleration_mps2 = 0.0
