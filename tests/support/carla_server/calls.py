"""The calls of the 0.9.16 client that a drive uses, by their names on the wire."""

from pathlib import Path
from typing import Any

from tests.support.carla_server.blueprints import DEFINITIONS
from tests.support.carla_server.car import MAX_STEER_DEG, STEERING_CURVE, WHEEL_RADIUS_M
from tests.support.carla_server.episode import WORLD_STREAM, Episode
from tests.support.carla_server.faults import Faults
from tests.support.carla_server.layouts import Transform, token
from tests.support.carla_server.rpc import Batch, CallError, Methods
from tests.support.carla_server.streaming import StreamServer

MAP_FOLDER = "Carla/Maps"
APPLY_CONTROL = 2  # of the commands of a batch, the one that the traffic manager sends
OPEN_DRIVE_MAP = "OpenDriveMap"  # the name of a map that a client sent as OpenDRIVE


class Calls:
    """Answers the calls for one episode. `maps` are the maps that can be loaded, by name."""

    def __init__(self, episode: Episode, streams: StreamServer, faults: Faults, maps: dict[str, Path]) -> None:
        self._episode, self._streams, self._faults = episode, streams, faults
        self._maps = maps
        self._open_drive_file = Path()

    def methods(self, folder: Path) -> Methods:
        """Return all methods by name; maps that a client sends are stored in `folder`."""
        self._open_drive_file = folder / f"{OPEN_DRIVE_MAP}.xodr"
        episode = self._episode
        calls: Methods = {
            "version": lambda: self._faults.version,
            "get_episode_info": lambda: [episode.number, [self._token(WORLD_STREAM)]],
            "get_sensor_token": lambda stream_id: [self._token(stream_id)],
            "get_episode_settings": lambda: episode.settings,
            "set_episode_settings": self._set_settings,
            "get_required_files": lambda *_: [],
            "query_lights_state": lambda *_: [],
            "get_available_maps": lambda: [f"/Game/{MAP_FOLDER}/{name}" for name in self._maps],
            "get_map_info": lambda: [
                f"{MAP_FOLDER}/{episode.map_name}",
                [point.record for point in episode.spawn_points()],
            ],
            "get_map_data": lambda: episode.open_drive,
            "load_new_episode": self._load_map,
            "copy_opendrive_to_file": self._keep_open_drive,
            "get_actor_definitions": lambda: DEFINITIONS,
            "get_spectator": lambda: self._record(episode.actors.spectator),
            "get_actors_by_id": self._actors_by_id,
            "spawn_actor": self._spawn,
            "spawn_actor_with_parent": self._spawn,
            "destroy_actor": episode.destroy,
            "get_actor_bounding_box": self._bounding_box,
            "set_actor_transform": lambda actor_id, record: episode.place(actor_id, Transform.of(record)),
            "set_actor_target_velocity": self._set_velocity,
            "set_actor_target_angular_velocity": lambda *_: None,
            "apply_control_to_vehicle": self._apply_control,
            "get_physics_control": self._physics,
            "get_wheel_steer_angle": lambda actor_id, _: episode.car(actor_id).wheel_steer_deg,
            "get_weather_parameters": lambda: episode.weather,
            "set_weather_parameters": self._set_weather,
            "tick_cue": episode.step,
            # The traffic manager, which runs in the client's process:
            "is_traffic_manager_running": lambda port: False,
            "add_traffic_manager_running": lambda where: True,
            "destroy_traffic_manager": lambda port: True,
            "set_actor_simulate_physics": lambda *_: None,
            "get_vehicle_light_states": list,
            "apply_batch": self._apply_batch,
        }
        return {name: self._refusable(name, call) for name, call in calls.items()}

    def _refusable(self, name: str, call: Any) -> Any:
        def answer(*parameters: Any) -> Any:
            if self._faults.refuse == name:
                raise CallError(f"{name} is refused")
            return call(*parameters)

        return answer

    def _token(self, stream_id: int) -> bytes:
        return token(stream_id, self._streams.port)

    def _record(self, actor: Any) -> list[Any]:
        return actor.record(self._streams.port)

    def _set_settings(self, settings: list[Any]) -> int:
        self._episode.settings = settings
        return self._episode.frame

    def _set_weather(self, weather: list[float]) -> None:
        self._episode.weather = weather

    def _set_velocity(self, actor_id: int, velocity: list[float]) -> None:
        self._episode.car(actor_id).set_speed((velocity[0] ** 2 + velocity[1] ** 2) ** 0.5)

    def _apply_control(self, actor_id: int, control: list[Any]) -> None:
        self._episode.car(actor_id).actor.control = control

    def _apply_batch(self, commands: list[Any], _is_ticked: bool) -> Batch:
        """Execute commands; each is a list with one element: [number of its kind, its fields]."""
        results = Batch()
        for ((kind, fields),) in commands:
            if kind == APPLY_CONTROL:
                self._apply_control(*fields)
                results.append([[1, fields[0]]])
            else:
                results.append([[0, [f"this stub has no command {kind} in batches"]]])
        return results

    def _spawn(self, description: list[Any], record: list[Any], parent_id: int = 0, *_: Any) -> list[Any]:
        return self._record(self._episode.spawn(description, Transform.of(record), parent_id))

    def _actors_by_id(self, actor_ids: list[int]) -> list[Any]:
        found = [self._episode.actors.find(actor_id) for actor_id in actor_ids]
        return [self._record(actor) for actor in found if actor is not None]

    def _bounding_box(self, actor_id: int) -> list[Any]:
        actor = self._episode.actors.find(actor_id)
        if actor is None:
            raise CallError(f"unable to find actor {actor_id}")
        return actor.box

    def _physics(self, actor_id: int) -> list[Any]:
        """Return the physics of a car: its wheels and steering curve; all other values are CARLA's defaults."""
        wheels = [
            [
                3.5,
                0.25,
                MAX_STEER_DEG if index < 2 else 0.0,
                100 * WHEEL_RADIUS_M,
                1500.0,
                0.0,
                3.0,
                17.0,
                1000.0,
                place,
            ]
            for index, place in enumerate(self._episode.car(actor_id).wheels_cm())
        ]
        curve = [list(point) for point in STEERING_CURVE]
        torque = [[0.0, 400.0], [1890.0, 500.0], [5729.0, 400.0]]
        gears = [[4.0, 0.5, 0.65]]
        body = [1550.0, 0.3, [0.45, 0.0, -0.3]]
        return [torque, 5800.0, 1.0, 0.15, 2.0, 0.35, True, 0.0, 10.0, 4.0, gears, *body, curve, wheels, False]

    def _keep_open_drive(self, text: str, *_: Any) -> None:
        self._open_drive_file.write_text(text, encoding="utf-8")

    def _load_map(self, name: str, reset_settings: bool = True, *_: Any) -> None:
        short = name.rpartition("/")[2]
        file = self._open_drive_file if short == OPEN_DRIVE_MAP else self._maps.get(short)
        if file is None:
            raise CallError(f"map '{name}' not found")
        self._episode.load(short, file)
        if reset_settings:
            self._episode.reset_settings()
        self._episode.step()
