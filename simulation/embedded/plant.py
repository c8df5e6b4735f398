"""The car that is driven: a single-track model with tyres that saturate, a steering that takes its time, and inertia.

It is not the controller's own model. Signs are ISO 8855: x forward, y left, angles counter-clockwise, steering angles
at the road wheel. States are integrated with Runge-Kutta 4 at `STEP_S`; at low speed, where slip angles mean nothing,
yaw rate and side slip follow the kinematic single-track model, with a gradual change in between.
"""

import math
from collections import deque
from collections.abc import Callable

from msgspec import Struct

STEP_S = 0.005
GRAVITY_MPS2 = 9.81
KINEMATIC_BELOW_MPS, DYNAMIC_ABOVE_MPS = 2.0, 4.0
KINEMATIC_LAG_S = 0.05  # how fast yaw rate and side slip follow the kinematic model


class CarParameters(Struct, frozen=True, kw_only=True):
    """A mid-size car."""

    mass_kg: float = 1550.0
    yaw_inertia_kgm2: float = 2400.0
    cg_to_front_m: float = 1.25
    cg_to_rear_m: float = 1.45
    front_cornering_n_per_rad: float = 105e3  # of the axle
    rear_cornering_n_per_rad: float = 125e3
    friction: float = 0.95
    steering_dead_time_s: float = 0.06
    steering_lag_s: float = 0.12
    steering_rate_radps: float = 0.6  # at the road wheel
    drive_mps2: float = 3.5  # of throttle 1, up to the power limit
    power_w: float = 95e3
    brake_mps2: float = 8.0  # of brake 1
    pedal_lag_s: float = 0.12
    rolling_mps2: float = 0.12
    drag_per_m: float = 0.00027  # air drag: deceleration per speed squared

    @property
    def wheelbase_m(self) -> float:
        return self.cg_to_front_m + self.cg_to_rear_m

    @property
    def understeer_s2pm(self) -> float:
        """Steering angle beyond L/R per lateral acceleration, over the wheelbase: yaw rate = v δ / (L + K v²)."""
        front_share = self.cg_to_rear_m / self.front_cornering_n_per_rad
        rear_share = self.cg_to_front_m / self.rear_cornering_n_per_rad
        return self.mass_kg / self.wheelbase_m * (front_share - rear_share)


class Command(Struct, frozen=True):
    """What the actuators are told."""

    steer_rad: float = 0.0  # left positive
    throttle: float = 0.0
    brake: float = 0.0


class CarState(Struct):
    """Motion of the centre of gravity."""

    x_m: float = 0.0
    y_m: float = 0.0
    yaw_rad: float = 0.0
    speed_mps: float = 0.0  # along the car
    side_speed_mps: float = 0.0
    yaw_rate_radps: float = 0.0
    steer_rad: float = 0.0
    acceleration_mps2: float = 0.0  # along the car
    lateral_acceleration_mps2: float = 0.0


_Motion = tuple[float, ...]  # x, y, yaw, speed, side speed, yaw rate


class Car:
    """One car. `step` advances it by a whole number of `STEP_S`."""

    def __init__(self, parameters: CarParameters, max_steer_rad: float) -> None:
        self.parameters = parameters
        self.max_steer_rad = max_steer_rad
        self.place(0.0, 0.0, 0.0, 0.0)

    def place(self, x_m: float, y_m: float, yaw_rad: float, speed_mps: float) -> None:
        """Put the car down, rolling straight at `speed_mps`, with everything at rest otherwise."""
        self.state = CarState(x_m=x_m, y_m=y_m, yaw_rad=yaw_rad, speed_mps=speed_mps)
        delay = max(1, round(self.parameters.steering_dead_time_s / STEP_S))
        self._steer_on_the_way: deque[float] = deque([0.0] * delay, maxlen=delay)
        self._pedal_mps2 = 0.0

    def steer_for_curvature(self, curvature_radpm: float, speed_mps: float) -> float:
        """Steering angle that holds a curvature, left positive."""
        p = self.parameters
        return curvature_radpm * (p.wheelbase_m + p.understeer_s2pm * speed_mps**2)

    def curvature_of_steer(self, steer_rad: float, speed_mps: float) -> float:
        """The inverse of `steer_for_curvature`."""
        p = self.parameters
        return steer_rad / (p.wheelbase_m + p.understeer_s2pm * speed_mps**2)

    def brake_for(self, deceleration_mps2: float, speed_mps: float) -> float:
        """Brake pedal that, together with drag, slows by that much."""
        return max(0.0, deceleration_mps2 - self._resistance_mps2(speed_mps)) / self.parameters.brake_mps2

    def step(self, command: Command, duration_s: float) -> None:
        for _ in range(round(duration_s / STEP_S)):
            self._step(command)

    def _step(self, command: Command) -> None:
        state = self.state
        self._move_steering(command.steer_rad)
        if self._stands(command):
            state.speed_mps = state.side_speed_mps = state.yaw_rate_radps = 0.0
            state.acceleration_mps2 = state.lateral_acceleration_mps2 = self._pedal_mps2 = 0.0
            return
        before = state.speed_mps, state.side_speed_mps
        drive_mps2 = self._drive_mps2(command)
        motion = (state.x_m, state.y_m, state.yaw_rad, state.speed_mps, state.side_speed_mps, state.yaw_rate_radps)
        motion = _runge_kutta(lambda m: self._rates(m, drive_mps2), motion)
        if motion[3] <= 0.0:
            # It came to a stop within this step; driving backwards is not simulated.
            motion = (*motion[:3], 0.0, 0.0, 0.0)
        state.x_m, state.y_m, state.yaw_rad, state.speed_mps, state.side_speed_mps, state.yaw_rate_radps = motion
        turning = state.yaw_rate_radps
        state.acceleration_mps2 = (state.speed_mps - before[0]) / STEP_S - turning * state.side_speed_mps
        state.lateral_acceleration_mps2 = (state.side_speed_mps - before[1]) / STEP_S + turning * state.speed_mps

    def _stands(self, command: Command) -> bool:
        p = self.parameters
        return self.state.speed_mps <= 0.0 and command.throttle * p.drive_mps2 <= command.brake * p.brake_mps2

    def _move_steering(self, wanted_rad: float) -> None:
        """Dead time, then a first-order lag whose rate is limited."""
        p, state = self.parameters, self.state
        arrived_rad = self._steer_on_the_way[0]
        self._steer_on_the_way.append(min(self.max_steer_rad, max(-self.max_steer_rad, wanted_rad)))
        change = (arrived_rad - state.steer_rad) * (1 - math.exp(-STEP_S / p.steering_lag_s))
        limit = p.steering_rate_radps * STEP_S
        state.steer_rad += min(limit, max(-limit, change))

    def _drive_mps2(self, command: Command) -> float:
        """Longitudinal acceleration of engine and brakes, which build up with a lag."""
        p = self.parameters
        throttle, brake = min(1.0, max(0.0, command.throttle)), min(1.0, max(0.0, command.brake))
        strongest = min(p.drive_mps2, p.power_w / p.mass_kg / max(self.state.speed_mps, 1.0))
        wanted = throttle * strongest - brake * p.brake_mps2
        self._pedal_mps2 += (wanted - self._pedal_mps2) * (1 - math.exp(-STEP_S / p.pedal_lag_s))
        return self._pedal_mps2

    def _resistance_mps2(self, speed_mps: float) -> float:
        p = self.parameters
        return p.rolling_mps2 * min(1.0, speed_mps / 0.2) + p.drag_per_m * speed_mps**2

    def _rates(self, motion: _Motion, drive_mps2: float) -> _Motion:
        """Time derivative of the motion."""
        p, steer = self.parameters, self.state.steer_rad
        _, _, yaw, speed, side, yaw_rate = motion
        cos, sin, cos_steer = math.cos(yaw), math.sin(yaw), math.cos(steer)
        forward = max(speed, 1.0)
        front_n = self._tyre_n(
            steer - math.atan2(side + p.cg_to_front_m * yaw_rate, forward), p.front_cornering_n_per_rad, p.cg_to_rear_m
        )
        rear_n = self._tyre_n(
            -math.atan2(side - p.cg_to_rear_m * yaw_rate, forward), p.rear_cornering_n_per_rad, p.cg_to_front_m
        )
        lateral_mps2 = (front_n * cos_steer + rear_n) / p.mass_kg
        yaw_mps2 = (p.cg_to_front_m * front_n * cos_steer - p.cg_to_rear_m * rear_n) / p.yaw_inertia_kgm2
        side_rate = lateral_mps2 - yaw_rate * speed
        dynamic = min(1.0, max(0.0, (speed - KINEMATIC_BELOW_MPS) / (DYNAMIC_ABOVE_MPS - KINEMATIC_BELOW_MPS)))
        if dynamic < 1.0:
            kinematic_yaw_rate = speed * math.tan(steer) / p.wheelbase_m
            slow_yaw = (kinematic_yaw_rate - yaw_rate) / KINEMATIC_LAG_S
            slow_side = (kinematic_yaw_rate * p.cg_to_rear_m - side) / KINEMATIC_LAG_S
            yaw_mps2 += (1 - dynamic) * (slow_yaw - yaw_mps2)
            side_rate += (1 - dynamic) * (slow_side - side_rate)
        speed_rate = drive_mps2 - self._resistance_mps2(speed) - front_n * math.sin(steer) / p.mass_kg * dynamic
        speed_rate += yaw_rate * side * dynamic
        return speed * cos - side * sin, speed * sin + side * cos, yaw_rate, speed_rate, side_rate, yaw_mps2

    def _tyre_n(self, slip_rad: float, cornering_n_per_rad: float, other_arm_m: float) -> float:
        """Lateral force of an axle: linear for small slip, never more than friction times its load."""
        p = self.parameters
        grip_n = p.friction * p.mass_kg * GRAVITY_MPS2 * other_arm_m / p.wheelbase_m
        return grip_n * math.tanh(cornering_n_per_rad * slip_rad / grip_n)


def _runge_kutta(rates: Callable[[_Motion], _Motion], motion: _Motion) -> _Motion:
    """One step of Runge-Kutta 4."""

    def along(slope: _Motion, step_s: float) -> _Motion:
        return tuple(value + step_s * rate for value, rate in zip(motion, slope, strict=True))

    k1 = rates(motion)
    k2 = rates(along(k1, STEP_S / 2))
    k3 = rates(along(k2, STEP_S / 2))
    k4 = rates(along(k3, STEP_S))
    return tuple(
        value + STEP_S / 6 * (a + 2 * b + 2 * c + d) for value, a, b, c, d in zip(motion, k1, k2, k3, k4, strict=True)
    )
