"""Dead reckoning over the last seconds: how the car moved from the exposure of an image to now."""

import math
from bisect import bisect_right
from typing import NamedTuple

HISTORY_S = 2.0


class Displacement(NamedTuple):
    """The present pose of the ego frame in the ego frame of an earlier time; left is positive."""

    forward_m: float
    left_m: float
    turn_rad: float


class Odometry:
    """A history of dead-reckoned poses over world time."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._poses: list[tuple[float, float, float]] = []

    def reset(self) -> None:
        """Clear the history."""
        self._times_s.clear()
        self._poses.clear()

    def advance(self, now_s: float, speed_mps: float, yaw_rate_radps: float, slip_rad: float) -> None:
        """Add the pose at `now_s`, reached with constant speed, yaw rate and side slip (left is positive)."""
        if not self._times_s:
            self._times_s.append(now_s)
            self._poses.append((0.0, 0.0, 0.0))
            return
        dt_s = now_s - self._times_s[-1]
        x_m, y_m, yaw_rad = self._poses[-1]
        course_rad = yaw_rad + slip_rad + 0.5 * yaw_rate_radps * dt_s
        pose = (
            x_m + speed_mps * dt_s * math.cos(course_rad),
            y_m + speed_mps * dt_s * math.sin(course_rad),
            yaw_rad + yaw_rate_radps * dt_s,
        )
        self._times_s.append(now_s)
        self._poses.append(pose)
        # Trimmed in blocks: removing single entries would move the whole list at each step.
        if self._times_s[0] < now_s - 2 * HISTORY_S:
            keep = bisect_right(self._times_s, now_s - HISTORY_S)
            del self._times_s[:keep], self._poses[:keep]

    def rewind(self, to_s: float) -> None:
        """Remove the poses after `to_s`: the car was never there."""
        keep = bisect_right(self._times_s, to_s)
        del self._times_s[keep:], self._poses[keep:]

    def since(self, then_s: float) -> Displacement | None:
        """Return the displacement from `then_s` to the newest pose, or None when the history starts later."""
        times_s = self._times_s
        if not times_s or then_s < times_s[0]:
            return None
        x_m, y_m, yaw_rad = self._poses[-1]
        after = bisect_right(times_s, then_s)
        if after == len(times_s):
            return Displacement(0.0, 0.0, 0.0)
        ratio = (then_s - times_s[after - 1]) / (times_s[after] - times_s[after - 1])
        before, later = self._poses[after - 1], self._poses[after]
        then_x_m, then_y_m, then_yaw_rad = (a + ratio * (b - a) for a, b in zip(before, later, strict=True))
        dx_m, dy_m = x_m - then_x_m, y_m - then_y_m
        cos, sin = math.cos(then_yaw_rad), math.sin(then_yaw_rad)
        return Displacement(cos * dx_m + sin * dy_m, cos * dy_m - sin * dx_m, yaw_rad - then_yaw_rad)
