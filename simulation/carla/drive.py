"""One car with its camera on one server connection: set up step by step, ticked, and taken down in reverse."""

import logging
from contextlib import ExitStack
from typing import NamedTuple

import carla

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.carla import car as cars
from simulation.carla.camera import FIRST_IMAGE_TICKS, ImageQueue, camera_blueprint
from simulation.carla.config import CarlaConfig
from simulation.carla.connection import ServerLost, calling, connect, leaving
from simulation.carla.convert import camera_transform
from simulation.carla.probe import is_listening
from simulation.carla.roads import roads_of
from simulation.carla.scenery import load_map, remove_leftovers, weather_preset
from simulation.carla.sync import Clock, take_over_abandoned
from simulation.config import SimulationConfig

LEAVE_S = 2.0  # for each call while taking down: a dying server answers none of them
BEHIND_M, ABOVE_M, DOWN_DEG = 8.0, 4.0, 15.0  # the server's own view of the car

log = logging.getLogger(__name__)


class Seen(NamedTuple):
    """What one tick brought."""

    actor: carla.ActorSnapshot
    steer_rad: float  # at the road wheel, left positive
    image: carla.Image


class Drive:
    """Built on a server that is there; `close` leaves the server as it was found.

    Raises WorldError and ServerLost; what was set up so far is taken down again.
    """

    def __init__(
        self, simulation: SimulationConfig, config: CarlaConfig, camera: CameraConfig, vehicle: VehicleConfig
    ) -> None:
        self._config = config
        self._start_speed_mps = simulation.start_speed_mps
        self._cleanup = ExitStack()
        self._camera: carla.Sensor | None = None
        self._spectator: carla.Actor | None = None
        self._client = connect(config)
        try:
            self._set_up(simulation, camera, vehicle)
        except BaseException:
            self.close()
            raise

    def tick(self, control: carla.VehicleControl) -> Seen:
        """Apply a control, advance the server by its step, and fetch what came of it. Raises ServerLost."""
        if not self._config.autopilot:
            self.car.apply_control(control)
        snapshot = self._clock.tick()
        actor = snapshot.find(self.car.id)
        if actor is None:
            # Its own getters would go on answering, with zeros.
            raise ServerLost("the car is gone from the server: somebody destroyed it or loaded another map")
        self._follow(actor.get_transform())
        return Seen(actor, cars.wheel_steer_rad(self.car), self._images.take(snapshot.frame))

    def respawn(self) -> None:
        """Put the car back to where it started. Takes effect at the next tick."""
        with calling("putting the car back"):
            cars.put(self.car, self.start, self._start_speed_mps)

    def close(self) -> None:
        """Sensor before car, settings last; each step is tried. A server that is gone is not asked."""
        if is_listening(self._config.host, self._config.port):
            self._client.set_timeout(LEAVE_S)
            self._cleanup.close()
            return
        self._cleanup.pop_all()
        if self._camera is not None:
            with leaving("the camera was not stopped"):
                self._camera.stop()
        log.warning("CARLA: the server is gone, nothing could be put back")

    def _set_up(self, simulation: SimulationConfig, camera: CameraConfig, vehicle: VehicleConfig) -> None:
        config, cleanup = self._config, self._cleanup
        weather = None if config.weather is None else weather_preset(config.weather)
        with calling("the world"):
            world = self._client.get_world()
        take_over_abandoned(world)
        remove_leftovers(world, config.role_name)
        world = load_map(self._client, world, simulation.map, config)
        with calling("the map"):
            roads = roads_of(world.get_map(), simulation.route, simulation.seed, config.spawn_point)
        self.route = roads.route
        # The first ticks on a map take their time: what is seen for the first time is loaded and compiled then.
        self._client.set_timeout(config.load_timeout_s)
        self._clock = Clock(world, 1 / camera.rate_hz, config.load_timeout_s)
        cleanup.callback(self._clock.restore)
        self._clock.start()
        with calling("weather and spectator"):
            if weather is not None:
                cleanup.callback(_restore_weather, world, world.get_weather())
                world.set_weather(weather)
            if config.spectator:
                self._spectator = world.get_spectator()
                cleanup.callback(_restore_place, self._spectator, self._spectator.get_transform())
        self.car = cars.spawn(world, config, roads.places)
        cleanup.callback(_destroy, self.car)
        self.start = cars.settle(self.car, self._clock)
        self.body = cars.measure(self.car, self.start, vehicle, config.max_steer_deg)
        self._mount_camera(world, camera)
        if config.autopilot:
            self._hand_over(config.traffic_manager_port)
        self.respawn()
        self._clock.tick()
        self._clock.timeout_s = config.timeout_s
        self._client.set_timeout(config.timeout_s)

    def _mount_camera(self, world: carla.World, camera: CameraConfig) -> None:
        self._images = ImageQueue(camera.width_px, camera.height_px, self._config.timeout_s)
        with calling("the camera"):
            blueprint = camera_blueprint(world.get_blueprint_library(), camera, self._config.role_name)
            sensor = world.spawn_actor(blueprint, camera_transform(camera, self.body.ahead_m), attach_to=self.car)
        assert isinstance(sensor, carla.Sensor)
        self._camera = sensor
        self._cleanup.callback(_destroy, sensor)
        with calling("listening to the camera"):
            sensor.listen(self._images.put)
        self._cleanup.callback(_stop, sensor)
        for _ in range(FIRST_IMAGE_TICKS):
            self._clock.tick()
            if self._images.has_begun():
                return
        raise ServerLost(f"the camera sent no image in {FIRST_IMAGE_TICKS} ticks")

    def _hand_over(self, port: int) -> None:
        """To the traffic manager, which runs in this process and has to be synchronous as long as the world is."""
        with calling("the traffic manager"):
            manager = self._client.get_trafficmanager(port)
            manager.set_synchronous_mode(True)
            self._cleanup.callback(_take_back, self.car, manager)
            self.car.set_autopilot(True, port)

    def _follow(self, here: carla.Transform) -> None:
        if self._spectator is None:
            return
        place, forward = here.location, here.get_forward_vector()
        behind = carla.Location(place.x - BEHIND_M * forward.x, place.y - BEHIND_M * forward.y, place.z + ABOVE_M)
        with calling("the spectator"):
            self._spectator.set_transform(
                carla.Transform(behind, carla.Rotation(pitch=-DOWN_DEG, yaw=here.rotation.yaw))
            )


def _stop(sensor: carla.Sensor) -> None:
    with leaving("the camera was not stopped"):
        sensor.stop()


def _destroy(actor: carla.Actor) -> None:
    with leaving(f"{actor.type_id} was not destroyed"):
        actor.destroy()


def _take_back(car: carla.Vehicle, manager: carla.TrafficManager) -> None:
    """Its thread has to end before the car does: what it asks about a car that is gone, ends this process."""
    with leaving("the autopilot was not switched off"):
        car.set_autopilot(False, manager.get_port())
        manager.set_synchronous_mode(False)
        manager.shut_down()


def _restore_weather(world: carla.World, weather: carla.WeatherParameters) -> None:
    with leaving("the weather was not restored"):
        world.set_weather(weather)


def _restore_place(spectator: carla.Actor, place: carla.Transform) -> None:
    with leaving("the spectator was not put back"):
        spectator.set_transform(place)
