"""Attitude of the car: slope and bank of the road below it, and pitch and roll of the body on its springs."""

import math

import numpy as np

from lkas.frames import wrap_rad
from lkas.integration.shared_memory.messages import Pose
from lkas.scale import FULL_SIZE, Scale
from simulation.embedded.dynamics import ExternalInputs
from simulation.embedded.plant import CarState
from simulation.opendrive.routes import Route

# A mid-size car: 5 degrees of roll per g, 3 degrees of pitch per g, both at about 1.4 Hz, well damped.
ROLL_RAD_PER_MPS2 = math.radians(5.0) / 9.81
PITCH_RAD_PER_MPS2 = math.radians(3.0) / 9.81
SPRING_RADPS = 2 * math.pi * 1.4
DAMPING_RATIO = 0.5
# Road roughness: standard deviation of the body's pitch and roll, reached at ROUGH_AT_MPS.
ROUGH_RAD, ROUGH_AT_MPS = math.radians(0.06), 20.0


def pose_on_road(route: Route, s_m: float, x_m: float, y_m: float, yaw_rad: float) -> Pose:
    """Pose of a car at (x, y) on the road surface; `s_m` is the position along the route.

    Off the pavement the plane of the road's cross section is extended.
    """
    place = route.place_at(s_m)
    surface = route.road_map.roads[place.road].surface
    if surface.level_m is not None:
        return Pose(x_m=x_m, y_m=y_m, z_m=surface.level_m, yaw_rad=wrap_rad(yaw_rad))
    origin, _, _, up = surface.frame(place.s_m)
    # Height of the plane tangent to the road at (x, y).
    z_m = origin[2] - (up[0] * (x_m - origin[0]) + up[1] * (y_m - origin[1])) / up[2]
    shape_m = surface.profiles.shape_m(np.array([place.s_m]), np.array([place.t_m]))[0]
    # The car's axes: the horizontal yaw direction, tilted into that plane.
    cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
    forward_slope = -(up[0] * cos + up[1] * sin) / up[2]
    left_slope = -(-up[0] * sin + up[1] * cos) / up[2]
    pitch_rad = -math.atan(forward_slope)
    return Pose(
        x_m=x_m,
        y_m=y_m,
        z_m=z_m + float(shape_m),
        yaw_rad=wrap_rad(yaw_rad),
        pitch_rad=pitch_rad,
        roll_rad=math.atan(left_slope * math.cos(pitch_rad)),
    )


class BodyMotion:
    """Pitch and roll of the body relative to the road: spring-damper systems driven by acceleration.

    Positive pitch lowers the nose, positive roll the right side.
    """

    def __init__(self, seed: int, scale: Scale = FULL_SIZE) -> None:
        self._random = np.random.default_rng([seed, 13])
        self._spring_radps = SPRING_RADPS / scale.time
        self._rough_at_mps = ROUGH_AT_MPS * scale.speed
        self.reset()

    def reset(self) -> None:
        """Set both angles and their rates to 0."""
        self.pitch_rad = self.roll_rad = 0.0
        self._pitch_radps = self._roll_radps = 0.0

    def step(self, car: CarState, inputs: ExternalInputs, dt_s: float) -> None:
        """Advance by one tick: braking lowers the nose; in a bend to the left the body rolls to the right.

        The springs carry the forces of the tyres: on a slope these balance gravity too, in a banked bend they are
        smaller than the centripetal force.
        """
        rough = ROUGH_RAD * min(1.0, car.speed_mps / self._rough_at_mps)
        # White noise scaled so that the body angles have the standard deviation `rough`.
        push = rough * math.sqrt(4 * DAMPING_RATIO / (self._spring_radps * dt_s))
        noise = self._random.standard_normal(2).tolist()
        target_pitch_rad = -PITCH_RAD_PER_MPS2 * (car.acceleration_mps2 - inputs.gravity_forward_mps2) + push * noise[0]
        target_roll_rad = (
            ROLL_RAD_PER_MPS2 * (car.lateral_acceleration_mps2 - inputs.gravity_left_mps2) + push * noise[1]
        )
        self._pitch_radps += self._angular_acceleration(target_pitch_rad - self.pitch_rad, self._pitch_radps) * dt_s
        self._roll_radps += self._angular_acceleration(target_roll_rad - self.roll_rad, self._roll_radps) * dt_s
        self.pitch_rad += self._pitch_radps * dt_s
        self.roll_rad += self._roll_radps * dt_s

    def _angular_acceleration(self, error_rad: float, rate_radps: float) -> float:
        return self._spring_radps**2 * error_rad - 2 * DAMPING_RATIO * self._spring_radps * rate_radps
