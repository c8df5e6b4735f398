"""Where the car was in the last two seconds, by dead reckoning: carries a measurement from its exposure to now."""

import math
from bisect import bisect_right
from typing import NamedTuple

SPAN_S = 2.0


class Displacement(NamedTuple):
    """The pose of the ego frame now, seen from the ego frame then; left positive."""

    forward_m: float
    left_m: float
    turn_rad: float


class Odometry:
    """A ring of dead-reckoned poses over world time."""

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._poses: list[tuple[float, float, float]] = []

    def reset(self) -> None:
        self._times_s.clear()
        self._poses.clear()

    def advance(self, now_s: float, speed_mps: float, yaw_rate_radps: float, slip_rad: float) -> None:
        """Add the pose at `now_s`; the car moved with these since the last one. The slip points left of its axis."""
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
        if (
            self._times_s[0] < now_s - 2 * SPAN_S
        ):  # trimmed in blocks: dropping one by one would move the list each time
            keep = bisect_right(self._times_s, now_s - SPAN_S)
            del self._times_s[:keep], self._poses[:keep]

    def rewind(self, then_s: float) -> None:
        """Forget the way since then: it was not driven."""
        keep = bisect_right(self._times_s, then_s)
        del self._times_s[keep:], self._poses[keep:]

    def since(self, then_s: float) -> Displacement | None:
        """How the car moved from then to the newest pose, or None when that is before the ring begins."""
        times_s = self._times_s
        if not times_s or then_s < times_s[0]:
            return None
        x_m, y_m, yaw_rad = self._poses[-1]
        after = bisect_right(times_s, then_s)
        if after == len(times_s):
            return Displacement(0.0, 0.0, 0.0)
        share = (then_s - times_s[after - 1]) / (times_s[after] - times_s[after - 1])
        before, later = self._poses[after - 1], self._poses[after]
        then_x_m, then_y_m, then_yaw_rad = (a + share * (b - a) for a, b in zip(before, later, strict=True))
        dx_m, dy_m = x_m - then_x_m, y_m - then_y_m
        cos, sin = math.cos(then_yaw_rad), math.sin(then_yaw_rad)
        return Displacement(cos * dx_m + sin * dy_m, cos * dy_m - sin * dx_m, yaw_rad - then_yaw_rad)
