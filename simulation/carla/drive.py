"""One car with its camera on one server connection: set it up, tick it, and clean up in reverse order."""

import logging
from contextlib import ExitStack
from typing import NamedTuple

import carla

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.carla import car as cars
from simulation.carla.camera import FIRST_IMAGE_TICKS, ImageQueue, camera_blueprint
from simulation.carla.config import CarlaConfig
from simulation.carla.connection import ServerLost, cleanup_step, connect, server_call
from simulation.carla.convert import camera_transform
from simulation.carla.probe import is_listening
from simulation.carla.roads import find_roads
from simulation.carla.scenery import load_map, remove_leftovers, weather_preset
from simulation.carla.sync import ServerClock, take_over_abandoned
from simulation.config import SimulationConfig

CLEANUP_TIMEOUT_S = 2.0  # of each clean-up call: a dying server answers none of them
SPECTATOR_BEHIND_M, SPECTATOR_ABOVE_M, SPECTATOR_DOWN_DEG = 8.0, 4.0, 15.0

log = logging.getLogger(__name__)


class TickResult(NamedTuple):
    """The state and the image of one tick."""

    actor: carla.ActorSnapshot
    steer_rad: float  # at the road wheel, left positive
    image: carla.Image


class Drive:
    """A drive on a running server; `close` restores the server's previous state.

    The constructor raises WorldError and ServerLost after it has undone the steps so far.
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

    def tick(self, control: carla.VehicleControl) -> TickResult:
        """Apply a control, advance the server by one step, and return the result. Raises ServerLost."""
        if not self._config.autopilot:
            self.car.apply_control(control)
        snapshot = self._clock.tick()
        actor = snapshot.find(self.car.id)
        if actor is None:
            # The getters of the stale actor would return zeros.
            raise ServerLost("the car is gone from the server: another client destroyed it or loaded another map")
        self._follow(actor.get_transform())
        return TickResult(actor, cars.wheel_steer_rad(self.car), self._images.take(snapshot.frame))

    def respawn(self) -> None:
        """Put the car back to its start. Takes effect at the next tick."""
        with server_call("resetting the car"):
            cars.reset_car(self.car, self.start, self._start_speed_mps)

    def close(self) -> None:
        """Destroy sensor and car, then restore the settings; each step is tried. A dead server is not called."""
        if is_listening(self._config.host, self._config.port):
            self._client.set_timeout(CLEANUP_TIMEOUT_S)
            self._cleanup.close()
            return
        self._cleanup.pop_all()
        if self._camera is not None:
            with cleanup_step("the camera was not stopped"):
                self._camera.stop()
        log.warning("CARLA: the server is gone, nothing could be restored")

    def _set_up(self, simulation: SimulationConfig, camera: CameraConfig, vehicle: VehicleConfig) -> None:
        config, cleanup = self._config, self._cleanup
        weather = None if config.weather is None else weather_preset(config.weather)
        with server_call("the world"):
            world = self._client.get_world()
        take_over_abandoned(world)
        remove_leftovers(world, config.role_name)
        world = load_map(self._client, world, simulation.map, config)
        with server_call("the map"):
            roads = find_roads(world.get_map(), simulation.route, simulation.seed, config.spawn_point)
        self.route = roads.route
        # The first ticks on a map are slow: the server loads and compiles assets when they first become visible.
        self._client.set_timeout(config.load_timeout_s)
        self._clock = ServerClock(world, 1 / camera.rate_hz, config.load_timeout_s)
        cleanup.callback(self._clock.restore)
        self._clock.start()
        with server_call("weather and spectator"):
            if weather is not None:
                cleanup.callback(_restore_weather, world, world.get_weather())
                world.set_weather(weather)
            if config.spectator:
                self._spectator = world.get_spectator()
                cleanup.callback(_restore_spectator, self._spectator, self._spectator.get_transform())
        self.car = cars.spawn(world, config, roads.places)
        cleanup.callback(_destroy, self.car)
        self.start = cars.settle(self.car, self._clock)
        self.physics = cars.measure(self.car, self.start, vehicle, config.max_steer_deg)
        self._mount_camera(world, camera)
        if config.autopilot:
            self._start_autopilot(config.traffic_manager_port)
        self.respawn()
        self._clock.tick()
        self._clock.timeout_s = config.timeout_s
        self._client.set_timeout(config.timeout_s)

    def _mount_camera(self, world: carla.World, camera: CameraConfig) -> None:
        self._images = ImageQueue(camera.width_px, camera.height_px, self._config.timeout_s)
        with server_call("the camera"):
            blueprint = camera_blueprint(world.get_blueprint_library(), camera, self._config.role_name)
            sensor = world.spawn_actor(blueprint, camera_transform(camera, self.physics.ahead_m), attach_to=self.car)
        assert isinstance(sensor, carla.Sensor)
        self._camera = sensor
        self._cleanup.callback(_destroy, sensor)
        with server_call("listening to the camera"):
            sensor.listen(self._images.put)
        self._cleanup.callback(_stop, sensor)
        for _ in range(FIRST_IMAGE_TICKS):
            self._clock.tick()
            if self._images.has_image():
                return
        raise ServerLost(f"the camera sent no image in {FIRST_IMAGE_TICKS} ticks")

    def _start_autopilot(self, port: int) -> None:
        """Let the traffic manager drive. It runs in this process and must be synchronous while the world is."""
        with server_call("the traffic manager"):
            manager = self._client.get_trafficmanager(port)
            manager.set_synchronous_mode(True)
            self._cleanup.callback(_stop_autopilot, self.car, manager)
            self.car.set_autopilot(True, port)

    def _follow(self, here: carla.Transform) -> None:
        if self._spectator is None:
            return
        place, forward = here.location, here.get_forward_vector()
        behind = carla.Location(
            place.x - SPECTATOR_BEHIND_M * forward.x,
            place.y - SPECTATOR_BEHIND_M * forward.y,
            place.z + SPECTATOR_ABOVE_M,
        )
        rotation = carla.Rotation(pitch=-SPECTATOR_DOWN_DEG, yaw=here.rotation.yaw)
        with server_call("the spectator"):
            self._spectator.set_transform(carla.Transform(behind, rotation))


def _stop(sensor: carla.Sensor) -> None:
    with cleanup_step("the camera was not stopped"):
        sensor.stop()


def _destroy(actor: carla.Actor) -> None:
    with cleanup_step(f"{actor.type_id} was not destroyed"):
        actor.destroy()


def _stop_autopilot(car: carla.Vehicle, manager: carla.TrafficManager) -> None:
    """Stop the traffic manager's thread. It must end before the car: a call for a destroyed car ends this process."""
    with cleanup_step("the autopilot was not switched off"):
        car.set_autopilot(False, manager.get_port())
        manager.set_synchronous_mode(False)
        manager.shut_down()


def _restore_weather(world: carla.World, weather: carla.WeatherParameters) -> None:
    with cleanup_step("the weather was not restored"):
        world.set_weather(weather)


def _restore_spectator(spectator: carla.Actor, place: carla.Transform) -> None:
    with cleanup_step("the spectator was not restored"):
        spectator.set_transform(place)
