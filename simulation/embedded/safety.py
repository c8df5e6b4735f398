"""Fallback of the car: what it does before the first control, and after the last one expired.

A control is valid until its `valid_until`, in world time. After that the gate holds the last curvature and brakes to a
stop, so that a car whose decision process died stops in its lane, also in a bend.
"""

import math
from typing import Protocol

from lkas.frames import left_rad_from_steering
from lkas.integration.shared_memory.messages import ControlMessage
from simulation.embedded.plant import Command

STOP_MPS2 = 3.0  # ISO 11270: maximum deceleration by a lane keeping system
COAST_MPS2 = 1.0


class GatedCar(Protocol):
    """What the gate needs to know of a car; left positive."""

    @property
    def max_steer_rad(self) -> float: ...
    @property
    def speed_mps(self) -> float: ...
    def steer_for_curvature(self, curvature_radpm: float, speed_mps: float) -> float: ...
    def curvature_of_steer(self, steer_rad: float, speed_mps: float) -> float: ...
    def brake_for(self, deceleration_mps2: float, speed_mps: float) -> float: ...


class ControlGate:
    """Converts the newest control into a command to the car, and takes over while there is no usable control."""

    def __init__(self, car: GatedCar, session: int) -> None:
        self._car, self._session = car, session
        self.reset()

    def reset(self) -> None:
        """Forget all earlier controls."""
        self._last_steer_rad: float | None = None
        self._held_radpm: float | None = None

    def command(self, control: ControlMessage | None, now_s: float) -> Command:
        """Return the command for the next tick."""
        if control is not None and self._is_usable(control, now_s):
            self._last_steer_rad = left_rad_from_steering(control.steering, self._car.max_steer_rad)
            self._held_radpm = None
            return Command(self._last_steer_rad, control.throttle, control.brake)
        speed_mps = self._car.speed_mps
        if self._last_steer_rad is None:
            return Command(0.0, 0.0, self._brake_for(COAST_MPS2))
        if self._held_radpm is None:
            self._held_radpm = self._car.curvature_of_steer(self._last_steer_rad, speed_mps)
        steer_rad = self._car.steer_for_curvature(self._held_radpm, speed_mps)
        return Command(steer_rad, 0.0, self._brake_for(STOP_MPS2))

    def _is_usable(self, control: ControlMessage, now_s: float) -> bool:
        """Whether the control is of this session, not from the future, not expired, and finite."""
        is_ours = control.session in (0, self._session)  # 0: a writer without a session
        is_current = control.timestamp <= now_s and control.valid_until >= now_s
        return is_ours and is_current and math.isfinite(control.steering + control.throttle + control.brake)

    def _brake_for(self, deceleration_mps2: float) -> float:
        return self._car.brake_for(deceleration_mps2, self._car.speed_mps)
