"""Longitudinal control: how fast, and the pedals for it.

Target: the set speed, less where a bend ahead needs it (v = sqrt(a / |curvature|), reached by comfortable braking),
less while the lane is uncertain or seen with interruptions. Acceleration follows the speed error within comfort and
jerk limits. The pedals are one signed demand, so throttle and brake exclude each other; an integral learns drag,
hills and the car's response. The lower rungs of the ladder brake instead, and in standby and manual nobody drives.
"""

import math

from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.decision.state_machine import ENGAGED
from lkas.integration.shared_memory.messages import ControlMode

PREVIEW_S = 2.0  # a curvature rate is not trusted further ahead
PREVIEW_POINTS = 5
SURE_OFFSET_SIGMA_M = 0.12  # slower beyond this
SLOWEST_RATIO = 0.5  # of the target, when the offset is known to 0.4 m only
STEADY_SIGHT = 0.9  # slower below this share of the time ...
BLINDEST_RATIO = 0.5  # ... down to this share of the target when there is no sight at all
STANDSTILL_MPS = 0.3
HOLDING_BRAKE = 0.3  # enough for any road
INTEGRAL_LIMIT_MPS2 = 1.5
BRAKE_DEADBAND_MPS2 = 0.15  # a small negative demand is left to drag: pedals do not flutter
STOPPING_JERK_RATIO = 2.0  # a stop that is asked for begins faster than comfort does


def target_speed_mps(lane: LaneState, steadiness: float, parameters: DecisionParameters) -> float:
    """The speed this lane allows now. `steadiness` is the share of the time in which it was seen lately (sight.py)."""
    set_mps = parameters.set_speed_mps
    target_mps = set_mps
    for point in range(PREVIEW_POINTS):
        ahead_m = PREVIEW_S * set_mps * point / (PREVIEW_POINTS - 1)
        curvature_radpm = abs(lane.curvature_radpm + lane.curvature_rate_radpm2 * ahead_m)
        bend_mps2 = parameters.curve_lateral_acceleration_mps2 / max(curvature_radpm, 1e-6)
        target_mps = min(target_mps, math.sqrt(bend_mps2 + 2 * parameters.deceleration_mps2 * ahead_m))
    doubt = (lane.offset_sigma_m - SURE_OFFSET_SIGMA_M) / (0.4 - SURE_OFFSET_SIGMA_M)
    sure_ratio = 1 - (1 - SLOWEST_RATIO) * min(1.0, max(0.0, doubt))
    seen_ratio = BLINDEST_RATIO + (1 - BLINDEST_RATIO) * min(1.0, steadiness / STEADY_SIGHT)
    return target_mps * min(sure_ratio, seen_ratio)


class SpeedController:
    """From a target speed or a deceleration to throttle and brake."""

    def __init__(self, parameters: DecisionParameters) -> None:
        self.parameters = parameters
        self.reset(0.0)

    def reset(self, acceleration_mps2: float) -> None:
        """Begin with this acceleration, the one in force."""
        self._acceleration_mps2 = acceleration_mps2
        self._integral_mps2 = 0.0

    def restore(self, throttle: float, brake: float) -> None:
        """Begin with these pedals, the last ones sent."""
        self.reset(throttle * self.parameters.full_throttle_mps2 - brake * self.parameters.full_brake_mps2)

    def pedals(
        self, mode: ControlMode, lane: LaneState | None, steadiness: float, speed_mps: float | None, dt_s: float
    ) -> tuple[float, float]:
        """Throttle and brake of this mode: towards the lane's speed, coasting, stopping, or hands off."""
        p, known_mps = self.parameters, speed_mps or 0.0
        if mode in ENGAGED:
            allowed_mps = min(p.set_speed_mps, known_mps) if lane is None else target_speed_mps(lane, steadiness, p)
            return self.follow(allowed_mps, known_mps, dt_s)
        if mode is ControlMode.DEGRADED:
            return self.brake(p.degraded_deceleration_mps2, known_mps, dt_s)
        if mode is ControlMode.MINIMUM_RISK:
            return self.brake(p.minimum_risk_deceleration_mps2, known_mps, dt_s)
        self.reset(0.0)
        is_standing = speed_mps is not None and speed_mps < STANDSTILL_MPS
        is_ours = p.enabled and mode is not ControlMode.MANUAL
        return self.hold() if is_ours and is_standing else (0.0, 0.0)

    def follow(self, target_mps: float, speed_mps: float, dt_s: float) -> tuple[float, float]:
        """Throttle and brake towards a target speed."""
        p = self.parameters
        error_mps = target_mps - speed_mps
        wanted_mps2 = min(p.acceleration_mps2, max(-p.deceleration_mps2, p.speed_gain_per_s * error_mps))
        self._slew(wanted_mps2, p.longitudinal_jerk_mps3, dt_s)
        if target_mps < STANDSTILL_MPS and speed_mps < STANDSTILL_MPS:
            return self.hold()
        if abs(error_mps) < 2.0 and speed_mps > STANDSTILL_MPS:
            integral_mps2 = self._integral_mps2 + p.speed_integral_per_s2 * error_mps * dt_s
            self._integral_mps2 = min(INTEGRAL_LIMIT_MPS2, max(-INTEGRAL_LIMIT_MPS2, integral_mps2))
        return self._shared(self._acceleration_mps2 + self._integral_mps2)

    def brake(self, deceleration_mps2: float, speed_mps: float, dt_s: float) -> tuple[float, float]:
        """Throttle (always 0) and brake for a deceleration down to standstill, and holding there."""
        if speed_mps < STANDSTILL_MPS:
            return self.hold()
        self._acceleration_mps2 = min(0.0, self._acceleration_mps2)
        self._slew(-deceleration_mps2, STOPPING_JERK_RATIO * self.parameters.longitudinal_jerk_mps3, dt_s)
        return 0.0, min(1.0, -self._acceleration_mps2 / self.parameters.full_brake_mps2)

    def hold(self) -> tuple[float, float]:
        """Standing still."""
        self.reset(0.0)
        return 0.0, HOLDING_BRAKE

    def _slew(self, wanted_mps2: float, jerk_mps3: float, dt_s: float) -> None:
        change_mps2 = wanted_mps2 - self._acceleration_mps2
        self._acceleration_mps2 += min(jerk_mps3 * dt_s, max(-jerk_mps3 * dt_s, change_mps2))

    def _shared(self, demand_mps2: float) -> tuple[float, float]:
        """One signed demand, shared out to throttle and brake."""
        if demand_mps2 >= 0:
            return min(1.0, demand_mps2 / self.parameters.full_throttle_mps2), 0.0
        if demand_mps2 > -BRAKE_DEADBAND_MPS2:
            return 0.0, 0.0
        return 0.0, min(1.0, -demand_mps2 / self.parameters.full_brake_mps2)
