"""The world as the keeper may believe it: the newest vehicle state, its age, and breaks in time and place."""

import math
from enum import Enum

from lkas.integration.shared_memory.messages import CameraGeometry, VehicleState

FUTURE_S = 0.02  # a state may be published one tick after what it is compared with
FRESH_S = 0.1  # an older yaw rate or wheel angle says nothing about now
MOST_MPS, MOST_YAW_RADPS, MOST_WHEEL_RAD = 100.0, 5.0, 1.5  # figures beyond these are no figures of a car
JUMP_M = 2.0  # a pose this far from where the car can be: it was put there


class Break(Enum):
    """Why what was known about the lane is void, or at least not of now."""

    NONE = ""
    STALL = "the world stood still"  # time was counted on past its last state; what was known then still holds
    WORLD = "another world"
    TIME = "time went back"
    PLACE = "the car was moved"


class VehicleInput:
    """Keeps the newest believable vehicle state; figures that are not finite or absurd count as unknown."""

    def __init__(self) -> None:
        self.session: int | None = None
        self._state: VehicleState | None = None
        self._now_s: float | None = None
        self._speed: tuple[float, float] | None = None  # (m/s, world time)
        self.max_steer_rad: float | None = None

    def take(self, now_s: float, state: VehicleState | None) -> tuple[float, Break]:
        """Take the newest state (None: there is none). Returns the world time passed and what broke, if anything."""
        passed_s = 0.0 if self._now_s is None else now_s - self._now_s
        found = Break.NONE
        if state is not None and self.session is not None and state.session != self.session:
            found = Break.WORLD
        elif passed_s < 0:
            found = Break.STALL if self._goes_on(now_s, state) else Break.TIME
        if found in (Break.WORLD, Break.TIME):
            self._state = self._speed = self.max_steer_rad = None
        self._now_s = now_s
        if state is not None:
            self.session = state.session
            if math.isfinite(state.timestamp) and state.timestamp <= now_s + FUTURE_S:
                if found in (Break.NONE, Break.STALL) and self._has_jumped(state):
                    found = Break.PLACE
                self._state = state
                if state.max_steer_rad is None or math.isfinite(state.max_steer_rad):
                    self.max_steer_rad = state.max_steer_rad
                speed_mps = _within(state.speed_mps, MOST_MPS)
                if speed_mps is not None:
                    self._speed = (max(0.0, speed_mps), state.timestamp)
        return (max(0.0, passed_s) if found in (Break.NONE, Break.PLACE) else 0.0), found

    @property
    def is_fresh(self) -> bool:
        """Whether the newest state is of now."""
        return self._state is not None and (self.age_s or 0.0) <= max(FRESH_S, 2 * self._state.tick_s)

    @property
    def age_s(self) -> float | None:
        """World time since the newest state, or None before the first."""
        return None if self._state is None or self._now_s is None else max(0.0, self._now_s - self._state.timestamp)

    @property
    def speed_mps(self) -> float | None:
        """The last known speed."""
        return None if self._speed is None else self._speed[0]

    @property
    def speed_age_s(self) -> float:
        return math.inf if self._speed is None or self._now_s is None else max(0.0, self._now_s - self._speed[1])

    @property
    def yaw_rate_radps(self) -> float | None:
        return (
            _within(self._state.yaw_rate_radps, MOST_YAW_RADPS) if self._state is not None and self.is_fresh else None
        )

    @property
    def wheel_rad(self) -> float | None:
        return (
            _within(self._state.steering_angle_rad, MOST_WHEEL_RAD)
            if self._state is not None and self.is_fresh
            else None
        )

    @property
    def camera(self) -> CameraGeometry | None:
        return self._state.camera if self._state is not None else None

    def _goes_on(self, now_s: float, state: VehicleState | None) -> bool:
        """Whether the world only goes on after its last state, though time was counted further than this."""
        return state is not None and self._state is not None and self._state.timestamp < state.timestamp <= now_s

    def _has_jumped(self, state: VehicleState) -> bool:
        before = self._state
        if before is None or before.pose is None or state.pose is None:
            return False
        moved_m = math.hypot(state.pose.x_m - before.pose.x_m, state.pose.y_m - before.pose.y_m)
        speed_mps = max(_within(before.speed_mps, MOST_MPS) or 0.0, _within(state.speed_mps, MOST_MPS) or 0.0)
        return moved_m > JUMP_M + 1.5 * speed_mps * max(0.0, state.timestamp - before.timestamp)


def _within(value: float | None, most: float) -> float | None:
    """The value, or None when it is not finite or beyond +-most."""
    return value if value is not None and abs(value) <= most else None
