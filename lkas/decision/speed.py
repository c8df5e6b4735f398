"""Longitudinal control: the target speed and the pedals to reach it.

The target is the set speed, reduced where a bend ahead requires it (v = sqrt(a / |curvature|), reached by comfortable
braking), while the lane is uncertain, and while its visibility is interrupted. Acceleration follows the speed error
within comfort and jerk limits. Both pedals come from one signed demand, so throttle and brake exclude each other; an
integral compensates drag, hills and the car's response. The fallback modes brake instead; in standby and manual the
pedals are released.
"""

import math

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.decision.state_machine import ENGAGED
from lkas.integration.shared_memory.messages import ControlMode
from lkas.scale import FULL_SIZE, Scale

PREVIEW_S = 2.0  # a curvature rate is not extrapolated further ahead
PREVIEW_POINTS = 5
CERTAIN_OFFSET_SIGMA_M = 0.12  # the target speed falls above this sigma ...
UNCERTAIN_OFFSET_SIGMA_M = 0.4
UNCERTAIN_SPEED_RATIO = 0.5  # ... down to this part of it at UNCERTAIN_OFFSET_SIGMA_M
GOOD_VISIBILITY_RATIO = 0.9  # the target speed falls below this visibility ratio ...
NO_VISIBILITY_SPEED_RATIO = 0.5  # ... down to this part of it without any visibility
STANDSTILL_MPS = 0.3
NEAR_TARGET_MPS = 2.0  # only with a smaller speed error the integral moves
HOLDING_BRAKE = 0.3  # enough on any road
INTEGRAL_LIMIT_MPS2 = 1.5
BRAKE_DEADBAND_MPS2 = 0.15  # drag provides a small negative demand: the pedals do not flutter
STOPPING_JERK_RATIO = 2.0  # of the comfortable jerk: a requested stop starts faster


def target_speed_mps(
    lane: LaneState, visibility_ratio: float, parameters: DecisionParameters, scale: Scale = FULL_SIZE
) -> float:
    """Return the speed that this lane allows now. `visibility_ratio` is in [0, 1] (visibility.py)."""
    set_mps = parameters.set_speed_mps
    target_mps = set_mps
    for point in range(PREVIEW_POINTS):
        ahead_m = PREVIEW_S * scale.time * set_mps * point / (PREVIEW_POINTS - 1)
        curvature_radpm = abs(lane.curvature_radpm + lane.curvature_rate_radpm2 * ahead_m)
        bend_mps2 = parameters.curve_lateral_acceleration_mps2 / max(curvature_radpm, 1e-6)
        target_mps = min(target_mps, math.sqrt(bend_mps2 + 2 * parameters.deceleration_mps2 * ahead_m))
    sigma_range_m = UNCERTAIN_OFFSET_SIGMA_M - CERTAIN_OFFSET_SIGMA_M
    uncertainty = (lane.offset_sigma_m / scale.length - CERTAIN_OFFSET_SIGMA_M) / sigma_range_m
    certainty_ratio = 1 - (1 - UNCERTAIN_SPEED_RATIO) * min(1.0, max(0.0, uncertainty))
    good_ratio = min(1.0, visibility_ratio / GOOD_VISIBILITY_RATIO)
    visible_ratio = NO_VISIBILITY_SPEED_RATIO + (1 - NO_VISIBILITY_SPEED_RATIO) * good_ratio
    return target_mps * min(certainty_ratio, visible_ratio)


class SpeedController:
    """Computes throttle and brake from a target speed or a deceleration."""

    def __init__(self, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._bicycle = bicycle
        self.configure(parameters)
        self.reset(0.0)

    def configure(self, parameters: DecisionParameters) -> None:
        """Use these parameters from the next step on."""
        self._parameters = parameters

    def reset(self, acceleration_mps2: float) -> None:
        """Start from this acceleration, and clear the integral."""
        self._acceleration_mps2 = acceleration_mps2
        self._integral_mps2 = 0.0

    def restore(self, throttle: float, brake: float) -> None:
        """Start from these pedals, the last ones sent."""
        self.reset(throttle * self._parameters.full_throttle_mps2 - brake * self._parameters.full_brake_mps2)

    def pedals(
        self, mode: ControlMode, lane: LaneState | None, visibility_ratio: float, speed_mps: float | None, dt_s: float
    ) -> tuple[float, float]:
        """Return throttle and brake for this mode: follow the lane's speed, coast, stop, or release."""
        p, known_mps = self._parameters, speed_mps or 0.0
        if mode in ENGAGED:
            if lane is None:
                target_mps = min(p.set_speed_mps, known_mps)
            else:
                target_mps = target_speed_mps(lane, visibility_ratio, p, self._bicycle.scale)
            return self.follow(target_mps, known_mps, dt_s)
        if mode is ControlMode.DEGRADED:
            return self.brake(p.degraded_deceleration_mps2, known_mps, dt_s)
        if mode is ControlMode.MINIMUM_RISK:
            return self.brake(p.minimum_risk_deceleration_mps2, known_mps, dt_s)
        self.reset(0.0)
        is_standing = speed_mps is not None and speed_mps < self._standstill_mps
        holds = p.enabled and mode is not ControlMode.MANUAL
        return self.hold() if holds and is_standing else (0.0, 0.0)

    def follow(self, target_mps: float, speed_mps: float, dt_s: float) -> tuple[float, float]:
        """Return throttle and brake towards a target speed."""
        p = self._parameters
        error_mps = target_mps - speed_mps
        demand_mps2 = min(p.acceleration_mps2, max(-p.deceleration_mps2, p.speed_gain_per_s * error_mps))
        self._slew(demand_mps2, p.longitudinal_jerk_mps3, dt_s)
        if target_mps < self._standstill_mps and speed_mps < self._standstill_mps:
            return self.hold()
        if abs(error_mps) < NEAR_TARGET_MPS * self._bicycle.scale.speed and speed_mps > self._standstill_mps:
            integral_mps2 = self._integral_mps2 + p.speed_integral_per_s2 * error_mps * dt_s
            self._integral_mps2 = min(INTEGRAL_LIMIT_MPS2, max(-INTEGRAL_LIMIT_MPS2, integral_mps2))
        return self._pedals_of(self._acceleration_mps2 + self._integral_mps2)

    def brake(self, deceleration_mps2: float, speed_mps: float, dt_s: float) -> tuple[float, float]:
        """Return throttle (always 0) and brake to decelerate to standstill and to hold there."""
        if speed_mps < self._standstill_mps:
            return self.hold()
        self._acceleration_mps2 = min(0.0, self._acceleration_mps2)
        self._slew(-deceleration_mps2, STOPPING_JERK_RATIO * self._parameters.longitudinal_jerk_mps3, dt_s)
        return 0.0, min(1.0, -self._acceleration_mps2 / self._parameters.full_brake_mps2)

    def hold(self) -> tuple[float, float]:
        """Return throttle and brake that hold the car at standstill."""
        self.reset(0.0)
        return 0.0, HOLDING_BRAKE

    @property
    def _standstill_mps(self) -> float:
        return STANDSTILL_MPS * self._bicycle.scale.speed

    def _slew(self, demand_mps2: float, jerk_mps3: float, dt_s: float) -> None:
        """Move the acceleration towards the demand within the jerk limit."""
        change_mps2 = demand_mps2 - self._acceleration_mps2
        self._acceleration_mps2 += min(jerk_mps3 * dt_s, max(-jerk_mps3 * dt_s, change_mps2))

    def _pedals_of(self, demand_mps2: float) -> tuple[float, float]:
        """Throttle or brake for a signed acceleration demand."""
        if demand_mps2 >= 0:
            return min(1.0, demand_mps2 / self._parameters.full_throttle_mps2), 0.0
        if demand_mps2 > -BRAKE_DEADBAND_MPS2:
            return 0.0, 0.0
        return 0.0, min(1.0, -demand_mps2 / self._parameters.full_brake_mps2)
