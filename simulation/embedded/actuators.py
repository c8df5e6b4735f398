"""Steering and pedal actuators: dead time, lag and limits."""

import math
from collections import deque

from simulation.embedded.dynamics import CarParameters


class Steering:
    """Road-wheel angle: follows the command after a dead time, with a first-order lag and a limited rate."""

    def __init__(self, parameters: CarParameters, max_steer_rad: float, step_s: float) -> None:
        self._max_steer_rad = max_steer_rad
        self._share = 1 - math.exp(-step_s / parameters.steering_lag_s)
        self._max_step_rad = parameters.steering_rate_radps * step_s
        delay = max(1, round(parameters.steering_dead_time_s / step_s))
        self._in_transit: deque[float] = deque([0.0] * delay, maxlen=delay)
        self.angle_rad = 0.0

    def step(self, target_rad: float) -> float:
        """Advance by one step and return the angle, left positive."""
        arrived_rad = self._in_transit[0]
        self._in_transit.append(min(self._max_steer_rad, max(-self._max_steer_rad, target_rad)))
        change_rad = (arrived_rad - self.angle_rad) * self._share
        self.angle_rad += min(self._max_step_rad, max(-self._max_step_rad, change_rad))
        return self.angle_rad


class Pedals:
    """Longitudinal acceleration of engine and brakes, with a first-order lag."""

    def __init__(self, parameters: CarParameters, step_s: float) -> None:
        self._p = parameters
        self._share = 1 - math.exp(-step_s / parameters.pedal_lag_s)
        self.acceleration_mps2 = 0.0

    def step(self, throttle: float, brake: float, speed_mps: float) -> float:
        """Advance by one step and return the acceleration in m/s²; pedals are clamped to [0, 1]."""
        p = self._p
        throttle, brake = min(1.0, max(0.0, throttle)), min(1.0, max(0.0, brake))
        max_drive_mps2 = min(p.drive_mps2, p.power_w / p.mass_kg / max(speed_mps, p.scale.speed))
        target_mps2 = throttle * max_drive_mps2 - brake * p.brake_mps2
        self.acceleration_mps2 += (target_mps2 - self.acceleration_mps2) * self._share
        return self.acceleration_mps2

    def release(self) -> None:
        """Set the acceleration to 0 at once, without lag."""
        self.acceleration_mps2 = 0.0
