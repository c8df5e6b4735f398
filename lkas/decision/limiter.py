"""The limiter: the last stage before the car. No command beyond these limits is sent, whatever was requested.

It relies on no other stage: a missing or stale speed counts as the last known one + 3 m/s² x age, a speed that falls
faster than the commanded brakes allow is not accepted, values that are not finite are replaced, and each change starts
from the command that was last *sent*. Left is positive.

A held steering angle means more lateral acceleration when the car becomes faster: the angle is then reduced as fast as
the jerk limit allows. Lateral acceleration and jerk are those of the command: v² x the curvature of its angle.
"""

import math

from msgspec import Struct

from lkas.decision.bicycle import Bicycle
from lkas.decision.parameters import DecisionParameters
from lkas.frames import steering_from_left_rad
from lkas.integration.shared_memory.messages import LimiterFlag

MAX_LATERAL_MPS2 = 3.0  # ISO 11270
MAX_LATERAL_JERK_MPS3 = 5.0  # ISO 11270 requires it of the mean over 0.5 s; here at every instant
MAX_STEERING_RATE_RADPS = 0.5  # at the road wheel
UNKNOWN_ACCELERATION_MPS2 = 3.0  # by which the car may have accelerated while its speed is unknown
UNCOMMANDED_BRAKING_MPS2 = 1.5  # by which the car may decelerate beyond the commanded brakes: drag, hills
MAX_SPEED_ERROR_MPS = 3.0  # a speed this far below the plausible ones is wrong
MAX_SPEED_AGE_S = 0.1
INITIAL_SPEED_MPS = 40.0  # assumed before any speed is known
MAX_SPEED_MPS = 100.0  # faster than any car; keeps the formulas finite
STANDSTILL_MPS = 0.1
MAX_STEP_S = 0.05  # a longer pause between two commands allows no larger change
MAX_BEND_BRAKING_MPS2 = 3.0  # ISO 11270: the most that lane keeping may brake
BEND_BRAKING_TIME_S = 0.5  # in which a speed too high for the bend is to be reduced


class ControlRequest(Struct, frozen=True, kw_only=True):
    """The command that decision requests."""

    steer_rad: float
    throttle: float
    brake: float
    needed_curvature_radpm: float = 0.0  # of the bend itself, without corrections


class ControlOutput(Struct, frozen=True, kw_only=True):
    """The command that may be sent."""

    steer_rad: float
    steering: float  # [-1, 1], positive right
    throttle: float
    brake: float
    flags: LimiterFlag


class Limiter:
    """Holds the command sent last and the speed known last."""

    def __init__(self, bicycle: Bicycle, parameters: DecisionParameters) -> None:
        self._bicycle = bicycle
        self._steer_rad = 0.0
        self._brake = 0.0
        self.configure(parameters)
        self.reset_speed()

    def configure(self, parameters: DecisionParameters) -> None:
        """Use the `full_brake_mps2` of these parameters from the next command on."""
        self._full_brake_mps2 = parameters.full_brake_mps2

    def reset_speed(self) -> None:
        """Accept any speed: a new session started, or the car was moved."""
        self._known_speed_mps: float | None = None
        self._min_plausible_mps = 0.0  # the car cannot be slower, after what was reported and commanded

    def restore(self, steer_rad: float) -> None:
        """Start from a command that a predecessor has sent."""
        self._steer_rad = steer_rad if math.isfinite(steer_rad) else 0.0

    @property
    def steer_rad(self) -> float:
        """The angle sent last."""
        return self._steer_rad

    def speed_bound_mps(self, speed_mps: float | None, age_s: float) -> float:
        """Return an upper bound of the speed from the newest report and its age; never below the plausible speeds."""
        if speed_mps is not None and math.isfinite(speed_mps):
            self._known_speed_mps = abs(speed_mps)
        if self._known_speed_mps is None:
            return INITIAL_SPEED_MPS * self._bicycle.scale.speed
        gained_mps = UNKNOWN_ACCELERATION_MPS2 * max(0.0, age_s) if math.isfinite(age_s) else MAX_SPEED_MPS
        return min(MAX_SPEED_MPS, max(self._min_plausible_mps, self._known_speed_mps + gained_mps))

    @property
    def is_speed_implausible(self) -> bool:
        """Whether the car reports a speed below what it can have."""
        if self._known_speed_mps is None:
            return False
        return self._known_speed_mps < self._min_plausible_mps - MAX_SPEED_ERROR_MPS * self._bicycle.scale.speed

    def apply(
        self, request: ControlRequest, dt_s: float, speed_mps: float | None, age_s: float, max_steer_rad: float | None
    ) -> ControlOutput:
        """Return the nearest allowed command. `age_s` is the age of the speed, `dt_s` the time since the last call."""
        flags = LimiterFlag(0)
        dt_s = max(0.0, dt_s) if math.isfinite(dt_s) else 0.0
        self._min_plausible_mps -= (UNCOMMANDED_BRAKING_MPS2 + self._brake * self._full_brake_mps2) * dt_s
        dt_s = min(MAX_STEP_S, dt_s)
        is_stale = speed_mps is None or not math.isfinite(speed_mps) or not age_s <= MAX_SPEED_AGE_S
        bound_mps = self.speed_bound_mps(speed_mps, age_s)
        if not is_stale and self._known_speed_mps is not None:
            self._min_plausible_mps = min(MAX_SPEED_MPS, max(self._min_plausible_mps, self._known_speed_mps))
        if is_stale or self.is_speed_implausible:
            flags |= LimiterFlag.STALE_SPEED
        throttle, brake, pedal_flags = _limited_pedals(request)
        flags |= pedal_flags

        steer_rad = request.steer_rad
        if not math.isfinite(steer_rad):
            flags |= LimiterFlag.NOT_FINITE
            steer_rad = self._steer_rad
        if max_steer_rad is None or not math.isfinite(max_steer_rad) or max_steer_rad <= 0:
            self._steer_rad, steering = 0.0, 0.0
            flags |= LimiterFlag.NO_STEERING_RANGE
        else:
            if bound_mps >= STANDSTILL_MPS * self._bicycle.scale.speed:
                steer_rad, steer_flags = self._limited_steer_rad(steer_rad, dt_s, bound_mps, max_steer_rad)
                flags |= steer_flags
                self._steer_rad = steer_rad
            steering = steering_from_left_rad(self._steer_rad, max_steer_rad)
            braking_mps2 = self._braking_for_bend_mps2(request.needed_curvature_radpm, bound_mps, max_steer_rad)
            if braking_mps2 > 0:
                flags |= LimiterFlag.BRAKING_FOR_BEND
                throttle, brake = 0.0, max(brake, min(1.0, braking_mps2 / self._full_brake_mps2))
        self._brake = brake
        return ControlOutput(steer_rad=self._steer_rad, steering=steering, throttle=throttle, brake=brake, flags=flags)

    def _limited_steer_rad(
        self, steer_rad: float, dt_s: float, speed_mps: float, max_steer_rad: float
    ) -> tuple[float, LimiterFlag]:
        """The requested angle limited in range, lateral acceleration, lateral jerk and steering rate, in this order.

        The limits of change come last: where they contradict the range, the angle stays beyond it for some steps
        rather than jump.
        """
        flags = LimiterFlag(0)
        bicycle, last_rad = self._bicycle, self._steer_rad
        limited_rad = min(max_steer_rad, max(-max_steer_rad, steer_rad))
        if limited_rad != steer_rad:
            flags |= LimiterFlag.STEERING_ANGLE
        speed2, time = speed_mps * speed_mps, bicycle.scale.time
        max_rad = bicycle.steer_rad(MAX_LATERAL_MPS2 / speed2, speed_mps)
        if abs(limited_rad) > max_rad:
            flags |= LimiterFlag.LATERAL_ACCELERATION
            limited_rad = math.copysign(max_rad, limited_rad)

        last_radpm = bicycle.curvature_radpm(last_rad, speed_mps)
        change_radpm = MAX_LATERAL_JERK_MPS3 / time / speed2 * dt_s
        low_rad = bicycle.steer_rad(last_radpm - change_radpm, speed_mps)
        high_rad = bicycle.steer_rad(last_radpm + change_radpm, speed_mps)
        if not low_rad <= limited_rad <= high_rad:
            flags |= LimiterFlag.LATERAL_JERK
            limited_rad = min(high_rad, max(low_rad, limited_rad))
        turn_rad = MAX_STEERING_RATE_RADPS / time * dt_s
        if abs(limited_rad - last_rad) > turn_rad:
            flags |= LimiterFlag.STEERING_RATE
            limited_rad = last_rad + math.copysign(turn_rad, limited_rad - last_rad)
        return limited_rad, flags

    def _braking_for_bend_mps2(self, curvature_radpm: float, speed_mps: float, max_steer_rad: float) -> float:
        """The deceleration towards the speed at which the bend is within the limits; 0 when it is already."""
        if (
            not math.isfinite(curvature_radpm)
            or curvature_radpm == 0.0
            or speed_mps < STANDSTILL_MPS * self._bicycle.scale.speed
        ):
            return 0.0
        allowed_mps = math.sqrt(MAX_LATERAL_MPS2 / abs(curvature_radpm))
        if abs(self._bicycle.steer_rad(curvature_radpm, speed_mps)) > max_steer_rad:
            allowed_mps = 0.0
        return min(
            MAX_BEND_BRAKING_MPS2,
            max(0.0, (speed_mps - allowed_mps) / (BEND_BRAKING_TIME_S * self._bicycle.scale.time)),
        )


def _limited_pedals(request: ControlRequest) -> tuple[float, float, LimiterFlag]:
    """Both pedals in [0, 1]. The brake overrides the throttle; a pedal that is not finite counts as released."""
    is_finite = math.isfinite(request.throttle) and math.isfinite(request.brake)
    throttle = min(1.0, max(0.0, request.throttle)) if math.isfinite(request.throttle) else 0.0
    brake = min(1.0, max(0.0, request.brake)) if math.isfinite(request.brake) else 0.0
    if brake > 0 or not is_finite:
        throttle = 0.0
    return throttle, brake, LimiterFlag(0) if is_finite else LimiterFlag.NOT_FINITE
