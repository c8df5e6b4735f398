"""The last stage before the car: no command beyond these limits leaves, whatever the stages before it ask.

It believes no one: speed that is missing or stale counts as the last known one + 3 m/s² x age, one that falls faster
than the brakes that were asked for is not believed, numbers that are not finite are replaced, and every change starts
from the command that was last *sent*. Left is positive.

A held steering angle in a faster car means more lateral acceleration: then the angle is reduced as fast as the jerk
limit allows. Lateral acceleration and jerk are those of the command: v² x the curvature its angle leads to.
"""

import math

from msgspec import Struct

from lkas.decision.bicycle import Bicycle
from lkas.frames import steering_from_left_rad
from lkas.integration.shared_memory.messages import LimiterFlag

MAX_LATERAL_MPS2 = 3.0  # ISO 11270
MAX_LATERAL_JERK_MPS3 = 5.0  # ISO 11270 asks it of the mean over 0.5 s; here at every instant
MAX_STEERING_RATE_RADPS = 0.5  # at the road wheel
UNSEEN_ACCELERATION_MPS2 = 3.0  # how much faster the car may have become, per second of unknown speed
UNASKED_BRAKING_MPS2 = 1.5  # how much faster than it was told to the car may slow down: drag, hills
DOUBT_MPS = 3.0  # a report so far below what is possible is wrong
STALE_SPEED_S = 0.1
NEVER_KNOWN_SPEED_MPS = 40.0
FASTEST_MPS = 100.0  # no car; keeps the formulas finite
STANDSTILL_MPS = 0.1
MAX_STEP_S = 0.05  # a caller that was away does not earn a jump
BEND_BRAKING_MPS2 = 3.0  # ISO 11270: most that lane keeping may brake
BEND_REACTION_S = 0.5


class Wish(Struct, frozen=True, kw_only=True):
    """What decision would like to send."""

    steer_rad: float
    throttle: float
    brake: float
    needed_curvature_radpm: float = 0.0  # what the bend itself needs, without corrections


class Limited(Struct, frozen=True, kw_only=True):
    """What may be sent."""

    steer_rad: float
    steering: float  # [-1, 1], positive right
    throttle: float
    brake: float
    flags: LimiterFlag


class Limiter:
    """Holds the last sent command and the last known speed."""

    def __init__(self, bicycle: Bicycle, full_brake_mps2: float) -> None:
        self._bicycle = bicycle
        self.full_brake_mps2 = full_brake_mps2
        self._steer_rad = 0.0
        self._brake = 0.0
        self.forget_speed()

    def forget_speed(self) -> None:
        """Another world, or the car was put somewhere else: any speed is possible."""
        self._known_speed_mps: float | None = None
        self._possible_mps = 0.0  # the least that the car may drive, after what was reported and asked for

    def restore(self, steer_rad: float) -> None:
        """Start from a command that somebody else has sent."""
        self._steer_rad = steer_rad if math.isfinite(steer_rad) else 0.0

    @property
    def steer_rad(self) -> float:
        """The last sent angle."""
        return self._steer_rad

    def speed_bound_mps(self, speed_mps: float | None, age_s: float) -> float:
        """The speed to reckon with, given the newest report and its age; never less than is possible."""
        if speed_mps is not None and math.isfinite(speed_mps):
            self._known_speed_mps = abs(speed_mps)
        if self._known_speed_mps is None:
            return NEVER_KNOWN_SPEED_MPS
        gained_mps = UNSEEN_ACCELERATION_MPS2 * max(0.0, age_s) if math.isfinite(age_s) else FASTEST_MPS
        return min(FASTEST_MPS, max(self._possible_mps, self._known_speed_mps + gained_mps))

    @property
    def doubts_speed(self) -> bool:
        """Whether the car reports to be slower than it can be."""
        return self._known_speed_mps is not None and self._known_speed_mps < self._possible_mps - DOUBT_MPS

    def apply(
        self, wish: Wish, dt_s: float, speed_mps: float | None, age_s: float, max_steer_rad: float | None
    ) -> Limited:
        """The nearest command that is allowed. `age_s` is the age of the speed, `dt_s` since the last command."""
        flags = LimiterFlag(0)
        dt_s = max(0.0, dt_s) if math.isfinite(dt_s) else 0.0
        self._possible_mps -= (UNASKED_BRAKING_MPS2 + self._brake * self.full_brake_mps2) * dt_s
        dt_s = min(MAX_STEP_S, dt_s)
        is_stale = speed_mps is None or not math.isfinite(speed_mps) or not age_s <= STALE_SPEED_S
        bound_mps = self.speed_bound_mps(speed_mps, age_s)
        if not is_stale and self._known_speed_mps is not None:
            self._possible_mps = min(FASTEST_MPS, max(self._possible_mps, self._known_speed_mps))
        if is_stale or self.doubts_speed:
            flags |= LimiterFlag.STALE_SPEED
        throttle, brake, pedal_flags = _finite_pedals(wish)
        flags |= pedal_flags

        steer_rad = wish.steer_rad
        if not math.isfinite(steer_rad):
            flags |= LimiterFlag.NOT_FINITE
            steer_rad = self._steer_rad
        if max_steer_rad is None or not math.isfinite(max_steer_rad) or max_steer_rad <= 0:
            self._steer_rad, steering = 0.0, 0.0
            flags |= LimiterFlag.NO_STEERING_RANGE
        else:
            if bound_mps >= STANDSTILL_MPS:
                steer_rad, steer_flags = self._limited_steer_rad(steer_rad, dt_s, bound_mps, max_steer_rad)
                flags |= steer_flags
                self._steer_rad = steer_rad
            steering = steering_from_left_rad(self._steer_rad, max_steer_rad)
            braking_mps2 = self._braking_for_bend_mps2(wish.needed_curvature_radpm, bound_mps, max_steer_rad)
            if braking_mps2 > 0:
                flags |= LimiterFlag.BRAKING_FOR_BEND
                throttle, brake = 0.0, max(brake, min(1.0, braking_mps2 / self.full_brake_mps2))
        self._brake = brake
        return Limited(steer_rad=self._steer_rad, steering=steering, throttle=throttle, brake=brake, flags=flags)

    def _limited_steer_rad(
        self, steer_rad: float, dt_s: float, speed_mps: float, max_steer_rad: float
    ) -> tuple[float, LimiterFlag]:
        """The wished angle within range, lateral acceleration, lateral jerk and steering rate, in this order.

        The changes come last: when they contradict the range, a step is worse than a moment beyond it.
        """
        flags = LimiterFlag(0)
        bicycle, last_rad = self._bicycle, self._steer_rad
        bounded_rad = min(max_steer_rad, max(-max_steer_rad, steer_rad))
        if bounded_rad != steer_rad:
            flags |= LimiterFlag.STEERING_ANGLE
        speed2 = speed_mps * speed_mps
        most_rad = bicycle.steer_rad(MAX_LATERAL_MPS2 / speed2, speed_mps)
        if abs(bounded_rad) > most_rad:
            flags |= LimiterFlag.LATERAL_ACCELERATION
            bounded_rad = math.copysign(most_rad, bounded_rad)

        last_radpm = bicycle.curvature_radpm(last_rad, speed_mps)
        change_radpm = MAX_LATERAL_JERK_MPS3 / speed2 * dt_s
        low_rad = bicycle.steer_rad(last_radpm - change_radpm, speed_mps)
        high_rad = bicycle.steer_rad(last_radpm + change_radpm, speed_mps)
        if not low_rad <= bounded_rad <= high_rad:
            flags |= LimiterFlag.LATERAL_JERK
            bounded_rad = min(high_rad, max(low_rad, bounded_rad))
        turn_rad = MAX_STEERING_RATE_RADPS * dt_s
        if abs(bounded_rad - last_rad) > turn_rad:
            flags |= LimiterFlag.STEERING_RATE
            bounded_rad = last_rad + math.copysign(turn_rad, bounded_rad - last_rad)
        return bounded_rad, flags

    def _braking_for_bend_mps2(self, curvature_radpm: float, speed_mps: float, max_steer_rad: float) -> float:
        """Deceleration towards the speed at which the bend is within the limits; 0 when it is."""
        if not math.isfinite(curvature_radpm) or curvature_radpm == 0.0 or speed_mps < STANDSTILL_MPS:
            return 0.0
        allowed_mps = math.sqrt(MAX_LATERAL_MPS2 / abs(curvature_radpm))
        if abs(self._bicycle.steer_rad(curvature_radpm, speed_mps)) > max_steer_rad:
            allowed_mps = 0.0
        return min(BEND_BRAKING_MPS2, max(0.0, (speed_mps - allowed_mps) / BEND_REACTION_S))


def _finite_pedals(wish: Wish) -> tuple[float, float, LimiterFlag]:
    """Both pedals in [0, 1], the brake first; a pedal that is no number counts as not pressed."""
    is_finite = math.isfinite(wish.throttle) and math.isfinite(wish.brake)
    throttle = min(1.0, max(0.0, wish.throttle)) if math.isfinite(wish.throttle) else 0.0
    brake = min(1.0, max(0.0, wish.brake)) if math.isfinite(wish.brake) else 0.0
    if brake > 0 or not is_finite:
        throttle = 0.0
    return throttle, brake, LimiterFlag(0) if is_finite else LimiterFlag.NOT_FINITE
