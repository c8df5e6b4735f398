"""Checks that the car turns as commanded, because the steering range reported by the server may be wrong.

Without slip, the yaw rate is speed x tan(steering angle) / wheelbase. Summing over WINDOW_S of bends averages out lag
and noise; bends with high lateral acceleration are ignored because tyres slip there.
"""

import logging
import math

from simulation.carla.convert import Motion

WINDOW_S = 5.0  # time in bends after which the sums are compared
MIN_SPEED_MPS = 3.0
MIN_YAW_RATE_RADPS = 0.02  # expected; below is noise
MAX_LATERAL_MPS2 = 2.5  # expected; above, a car may understeer
TOLERANCE_RATIO = 1 / 3

log = logging.getLogger(__name__)


class SteeringCheck:
    """Compares commanded and measured turning at each tick; logs one warning when they differ."""

    def __init__(self, wheelbase_m: float, tick_s: float) -> None:
        self._wheelbase_m, self._tick_s = wheelbase_m, tick_s
        self._has_warned = False
        self._start_window()

    def add(self, steer_rad: float, motion: Motion) -> None:
        """Add one tick; `steer_rad` is the commanded road-wheel angle, left positive."""
        expected_radps = motion.speed_mps * math.tan(steer_rad) / self._wheelbase_m
        is_slow = motion.speed_mps < MIN_SPEED_MPS or abs(expected_radps) < MIN_YAW_RATE_RADPS
        if self._has_warned or is_slow or abs(expected_radps) * motion.speed_mps > MAX_LATERAL_MPS2:
            return
        self._expected_rad += abs(expected_radps) * self._tick_s
        self._turned_rad += math.copysign(1.0, expected_radps) * motion.yaw_rate_radps * self._tick_s
        self._window_s += self._tick_s
        if self._window_s >= WINDOW_S:
            if abs(self._turned_rad / self._expected_rad - 1) > TOLERANCE_RATIO:
                self._has_warned = True
                log.warning(
                    "CARLA: the car turns at %.3f rad/s, expected %.3f rad/s from its steering:"
                    " check carla.max_steer_deg",
                    self._turned_rad / self._window_s,
                    self._expected_rad / self._window_s,
                )
            self._start_window()

    def _start_window(self) -> None:
        self._window_s = self._expected_rad = self._turned_rad = 0.0
