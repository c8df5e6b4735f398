"""The ego car on the server: spawn, settle, measure, steer and reset it."""

import logging
import math
from collections.abc import Iterable

import carla
import numpy as np
from msgspec import Struct

from lkas.vehicle import VehicleConfig
from simulation.carla.config import CarlaConfig
from simulation.carla.connection import server_call
from simulation.carla.sync import ServerClock
from simulation.world import WorldError

SPAWN_ABOVE_M = 0.5
MIN_SETTLE_TICKS, MAX_SETTLE_TICKS = 3, 100
SETTLED_MPS = 0.05
FULL_BRAKE_MPS2 = 8.0  # deceleration at brake = 1; also the default of decision
WHEELBASE_RANGE_M = 1.0, 8.0  # outside of it, the wheel positions are not in the expected frame
WHEELBASE_TOLERANCE_M = 0.1
KMH = 3.6

log = logging.getLogger(__name__)


class CarPhysics(Struct, frozen=True):
    """Axles and steering of the car, from its physics on the server."""

    wheelbase_m: float
    ahead_m: float  # of the ego origin from the actor's origin
    max_steer_rad: float  # at standstill
    steering_curve: tuple[tuple[float, float], ...]  # speed in km/h, ratio of the wheel angle to the commanded one

    def max_steer_at(self, speed_mps: float) -> float:
        """Return the road-wheel angle of steer = 1; the server reduces it with speed."""
        if not self.steering_curve:
            return self.max_steer_rad
        speeds_kmh, ratios = zip(*self.steering_curve, strict=True)
        return self.max_steer_rad * float(np.interp(abs(speed_mps) * KMH, speeds_kmh, ratios))


class SteeredCar:
    """The car model that `ControlGate` uses: its current speed and steering range."""

    def __init__(self, physics: CarPhysics) -> None:
        self._physics = physics
        self.speed_mps = 0.0

    @property
    def max_steer_rad(self) -> float:
        return self._physics.max_steer_at(self.speed_mps)

    def steer_for_curvature(self, curvature_radpm: float, speed_mps: float) -> float:
        """Return the kinematic angle, without slip: the understeer of CARLA's cars is unknown."""
        return math.atan(curvature_radpm * self._physics.wheelbase_m)

    def curvature_of_steer(self, steer_rad: float, speed_mps: float) -> float:
        return math.tan(steer_rad) / self._physics.wheelbase_m

    def brake_for(self, deceleration_mps2: float, speed_mps: float) -> float:
        return deceleration_mps2 / FULL_BRAKE_MPS2


def spawn(world: carla.World, config: CarlaConfig, places: Iterable[carla.Transform]) -> carla.Vehicle:
    """Spawn the ego car on the first free place. Raises WorldError, ServerLost."""
    with server_call("the blueprints"):
        library = world.get_blueprint_library()
    try:
        blueprint = library.find(config.vehicle)
    except IndexError:
        cars = ", ".join(sorted(found.id for found in library.filter("vehicle.*")))
        raise WorldError(f"carla.vehicle = {config.vehicle}: no such blueprint; expected one of {cars}") from None
    blueprint.set_attribute("role_name", config.role_name)
    tried = 0
    for place in places:
        tried += 1
        place.location.z += SPAWN_ABOVE_M
        with server_call("spawning the car"):
            car = world.try_spawn_actor(blueprint, place)
        if isinstance(car, carla.Vehicle):
            return car
    raise WorldError(f"CARLA: none of {tried} start positions is free; choose one with carla.spawn_point")


def settle(car: carla.Vehicle, clock: ServerClock) -> carla.Transform:
    """Wait until the car stands on its wheels, and return its transform."""
    for tick in range(MAX_SETTLE_TICKS):
        car.apply_control(carla.VehicleControl(brake=1.0))
        here = clock.tick().find(car.id)
        is_standing = here is not None and here.get_velocity().length() < SETTLED_MPS
        if here is not None and is_standing and tick >= MIN_SETTLE_TICKS:
            return here.get_transform()
    log.warning("CARLA: the car did not come to a standstill within %d ticks", MAX_SETTLE_TICKS)
    return car.get_transform()


def reset_car(car: carla.Vehicle, place: carla.Transform, speed_mps: float) -> None:
    """Put the car to a place with this speed and straight wheels."""
    forward = place.get_forward_vector()
    car.set_transform(place)
    car.set_target_velocity(carla.Vector3D(speed_mps * forward.x, speed_mps * forward.y, speed_mps * forward.z))
    car.set_target_angular_velocity(carla.Vector3D())
    car.apply_control(carla.VehicleControl())


def measure(
    car: carla.Vehicle, place: carla.Transform, vehicle: VehicleConfig, override_deg: float | None
) -> CarPhysics:
    """Measure axles and steering of a car that stands at `place`. Raises ServerLost, WorldError."""
    with server_call("the physics of the car"):
        physics = car.get_physics_control()
    max_steer_deg = override_deg or max((wheel.max_steer_angle for wheel in physics.wheels), default=0.0)
    if max_steer_deg <= 0:
        raise WorldError(f"{car.type_id}: it has no steerable wheel; set carla.max_steer_deg or another vehicle")
    forward = place.get_forward_vector()
    # Wheel positions are in world coordinates, in centimetres.
    along_m = sorted((wheel.position / 100 - place.location).dot(forward) for wheel in physics.wheels)
    wheelbase_m = along_m[-1] - along_m[0]
    ahead_m = along_m[0] + vehicle.cg_to_rear_axle_m
    min_m, max_m = WHEELBASE_RANGE_M
    if not min_m < wheelbase_m < max_m:
        log.warning("CARLA: %s reports no axles; its origin is used as its centre of gravity", car.type_id)
        wheelbase_m, ahead_m = vehicle.wheelbase_m, 0.0
    elif abs(wheelbase_m - vehicle.wheelbase_m) > WHEELBASE_TOLERANCE_M:
        log.warning(
            "CARLA: the wheelbase of %s is %.2f m, but vehicle.wheelbase_m is %.2f m: correct it for all programs",
            car.type_id,
            wheelbase_m,
            vehicle.wheelbase_m,
        )
    curve = tuple((point.x, point.y) for point in physics.steering_curve)
    return CarPhysics(wheelbase_m, ahead_m, math.radians(max_steer_deg), curve)


def wheel_steer_rad(car: carla.Vehicle) -> float:
    """Return the mean physical angle of the two front wheels, left positive."""
    sides = carla.VehicleWheelLocation.FL_Wheel, carla.VehicleWheelLocation.FR_Wheel
    with server_call("the angle of the wheels"):
        return -math.radians(sum(car.get_wheel_steer_angle(side) for side in sides) / len(sides))
