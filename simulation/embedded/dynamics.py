"""The single-track model: forces of tyres, slope, bank and wind, and the resulting motion.

Signs are ISO 8855: x forward, y left, angles counter-clockwise; steering angles at the road wheel. Axle loads shift
with acceleration and slope. The cornering stiffness grows less than in proportion to the load; the force saturates at
friction times load, and driving and braking forces reduce the grip that is left. At low speed, where slip angles are
undefined, yaw rate and side slip follow the kinematic single-track model, with a gradual transition.

Sources: M. Althoff, CommonRoad vehicle models (single track with load transfer); R. Rajamani, Vehicle Dynamics and
Control, ch. 2 and 13; W.-H. Hucho, Aerodynamics of Road Vehicles, ch. 5 (side force and yawing moment).
"""

import math

from msgspec import Struct, structs

from lkas.scale import FULL_SIZE, Scale

GRAVITY_MPS2 = 9.81
AIR_KGPM3 = 1.2
KINEMATIC_BELOW_MPS, DYNAMIC_ABOVE_MPS = 2.0, 4.0
KINEMATIC_LAG_S = 0.05  # time constant with which yaw rate and side slip follow the kinematic model
MIN_GRIP_RATIO = 0.1  # share of an axle's grip that remains for lateral force under full braking
ROLLING_FROM_MPS = 0.2  # below, rolling resistance fades to 0

# By Froude's similarity: the power of the length scale with which each parameter of a model changes.
LENGTH_POWERS = {
    "mass_kg": 3.0,
    "yaw_inertia_kgm2": 5.0,
    "cg_to_front_m": 1.0,
    "cg_to_rear_m": 1.0,
    "cg_height_m": 1.0,
    "front_cornering_n_per_rad": 3.0,
    "rear_cornering_n_per_rad": 3.0,
    "steering_dead_time_s": 0.5,
    "steering_lag_s": 0.5,
    "steering_rate_radps": -0.5,
    "power_w": 3.5,
    "pedal_lag_s": 0.5,
    "drag_per_m": -1.0,
    "frontal_area_m2": 2.0,
}

Motion = tuple[float, ...]  # x, y, yaw, speed, side speed, yaw rate of the centre of gravity


class CarParameters(Struct, frozen=True, kw_only=True):
    """A mid-size car; `scaled` makes a model of it."""

    mass_kg: float = 1550.0
    yaw_inertia_kgm2: float = 2400.0
    cg_to_front_m: float = 1.25
    cg_to_rear_m: float = 1.45
    cg_height_m: float = 0.55
    front_cornering_n_per_rad: float = 105e3  # of the axle, under its static load on a level road
    rear_cornering_n_per_rad: float = 125e3
    stiffness_load_exponent: float = 0.7  # stiffness over load: 1 is proportional, real tyres are below
    friction: float = 0.95
    steering_dead_time_s: float = 0.06
    steering_lag_s: float = 0.12
    steering_rate_radps: float = 0.6  # at the road wheel
    drive_mps2: float = 3.5  # at throttle 1, up to the power limit
    power_w: float = 95e3
    brake_mps2: float = 8.0  # at brake 1
    pedal_lag_s: float = 0.12
    rolling_mps2: float = 0.12
    drag_per_m: float = 0.00027  # air drag: deceleration per speed squared
    frontal_area_m2: float = 2.2
    side_force_per_rad: float = 2.4  # aerodynamic coefficient per angle of the air flow
    yaw_moment_per_rad: float = 0.5  # about the middle of the wheelbase; turns the car away from the wind

    scale: Scale = FULL_SIZE

    def scaled(self, scale: Scale) -> "CarParameters":
        """Return a model of this car that moves like it, with the same accelerations and the times of its scale."""
        if scale == FULL_SIZE:
            return self
        changes = {name: getattr(self, name) * scale.length**power for name, power in LENGTH_POWERS.items()}
        return structs.replace(self, scale=scale, **changes)

    @property
    def wheelbase_m(self) -> float:
        return self.cg_to_front_m + self.cg_to_rear_m

    @property
    def understeer_s2pm(self) -> float:
        """Understeer gradient K in yaw rate = v δ / (L + K v²), s²/m."""
        front_share = self.cg_to_rear_m / self.front_cornering_n_per_rad
        rear_share = self.cg_to_front_m / self.rear_cornering_n_per_rad
        return self.mass_kg / self.wheelbase_m * (front_share - rear_share)


class ExternalInputs(Struct, frozen=True, kw_only=True):
    """External inputs of the model: gravity in the car's axes, wind, steering offset and grip."""

    gravity_forward_mps2: float = 0.0  # positive downhill
    gravity_left_mps2: float = 0.0  # positive where the left side is lower
    gravity_normal_mps2: float = GRAVITY_MPS2  # into the road
    side_wind_mps: float = 0.0  # across the car, positive blows to the left
    steering_offset_rad: float = 0.0  # added to the angle of the road wheels
    friction_ratio: float = 1.0


CALM = ExternalInputs()


class SingleTrack:
    """Time derivatives of one car's motion."""

    def __init__(self, parameters: CarParameters) -> None:
        p = self._p = parameters
        self._front_share = p.cg_to_rear_m / p.wheelbase_m  # of the weight
        self._rear_share = p.cg_to_front_m / p.wheelbase_m
        self._front_static_mps2 = GRAVITY_MPS2 * self._front_share
        self._rear_static_mps2 = GRAVITY_MPS2 * self._rear_share
        self._front_stiffness = p.front_cornering_n_per_rad / p.mass_kg  # m/s² per rad, under the static load
        self._rear_stiffness = p.rear_cornering_n_per_rad / p.mass_kg
        self._side_force_kgpm = AIR_KGPM3 / 2 * p.frontal_area_m2 * p.side_force_per_rad
        self._kinematic_below_mps = KINEMATIC_BELOW_MPS * p.scale.speed
        self._dynamic_range_mps = (DYNAMIC_ABOVE_MPS - KINEMATIC_BELOW_MPS) * p.scale.speed
        self._kinematic_lag_s = KINEMATIC_LAG_S * p.scale.time
        self._yaw_moment_kg = AIR_KGPM3 / 2 * p.frontal_area_m2 * p.wheelbase_m * p.yaw_moment_per_rad

    def resistance_mps2(self, speed_mps: float) -> float:
        """Deceleration by rolling resistance and air drag."""
        p = self._p
        return p.rolling_mps2 * min(1.0, speed_mps / (ROLLING_FROM_MPS * p.scale.speed)) + p.drag_per_m * speed_mps**2

    def rates(self, motion: Motion, steer_rad: float, pedal_mps2: float, inputs: ExternalInputs) -> Motion:
        """Time derivative of the motion. `pedal_mps2`: requested by engine (positive) or brakes (negative)."""
        p = self._p
        _, _, yaw, speed, side, yaw_rate = motion
        front_m, rear_m, mass_kg = p.cg_to_front_m, p.cg_to_rear_m, p.mass_kg
        steer = steer_rad + inputs.steering_offset_rad
        cos, sin, cos_steer, sin_steer = math.cos(yaw), math.sin(yaw), math.cos(steer), math.sin(steer)
        resistance_mps2 = self.resistance_mps2(speed)

        # Load of each axle per mass, and its longitudinal force.
        shift_mps2 = p.cg_height_m * (pedal_mps2 - resistance_mps2) / p.wheelbase_m
        front_load_mps2 = max(0.0, inputs.gravity_normal_mps2 * self._front_share - shift_mps2)
        rear_load_mps2 = max(0.0, inputs.gravity_normal_mps2 * self._rear_share + shift_mps2)
        friction = p.friction * inputs.friction_ratio
        if pedal_mps2 >= 0.0:  # front-wheel drive
            front_x_mps2, rear_x_mps2 = min(pedal_mps2, friction * front_load_mps2), 0.0
        else:  # brake force is distributed in proportion to the axle loads
            used = max(pedal_mps2 / max(front_load_mps2 + rear_load_mps2, 1e-6), -friction)
            front_x_mps2, rear_x_mps2 = used * front_load_mps2, used * rear_load_mps2

        forward = max(speed, 1.0)
        front_slip_rad = steer - math.atan2(side + front_m * yaw_rate, forward)
        rear_slip_rad = -math.atan2(side - rear_m * yaw_rate, forward)
        exponent = p.stiffness_load_exponent
        front_stiffness = self._front_stiffness * (front_load_mps2 / self._front_static_mps2) ** exponent
        rear_stiffness = self._rear_stiffness * (rear_load_mps2 / self._rear_static_mps2) ** exponent
        front_mps2 = _tyre_mps2(front_stiffness * front_slip_rad, friction * front_load_mps2, front_x_mps2)
        rear_mps2 = _tyre_mps2(rear_stiffness * rear_slip_rad, friction * rear_load_mps2, rear_x_mps2)

        lateral_mps2 = front_mps2 * cos_steer + rear_mps2 + inputs.gravity_left_mps2
        moment = front_m * front_mps2 * cos_steer - rear_m * rear_mps2  # per mass
        yaw_mps2 = moment * mass_kg / p.yaw_inertia_kgm2
        wind_mps = inputs.side_wind_mps
        if wind_mps:
            side_n = self._side_force_kgpm * math.hypot(speed, wind_mps) * wind_mps
            turning_nm = self._yaw_moment_kg * speed * wind_mps + side_n * (front_m - rear_m) / 2
            lateral_mps2 += side_n / mass_kg
            yaw_mps2 += turning_nm / p.yaw_inertia_kgm2
        side_rate = lateral_mps2 - yaw_rate * speed

        dynamic = min(1.0, max(0.0, (speed - self._kinematic_below_mps) / self._dynamic_range_mps))
        if dynamic < 1.0:
            kinematic_yaw_rate = speed * math.tan(steer) / p.wheelbase_m
            slow_yaw = (kinematic_yaw_rate - yaw_rate) / self._kinematic_lag_s
            slow_side = (kinematic_yaw_rate * rear_m - side) / self._kinematic_lag_s
            # The grip limits how fast the side slip of a sliding car can decay.
            turning_mps2, grip_mps2 = yaw_rate * speed, friction * inputs.gravity_normal_mps2
            slow_side = min(grip_mps2, max(-grip_mps2, slow_side + turning_mps2)) - turning_mps2
            yaw_mps2 += (1 - dynamic) * (slow_yaw - yaw_mps2)
            side_rate += (1 - dynamic) * (slow_side - side_rate)
        speed_rate = front_x_mps2 + rear_x_mps2 - resistance_mps2 + inputs.gravity_forward_mps2
        speed_rate += dynamic * (yaw_rate * side - front_mps2 * sin_steer)
        return speed * cos - side * sin, speed * sin + side * cos, yaw_rate, speed_rate, side_rate, yaw_mps2


def integrate(
    track: SingleTrack, motion: Motion, steer_rad: float, pedal_mps2: float, inputs: ExternalInputs, step_s: float
) -> Motion:
    """Advance the motion by one step of Runge-Kutta 4."""

    def after(slope: Motion, time_s: float) -> Motion:
        moved = tuple([value + time_s * rate for value, rate in zip(motion, slope, strict=True)])
        return track.rates(moved, steer_rad, pedal_mps2, inputs)

    k1 = track.rates(motion, steer_rad, pedal_mps2, inputs)
    k2 = after(k1, step_s / 2)
    k3 = after(k2, step_s / 2)
    k4 = after(k3, step_s)
    return tuple(
        [value + step_s / 6 * (a + 2 * b + 2 * c + d) for value, a, b, c, d in zip(motion, k1, k2, k3, k4, strict=True)]
    )


def _tyre_mps2(linear_mps2: float, grip_mps2: float, along_mps2: float) -> float:
    """Lateral force of an axle per mass of the car: `linear_mps2` for small slip, at most the remaining grip."""
    if grip_mps2 <= 0.0:
        return 0.0
    left_mps2 = math.sqrt(max((MIN_GRIP_RATIO * grip_mps2) ** 2, grip_mps2**2 - along_mps2**2))
    return left_mps2 * math.tanh(linear_mps2 / left_mps2)
