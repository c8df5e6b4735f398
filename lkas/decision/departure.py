"""Departure warning: time to line crossing (TTLC) and warnings, from the filtered lane state.

The car is predicted with constant lateral speed and yaw rate relative to the lane: with d the offset, d' = v heading +
slip and d'' = v (r - v curvature), a wheel reaches the left line at the smallest t > 0 with d' t + d'' t²/2 = margin.
Where d'' points towards the line, only the part beyond two sigma of v² curvature counts: extrapolated over one and a
half seconds, the error of the curvature and the oscillations of a car that keeps its lane would cause most warnings.

Zones follow ISO 17361: no warning while the wheel is further from the line than `_earliest_margin_m`, which grows with
the lateral speed, and none later than 0.3 m beyond the line. Within the zone a drift is reported when the TTLC is
short, or the line is within two sigma of the wheel, for a confirmation time; a departure when a wheel is on the line.
There is no warning for a line that the driver indicates to cross, nor at low speed.
"""

import math

from msgspec import Struct

from lkas.decision.bicycle import Bicycle
from lkas.decision.driver_input import DriverInput, IndicatorSide
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import DepartureStatus

HORIZON_S = 5.0
HALF_LINE_M = 0.06  # from the centre of a line to its edge
CERTAIN_SIGMAS = 2.0
DEPARTURE_END_MARGIN_M = 0.05  # a departure ends when the wheel is this far inside
DRIFT_END_RATIO = 1.4  # a drift ends when the TTLC is longer than its threshold by this factor
EARLIEST_TIME_S = 1.5  # ISO 17361: the earliest warning line for drifts above 0.5 m/s, ...
MAX_EARLIEST_MARGIN_M = 1.5  # ... and above 1 m/s


class Departure(Struct, frozen=True, kw_only=True):
    """Margins from the tyres' outer edges to the lines' inner edges, times to line crossing and the status."""

    margin_left_m: float
    margin_right_m: float
    ttlc_left_s: float | None  # None: not within the horizon
    ttlc_right_s: float | None
    status: DepartureStatus

    @property
    def description(self) -> str:
        """The status with the nearer line and the distance to it, for event texts."""
        is_left = self.margin_left_m < self.margin_right_m
        side, margin_m = ("left", self.margin_left_m) if is_left else ("right", self.margin_right_m)
        return f"{self.status} to the {side}, {margin_m:.2f} m to the line"


class DepartureWarning:
    """Evaluates each lane state; keeps the last status for the hysteresis."""

    def __init__(self, width_m: float, bicycle: Bicycle, parameters: DecisionParameters) -> None:
        """`width_m` is the width of the car."""
        self.set_width(width_m)
        self._bicycle = bicycle
        self.configure(parameters)
        self.reset()

    def configure(self, parameters: DecisionParameters) -> None:
        """Use these parameters from now on."""
        self._parameters = parameters

    def set_width(self, width_m: float) -> None:
        """Use this width of the car from now on."""
        self._half_width_m = width_m / 2

    def reset(self) -> None:
        """Return to `centered`."""
        self._status = DepartureStatus.CENTERED
        self._drifting_s = 0.0

    @property
    def status(self) -> DepartureStatus:
        """The last status."""
        return self._status

    def margins_m(self, lane: LaneState) -> tuple[float, float]:
        """Return the left and right margins from the tyre's outer to the line's inner edge; negative: beyond it."""
        centred_m = lane.width_m / 2 - HALF_LINE_M * self._bicycle.scale.length - self._half_width_m
        return centred_m - lane.offset_m, centred_m + lane.offset_m

    def update(self, lane: LaneState, speed_mps: float, dt_s: float, driver: DriverInput) -> Departure:
        """Evaluate the lane state, `dt_s` after the previous one."""
        left_m, right_m = self.margins_m(lane)
        lateral_mps = speed_mps * lane.heading_rad
        lateral_mps += lane.yaw_rate_radps * self._bicycle.slip_per_curvature_m(speed_mps)
        lateral_mps2 = speed_mps * (lane.yaw_rate_radps - speed_mps * lane.curvature_radpm)
        uncertain_mps2 = CERTAIN_SIGMAS * speed_mps**2 * lane.curvature_sigma_radpm
        ttlc_left_s = time_to_reach_s(left_m, lateral_mps, _certain_mps2(lateral_mps2, uncertain_mps2))
        ttlc_right_s = time_to_reach_s(right_m, -lateral_mps, _certain_mps2(-lateral_mps2, uncertain_mps2))
        sides: list[tuple[float, float | None, float]] = []  # margin, TTLC, speed towards the line
        if speed_mps >= self._parameters.warning_least_speed_mps:
            if not driver.intends_to_cross(IndicatorSide.LEFT):
                sides.append((left_m, ttlc_left_s, lateral_mps))
            if not driver.intends_to_cross(IndicatorSide.RIGHT):
                sides.append((right_m, ttlc_right_s, -lateral_mps))
        is_departing = any(margin_m <= self._departure_margin_m for margin_m, _, _ in sides)
        uncertain_m = 2 * lane.offset_sigma_m
        is_drifting = any(self._is_drift(*side, uncertain_m=uncertain_m) for side in sides)
        self._drifting_s = self._drifting_s + dt_s if is_drifting else 0.0
        if is_departing:
            self._status = DepartureStatus.DEPARTURE
        elif is_drifting and (self._is_warning or self._drifting_s >= self._parameters.warning_confirm_s):
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
    def _end_margin_m(self) -> float:
        return DEPARTURE_END_MARGIN_M * self._bicycle.scale.length

    @property
    def _departure_margin_m(self) -> float:
        """The margin at or below which the status is `departure`, with hysteresis."""
        return self._end_margin_m if self._status is DepartureStatus.DEPARTURE else 0.0

    def _is_drift(self, margin_m: float, ttlc_s: float | None, towards_mps: float, *, uncertain_m: float) -> bool:
        """Whether the car drifts towards this side, with hysteresis."""
        p = self._parameters
        max_ttlc_s, earliest_m = p.drift_ttlc_s, self._earliest_margin_m(towards_mps)
        if self._is_warning:
            max_ttlc_s, earliest_m = max_ttlc_s * DRIFT_END_RATIO, earliest_m + self._end_margin_m
            uncertain_m += self._end_margin_m
        return margin_m <= earliest_m and (margin_m < uncertain_m or (ttlc_s is not None and ttlc_s < max_ttlc_s))

    def _earliest_margin_m(self, towards_mps: float) -> float:
        """The largest margin of a warning at this lateral speed (ISO 17361)."""
        fast_m = min(MAX_EARLIEST_MARGIN_M * self._bicycle.scale.length, EARLIEST_TIME_S * towards_mps)
        return max(self._parameters.warning_earliest_m, fast_m)


def time_to_reach_s(distance_m: float, speed_mps: float, acceleration_mps2: float) -> float | None:
    """Return the smallest t with speed t + acceleration t²/2 = distance; 0 if reached, None beyond the horizon."""
    if distance_m <= 0:
        return 0.0
    if abs(acceleration_mps2) < 1e-6:
        time_s = distance_m / speed_mps if speed_mps > 1e-9 else math.inf
    else:
        root = speed_mps * speed_mps + 2 * acceleration_mps2 * distance_m
        # In this form neither sign of the acceleration loses digits. No real root: the car turns back before the line.
        below = speed_mps + math.sqrt(root) if root >= 0 else 0.0
        time_s = 2 * distance_m / below if below > 1e-9 else math.inf
    return time_s if time_s <= HORIZON_S else None


def _certain_mps2(towards_mps2: float, uncertain_mps2: float) -> float:
    """The part of an acceleration towards a line that is certain; one away from the line is unchanged."""
    return towards_mps2 if towards_mps2 <= 0 else max(0.0, towards_mps2 - uncertain_mps2)
