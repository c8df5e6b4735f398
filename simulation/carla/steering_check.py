"""Whether the car turns as its steering should make it: the scale of the steering is read from the server, not known.

Without slip a car turns at speed x tan(steering angle) / wheelbase. Summed over WINDOW_S of clear bends, lag and noise
hardly count; bends so fast that tyres slip are left out.
"""

import logging
import math

from simulation.carla.convert import Motion

WINDOW_S = 5.0  # of bends, after which they are judged
LEAST_SPEED_MPS = 3.0
LEAST_TURN_RADPS = 0.02  # expected; less is noise
MOST_LATERAL_MPS2 = 2.5  # expected; beyond, a car may well understeer
TOLERANCE_RATIO = 1 / 3

log = logging.getLogger(__name__)


class SteeringCheck:
    """Fed with each tick; says it once when commanded and measured turns do not go together."""

    def __init__(self, wheelbase_m: float, tick_s: float) -> None:
        self._wheelbase_m, self._tick_s = wheelbase_m, tick_s
        self._is_told = False
        self._begin()

    def add(self, steer_rad: float, motion: Motion) -> None:
        """`steer_rad`: commanded angle of the road wheels, left positive."""
        wanted_radps = motion.speed_mps * math.tan(steer_rad) / self._wheelbase_m
        is_slow = motion.speed_mps < LEAST_SPEED_MPS or abs(wanted_radps) < LEAST_TURN_RADPS
        if self._is_told or is_slow or abs(wanted_radps) * motion.speed_mps > MOST_LATERAL_MPS2:
            return
        self._wanted_rad += abs(wanted_radps) * self._tick_s
        self._turned_rad += math.copysign(1.0, wanted_radps) * motion.yaw_rate_radps * self._tick_s
        self._judged_s += self._tick_s
        if self._judged_s >= WINDOW_S:
            if abs(self._turned_rad / self._wanted_rad - 1) > TOLERANCE_RATIO:
                self._is_told = True
                log.warning(
                    "CARLA: the car turns at %.3f rad/s where its steering should turn it at %.3f rad/s:"
                    " check carla.max_steer_deg",
                    self._turned_rad / self._judged_s,
                    self._wanted_rad / self._judged_s,
                )
            self._begin()

    def _begin(self) -> None:
        self._judged_s = self._wanted_rad = self._turned_rad = 0.0
