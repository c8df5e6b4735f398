"""Departure warning: time until a wheel touches a line, from the filtered lane state.

The car goes on with its lateral speed and yaw rate against the lane: with d the offset, d' = v heading + slip and
d'' = v (r - v curvature), a wheel touches the left line at the smallest t > 0 with d' t + d'' t²/2 = margin. Where d''
points to the line, only what exceeds two sigma of v² curvature counts: drawn out over a second and a half, the error
of the curvature and the swings of a car that keeps its lane would be the greater part of every warning.
Zones after ISO 17361: no warning while the wheel is further from the line than `earliest_margin_m`, which grows with
the speed of the drift, and none later than 0.3 m beyond it. Within the zone a drift is called when the time to
crossing is short, or the line within two sigma of the wheel, and that lasts for a moment; a departure when a wheel is
on the line. A line that the driver indicates to cross is not warned of, nor is anything at low speed.
"""

import math

from msgspec import Struct

from lkas.decision.bicycle import Bicycle
from lkas.decision.driver import Driver, Side
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import DepartureStatus

HORIZON_S = 5.0
HALF_LINE_M = 0.06  # from a line's middle to its edge
CERTAIN_SIGMAS = 2.0
BACK_INSIDE_M = 0.05  # a departure ends this far inside
DRIFT_END_RATIO = 1.4  # a drift ends when the time is this much longer than what starts one
EARLIEST_TIME_S = 1.5  # ISO 17361: the earliest line of a drift beyond 0.5 m/s, ...
EARLIEST_MOST_M = 1.5  # ... and beyond 1 m/s


class Departure(Struct, frozen=True, kw_only=True):
    """Margins from the tyres' outer edges to the lines' inner edges, times to crossing and the verdict."""

    margin_left_m: float
    margin_right_m: float
    ttlc_left_s: float | None  # None: not within the horizon
    ttlc_right_s: float | None
    status: DepartureStatus

    @property
    def sentence(self) -> str:
        """The verdict with the nearer line's side, for people."""
        is_left = self.margin_left_m < self.margin_right_m
        side, margin_m = ("left", self.margin_left_m) if is_left else ("right", self.margin_right_m)
        return f"{self.status} to the {side}, {margin_m:.2f} m to the line"


class DepartureWarning:
    """Judges each lane state; remembers its last verdict for the hysteresis."""

    def __init__(self, width_m: float, bicycle: Bicycle) -> None:
        self._half_width_m = width_m / 2
        self._bicycle = bicycle
        self.reset()

    def reset(self) -> None:
        self._status = DepartureStatus.CENTERED
        self._drifting_s = 0.0

    @property
    def status(self) -> DepartureStatus:
        """The last verdict."""
        return self._status

    def margins_m(self, lane: LaneState) -> tuple[float, float]:
        """From the left and right tyres' outer edges to the lines' inner edges; negative: beyond."""
        room_m = lane.width_m / 2 - HALF_LINE_M - self._half_width_m
        return room_m - lane.offset_m, room_m + lane.offset_m

    def judge(
        self, lane: LaneState, speed_mps: float, dt_s: float, parameters: DecisionParameters, driver: Driver
    ) -> Departure:
        """The departure figures of this moment, `dt_s` after the one before."""
        left_m, right_m = self.margins_m(lane)
        lateral_mps = speed_mps * lane.heading_rad
        lateral_mps += lane.yaw_rate_radps * self._bicycle.slip_per_curvature_m(speed_mps)
        lateral_mps2 = speed_mps * (lane.yaw_rate_radps - speed_mps * lane.curvature_radpm)
        doubt_mps2 = CERTAIN_SIGMAS * speed_mps**2 * lane.curvature_sigma_radpm
        ttlc_left_s = time_to_reach_s(left_m, lateral_mps, _certain(lateral_mps2, doubt_mps2))
        ttlc_right_s = time_to_reach_s(right_m, -lateral_mps, _certain(-lateral_mps2, doubt_mps2))
        sides: list[tuple[float, float | None, float]] = []  # margin, time to crossing, speed towards it
        if speed_mps >= parameters.warning_least_speed_mps:
            if not driver.intends(Side.LEFT):
                sides.append((left_m, ttlc_left_s, lateral_mps))
            if not driver.intends(Side.RIGHT):
                sides.append((right_m, ttlc_right_s, -lateral_mps))
        is_departing = any(margin_m <= self._least_margin_m for margin_m, _, _ in sides)
        doubt_m = 2 * lane.offset_sigma_m
        is_drifting = any(self._is_drift(*side, doubt_m=doubt_m, parameters=parameters) for side in sides)
        self._drifting_s = self._drifting_s + dt_s if is_drifting else 0.0
        if is_departing:
            self._status = DepartureStatus.DEPARTURE
        elif is_drifting and (self._is_warning or self._drifting_s >= parameters.warning_confirm_s):
            self._status = DepartureStatus.DRIFT
        else:
            self._status = DepartureStatus.CENTERED
        return Departure(
            margin_left_m=left_m,
            margin_right_m=right_m,
            ttlc_left_s=ttlc_left_s,
            ttlc_right_s=ttlc_right_s,
            status=self._status,
        )

    @property
    def _is_warning(self) -> bool:
        return self._status is not DepartureStatus.CENTERED

    @property
    def _least_margin_m(self) -> float:
        return BACK_INSIDE_M if self._status is DepartureStatus.DEPARTURE else 0.0

    def _is_drift(
        self,
        margin_m: float,
        ttlc_s: float | None,
        towards_mps: float,
        *,
        doubt_m: float,
        parameters: DecisionParameters,
    ) -> bool:
        """Whether this side is one to warn of, with hysteresis."""
        warned_s, earliest_m = parameters.drift_ttlc_s, earliest_margin_m(towards_mps, parameters.warning_earliest_m)
        if self._is_warning:
            warned_s, earliest_m = warned_s * DRIFT_END_RATIO, earliest_m + BACK_INSIDE_M
            doubt_m += BACK_INSIDE_M
        return margin_m <= earliest_m and (margin_m < doubt_m or (ttlc_s is not None and ttlc_s < warned_s))


def earliest_margin_m(towards_mps: float, slow_m: float) -> float:
    """How far from the line a drift of this speed may be warned of: ISO 17361's earliest warning line."""
    return max(slow_m, min(EARLIEST_MOST_M, EARLIEST_TIME_S * towards_mps))


def _certain(towards_mps2: float, doubt_mps2: float) -> float:
    """The acceleration towards a line that is beyond doubt; one away from it as it is."""
    return towards_mps2 if towards_mps2 <= 0 else max(0.0, towards_mps2 - doubt_mps2)


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
