"""How the car stands: on the slope and bank of its road, and leaning on its own springs."""

import math

import numpy as np

from lkas.frames import wrap_rad
from lkas.integration.shared_memory.messages import Pose
from simulation.embedded.dynamics import Outside
from simulation.embedded.plant import CarState
from simulation.opendrive.routes import Route

# A mid-size car: 5 degrees of roll per g, 3 degrees of pitch per g, both at about 1.4 Hz, well damped.
ROLL_RAD_PER_MPS2 = math.radians(5.0) / 9.81
PITCH_RAD_PER_MPS2 = math.radians(3.0) / 9.81
SPRING_RADPS = 2 * math.pi * 1.4
DAMPING_RATIO = 0.5
# Roughness of the road, felt at speed: deviation of the body's pitch and roll.
ROUGH_RAD, ROUGH_AT_MPS = math.radians(0.06), 20.0


def pose_on_road(route: Route, s_m: float, x_m: float, y_m: float, yaw_rad: float) -> Pose:
    """Pose of a car at (x, y) beside the route's place `s_m`, on the surface of the road there.

    Beside the pavement the car stands in the plane of the road's cross section.
    """
    place = route.place_at(s_m)
    surface = route.road_map.roads[place.road].surface
    if surface.level_m is not None:
        return Pose(x_m=x_m, y_m=y_m, z_m=surface.level_m, yaw_rad=wrap_rad(yaw_rad))
    origin, _, _, up = surface.frame(place.s_m)
    # The point above (x, y) of the plane that touches the road here.
    z_m = origin[2] - (up[0] * (x_m - origin[0]) + up[1] * (y_m - origin[1])) / up[2]
    shape_m = surface.profiles.shape_m(np.array([place.s_m]), np.array([place.t_m]))[0]
    # The car's axes: level direction of its yaw, tilted into that plane.
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
    """Pitch and roll of the body against the road: each a spring with a damper that acceleration pushes.

    Positive pitch lowers the nose, positive roll the right side.
    """

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng([seed, 13])
        self.reset()

    def reset(self) -> None:
        """At rest."""
        self.pitch_rad = self.roll_rad = 0.0
        self._pitch_radps = self._roll_radps = 0.0

    def step(self, car: CarState, outside: Outside, dt_s: float) -> None:
        """Advance by one tick: braking lowers the nose; in a bend to the left the car leans to the right.

        Springs feel what the tyres hold: on a slope that is gravity too, in a banked bend less than the bend asks for.
        """
        rough = ROUGH_RAD * min(1.0, car.speed_mps / ROUGH_AT_MPS)
        # White noise that comes out of these springs with the deviation asked for.
        push = rough * math.sqrt(4 * DAMPING_RATIO / (SPRING_RADPS * dt_s))
        noise = self._random.standard_normal(2).tolist()
        wanted_pitch = -PITCH_RAD_PER_MPS2 * (car.acceleration_mps2 - outside.gravity_forward_mps2) + push * noise[0]
        wanted_roll = ROLL_RAD_PER_MPS2 * (car.lateral_acceleration_mps2 - outside.gravity_left_mps2) + push * noise[1]
        self._pitch_radps += _pull(wanted_pitch - self.pitch_rad, self._pitch_radps) * dt_s
        self._roll_radps += _pull(wanted_roll - self.roll_rad, self._roll_radps) * dt_s
        self.pitch_rad += self._pitch_radps * dt_s
        self.roll_rad += self._roll_radps * dt_s


def _pull(missing_rad: float, rate_radps: float) -> float:
    return SPRING_RADPS**2 * missing_rad - 2 * DAMPING_RATIO * SPRING_RADPS * rate_radps
