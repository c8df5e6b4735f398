"""Our car on the server: spawned, settled, measured, steered and put back."""

import logging
import math
from collections.abc import Iterable

import carla
import numpy as np
from msgspec import Struct

from lkas.vehicle import VehicleConfig
from simulation.carla.config import CarlaConfig
from simulation.carla.connection import calling
from simulation.carla.sync import Clock
from simulation.world import WorldError

SPAWN_ABOVE_M = 0.5
LEAST_SETTLE_TICKS, MOST_SETTLE_TICKS = 3, 100
SETTLED_MPS = 0.05
FULL_BRAKE_MPS2 = 8.0  # of brake = 1; what decision assumes by default too
WHEELBASES_M = 1.0, 8.0  # beyond it the wheels' positions mean something else
WHEELBASE_TOLERANCE_M = 0.1
KMH = 3.6

log = logging.getLogger(__name__)


class Body(Struct, frozen=True):
    """What the physics of the car say of its steering and its axles."""

    wheelbase_m: float
    ahead_m: float  # of the ego origin before the actor's
    max_steer_rad: float  # at standstill
    steering_curve: tuple[tuple[float, float], ...]  # km/h, share of the steering that reaches the wheels

    def max_steer_at(self, speed_mps: float) -> float:
        """Road-wheel angle of steer = 1: the server reduces it with speed by itself."""
        if not self.steering_curve:
            return self.max_steer_rad
        speeds_kmh, shares = zip(*self.steering_curve, strict=True)
        return self.max_steer_rad * float(np.interp(abs(speed_mps) * KMH, speeds_kmh, shares))


class SteeredCar:
    """The car as `ControlGate` needs it: how far it can steer now, and how fast it is."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self.speed_mps = 0.0

    @property
    def max_steer_rad(self) -> float:
        return self._body.max_steer_at(self.speed_mps)

    def steer_for_curvature(self, curvature_radpm: float, speed_mps: float) -> float:
        """Without slip: how CARLA's cars understeer is not known."""
        return math.atan(curvature_radpm * self._body.wheelbase_m)

    def curvature_of_steer(self, steer_rad: float, speed_mps: float) -> float:
        return math.tan(steer_rad) / self._body.wheelbase_m

    def brake_for(self, deceleration_mps2: float, speed_mps: float) -> float:
        return deceleration_mps2 / FULL_BRAKE_MPS2


def spawn(world: carla.World, config: CarlaConfig, places: Iterable[carla.Transform]) -> carla.Vehicle:
    """Our car on the first of the places that is free. Raises WorldError, ServerLost."""
    with calling("the blueprints"):
        library = world.get_blueprint_library()
    try:
        blueprint = library.find(config.vehicle)
    except IndexError:
        cars = ", ".join(sorted(found.id for found in library.filter("vehicle.*")))
        raise WorldError(f"carla.vehicle = {config.vehicle}: no such blueprint; there are {cars}") from None
    blueprint.set_attribute("role_name", config.role_name)
    tried = 0
    for place in places:
        tried += 1
        place.location.z += SPAWN_ABOVE_M
        with calling("spawning the car"):
            car = world.try_spawn_actor(blueprint, place)
        if isinstance(car, carla.Vehicle):
            return car
    raise WorldError(f"CARLA: none of {tried} places to start from is free; choose one with carla.spawn_point")


def settle(car: carla.Vehicle, clock: Clock) -> carla.Transform:
    """Let it come down on its wheels and stand; where it stands then."""
    for tick in range(MOST_SETTLE_TICKS):
        car.apply_control(carla.VehicleControl(brake=1.0))
        here = clock.tick().find(car.id)
        is_standing = here is not None and here.get_velocity().length() < SETTLED_MPS
        if here is not None and is_standing and tick >= LEAST_SETTLE_TICKS:
            return here.get_transform()
    log.warning("CARLA: the car did not come to a stand within %d ticks", MOST_SETTLE_TICKS)
    return car.get_transform()


def put(car: carla.Vehicle, place: carla.Transform, speed_mps: float) -> None:
    """Back to a place, rolling straight on at a speed."""
    forward = place.get_forward_vector()
    car.set_transform(place)
    car.set_target_velocity(carla.Vector3D(speed_mps * forward.x, speed_mps * forward.y, speed_mps * forward.z))
    car.set_target_angular_velocity(carla.Vector3D())
    car.apply_control(carla.VehicleControl())


def measure(car: carla.Vehicle, place: carla.Transform, vehicle: VehicleConfig, override_deg: float | None) -> Body:
    """Axles and steering of a car that stands at `place`. Raises ServerLost, WorldError."""
    with calling("the physics of the car"):
        physics = car.get_physics_control()
    max_steer_deg = override_deg or max((wheel.max_steer_angle for wheel in physics.wheels), default=0.0)
    if max_steer_deg <= 0:
        raise WorldError(f"{car.type_id}: no wheel of it can be steered; give carla.max_steer_deg or another vehicle")
    forward = place.get_forward_vector()
    # The wheels' positions are in the world, in centimetres.
    along_m = sorted((wheel.position / 100 - place.location).dot(forward) for wheel in physics.wheels)
    wheelbase_m = along_m[-1] - along_m[0]
    ahead_m = along_m[0] + vehicle.cg_to_rear_axle_m
    least_m, most_m = WHEELBASES_M
    if not least_m < wheelbase_m < most_m:
        log.warning("CARLA: %s tells no axles; its origin is taken for its centre of gravity", car.type_id)
        wheelbase_m, ahead_m = vehicle.wheelbase_m, 0.0
    elif abs(wheelbase_m - vehicle.wheelbase_m) > WHEELBASE_TOLERANCE_M:
        log.warning(
            "CARLA: the wheelbase of %s is %.2f m, vehicle.wheelbase_m is %.2f m: set it for all programs",
            car.type_id,
            wheelbase_m,
            vehicle.wheelbase_m,
        )
    curve = tuple((point.x, point.y) for point in physics.steering_curve)
    return Body(wheelbase_m, ahead_m, math.radians(max_steer_deg), curve)


def wheel_steer_rad(car: carla.Vehicle) -> float:
    """Mean angle of the two front wheels as the physics have it, left positive."""
    sides = carla.VehicleWheelLocation.FL_Wheel, carla.VehicleWheelLocation.FR_Wheel
    with calling("the angle of the wheels"):
        return -math.radians(sum(car.get_wheel_steer_angle(side) for side in sides) / len(sides))
