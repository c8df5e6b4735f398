"""The command to a car, and how its steering is wired: sign, centre and range of the actuator."""

import math
from typing import Literal

from msgspec import Struct

Steering = Literal["angle", "curvature", "servo"]


class CarCommand(Struct, frozen=True, kw_only=True):
    """One command in units of the car. All of it is finite and within its range."""

    steer_rad: float  # road-wheel angle, left positive, within the car's largest angle
    steering: float  # the same as a share of the largest angle, [-1, 1], right positive
    throttle: float  # [0, 1]
    brake: float  # [0, 1]


class SteeringWiring(Struct, frozen=True, kw_only=True):
    """How the steering of this one car is wired. The largest angle is `vehicle.max_steer_deg`."""

    sign: int = 1  # 1: the actuator steers right for +1; -1: left
    centre: float = 0.0  # actuator position, as a share of its range, at which the car drives straight


class SteeringMap(Struct, frozen=True, kw_only=True):
    """From a road-wheel angle to what the actuator takes.

    | kind | the actuator takes |
    |---|---|
    | `servo` | a position: `centre + range * share`, where share is the angle over the largest angle, right positive |
    | `angle` | the road-wheel angle in radians, left positive |
    | `curvature` | the curvature of the path in 1/m, left positive |

    `sign` and `offset` are those of SteeringWiring.
    """

    max_steer_rad: float
    wheelbase_m: float
    kind: Steering = "servo"
    sign: int = 1
    offset: float = 0.0
    centre: float = 0.0
    range: float = 1.0

    def share(self, steer_rad: float) -> float:
        """Actuator position within [-1, 1], right positive as the actuator counts it."""
        wanted = -steer_rad / self.max_steer_rad
        return min(1.0, max(-1.0, self.sign * wanted + self.offset))

    def value(self, steer_rad: float) -> float:
        """What the actuator takes for this road-wheel angle, left positive."""
        share = self.share(steer_rad)
        if self.kind == "servo":
            return self.centre + self.range * share
        angle_rad = -share * self.max_steer_rad
        return angle_rad if self.kind == "angle" else math.tan(angle_rad) / self.wheelbase_m
