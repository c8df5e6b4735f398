"""Departure warning: time until a wheel touches a line, from the filtered lane state.

The car goes on with its lateral speed and yaw rate against the lane: with d the offset, d' = v heading + slip and
d'' = v (r - v curvature), a wheel touches the left line at the smallest t > 0 with d' t + d'' t²/2 = margin.
Zones after ISO 17361: a drift is called when that time is short or when the line is within two sigma of the wheel,
a departure when a wheel is on the line.
"""

import math

from msgspec import Struct

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import LaneState
from lkas.integration.shared_memory.messages import DepartureStatus

HORIZON_S = 5.0
HALF_LINE_M = 0.06  # from a line's middle to its edge
BACK_INSIDE_M = 0.05  # a departure ends this far inside
DRIFT_END_RATIO = 1.4  # a drift ends when the time is this much longer than what starts one


class Departure(Struct, frozen=True, kw_only=True):
    """Margins from the tyres' outer edges to the lines' inner edges, times to crossing and the verdict."""

    margin_left_m: float
    margin_right_m: float
    ttlc_left_s: float | None  # None: not within the horizon
    ttlc_right_s: float | None
    status: DepartureStatus


class DepartureWarning:
    """Judges each lane state; remembers its last verdict for the hysteresis."""

    def __init__(self, width_m: float, bicycle: Bicycle) -> None:
        self._half_width_m = width_m / 2
        self._bicycle = bicycle
        self.reset()

    def reset(self) -> None:
        self._status = DepartureStatus.CENTERED

    def margins_m(self, lane: LaneState) -> tuple[float, float]:
        """From the left and right tyres' outer edges to the lines' inner edges; negative: beyond."""
        room_m = lane.width_m / 2 - HALF_LINE_M - self._half_width_m
        return room_m - lane.offset_m, room_m + lane.offset_m

    def judge(self, lane: LaneState, speed_mps: float, drift_ttlc_s: float) -> Departure:
        """The departure figures of this moment."""
        left_m, right_m = self.margins_m(lane)
        lateral_mps = speed_mps * lane.heading_rad
        lateral_mps += lane.yaw_rate_radps * self._bicycle.slip_per_curvature_m(speed_mps)
        lateral_mps2 = speed_mps * (lane.yaw_rate_radps - speed_mps * lane.curvature_radpm)
        ttlc_left_s = time_to_reach_s(left_m, lateral_mps, lateral_mps2)
        ttlc_right_s = time_to_reach_s(right_m, -lateral_mps, -lateral_mps2)
        soonest_s = min((t for t in (ttlc_left_s, ttlc_right_s) if t is not None), default=math.inf)
        margin_m = min(left_m, right_m)
        self._status = self._next_status(margin_m, soonest_s, 2 * lane.offset_sigma_m, drift_ttlc_s)
        return Departure(
            margin_left_m=left_m,
            margin_right_m=right_m,
            ttlc_left_s=ttlc_left_s,
            ttlc_right_s=ttlc_right_s,
            status=self._status,
        )

    def _next_status(self, margin_m: float, soonest_s: float, doubt_m: float, drift_s: float) -> DepartureStatus:
        was = self._status
        if margin_m <= (BACK_INSIDE_M if was is DepartureStatus.DEPARTURE else 0.0):
            return DepartureStatus.DEPARTURE
        if was is not DepartureStatus.CENTERED:
            drift_s *= DRIFT_END_RATIO
            doubt_m += BACK_INSIDE_M
        if soonest_s < drift_s or margin_m < doubt_m:
            return DepartureStatus.DRIFT
        return DepartureStatus.CENTERED


def time_to_reach_s(distance_m: float, speed_mps: float, acceleration_mps2: float) -> float | None:
    """Smallest t in [0, horizon] with speed t + acceleration t²/2 = distance; 0 when it is already reached."""
    if distance_m <= 0:
        return 0.0
    if abs(acceleration_mps2) < 1e-6:
        time_s = distance_m / speed_mps if speed_mps > 1e-9 else math.inf
    else:
        root = speed_mps * speed_mps + 2 * acceleration_mps2 * distance_m
        # In this form neither sign of the acceleration loses digits; no real root: it turns round before.
        below = speed_mps + math.sqrt(root) if root >= 0 else 0.0
        time_s = 2 * distance_m / below if below > 1e-9 else math.inf
    return time_s if time_s <= HORIZON_S else None
