"""Vehicle state as input of the keeper: the newest plausible values, their age, and discontinuities of the world."""

import math
from enum import Enum

from lkas.integration.shared_memory.messages import CameraGeometry, VehicleFacts, VehicleState
from lkas.scale import FULL_SIZE, Scale

MAX_FUTURE_S = 0.02  # a state may carry a stamp one tick after the time it is compared with
MAX_AGE_S = 0.1  # an older yaw rate or wheel angle does not describe the present
MAX_SPEED_MPS, MAX_YAW_RATE_RADPS, MAX_WHEEL_RAD = 100.0, 5.0, 1.5  # larger values are not plausible for a car
MAX_JUMP_M = 2.0  # a pose further than this from the reachable ones: the car was repositioned


class Discontinuity(Enum):
    """Why the lane estimate does not describe the present; the value is the reason in event texts."""

    NONE = ""
    PAUSE = "the simulation paused"  # time advanced without states; the estimate before the pause is still valid
    NEW_SESSION = "a new simulation session started"
    TIME = "simulation time went backwards"
    POSITION = "the vehicle was moved to another place"


class VehicleInput:
    """Keeps the newest plausible vehicle state. Values that are not finite or implausibly large count as unknown."""

    def __init__(self, scale: Scale = FULL_SIZE) -> None:
        """`scale` is the car's."""
        self.set_scale(scale)
        self.session: int | None = None
        self._state: VehicleState | None = None
        self._now_s: float | None = None
        self._speed: tuple[float, float] | None = None  # (m/s, world time)
        self.max_steer_rad: float | None = None

    def set_scale(self, scale: Scale) -> None:
        """Judge jumps of a car of this scale."""
        self._scale = scale

    def restore(self, session: int) -> None:
        """Continue in the session of a predecessor."""
        self.session = session

    def update(self, now_s: float, state: VehicleState | None) -> tuple[float, Discontinuity]:
        """Take the newest state, None if there is none. Returns the elapsed world time and any discontinuity."""
        elapsed_s = 0.0 if self._now_s is None else now_s - self._now_s
        found = Discontinuity.NONE
        if state is not None and self.session is not None and state.session != self.session:
            found = Discontinuity.NEW_SESSION
        elif elapsed_s < 0:
            found = Discontinuity.PAUSE if self._continues(now_s, state) else Discontinuity.TIME
        if found in (Discontinuity.NEW_SESSION, Discontinuity.TIME):
            self._state = self._speed = self.max_steer_rad = None
        self._now_s = now_s
        if state is not None:
            self.session = state.session
            if math.isfinite(state.timestamp) and state.timestamp <= now_s + MAX_FUTURE_S:
                if found in (Discontinuity.NONE, Discontinuity.PAUSE) and self._has_jumped(state):
                    found = Discontinuity.POSITION
                self._state = state
                if state.max_steer_rad is None or math.isfinite(state.max_steer_rad):
                    self.max_steer_rad = state.max_steer_rad
                speed_mps = _plausible(state.speed_mps, MAX_SPEED_MPS)
                if speed_mps is not None:
                    self._speed = (max(0.0, speed_mps), state.timestamp)
        return (max(0.0, elapsed_s) if found in (Discontinuity.NONE, Discontinuity.POSITION) else 0.0), found

    @property
    def is_fresh(self) -> bool:
        """Whether the newest state is at most `MAX_AGE_S`, or two ticks, old."""
        return self._state is not None and (self.age_s or 0.0) <= max(MAX_AGE_S, 2 * self._state.tick_s)

    @property
    def age_s(self) -> float | None:
        """World time since the newest state, or None before the first."""
        return None if self._state is None or self._now_s is None else max(0.0, self._now_s - self._state.timestamp)

    @property
    def speed_mps(self) -> float | None:
        """The last known speed, however old, or None before the first."""
        return None if self._speed is None else self._speed[0]

    @property
    def speed_age_s(self) -> float:
        """World time since the last known speed; infinite before the first."""
        return math.inf if self._speed is None or self._now_s is None else max(0.0, self._now_s - self._speed[1])

    @property
    def yaw_rate_radps(self) -> float | None:
        """The measured yaw rate, or None when unknown or old."""
        if self._state is None or not self.is_fresh:
            return None
        return _plausible(self._state.yaw_rate_radps, MAX_YAW_RATE_RADPS)

    @property
    def wheel_rad(self) -> float | None:
        """The measured road-wheel angle, or None when unknown or old."""
        if self._state is None or not self.is_fresh:
            return None
        return _plausible(self._state.steering_angle_rad, MAX_WHEEL_RAD)

    @property
    def camera(self) -> CameraGeometry | None:
        """The camera geometry that the world reports, or None."""
        return self._state.camera if self._state is not None else None

    @property
    def facts(self) -> VehicleFacts | None:
        """What the world reports of its car, or None."""
        return self._state.vehicle if self._state is not None else None

    def _continues(self, now_s: float, state: VehicleState | None) -> bool:
        """Whether the world continues after its last state, although the clock had advanced further."""
        return state is not None and self._state is not None and self._state.timestamp < state.timestamp <= now_s

    def _has_jumped(self, state: VehicleState) -> bool:
        before = self._state
        if before is None or before.pose is None or state.pose is None:
            return False
        moved_m = math.hypot(state.pose.x_m - before.pose.x_m, state.pose.y_m - before.pose.y_m)
        speed_mps = max(
            _plausible(before.speed_mps, MAX_SPEED_MPS) or 0.0, _plausible(state.speed_mps, MAX_SPEED_MPS) or 0.0
        )
        return moved_m > MAX_JUMP_M * self._scale.length + 1.5 * speed_mps * max(
            0.0, state.timestamp - before.timestamp
        )


def _plausible(value: float | None, limit: float) -> float | None:
    """The value, or None when it is not finite or outside +-limit."""
    return value if value is not None and abs(value) <= limit else None
