"""The state of the simulated world: frame, time, settings, weather, map and actors; and its steps."""

import asyncio
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tests.support.carla_server.actors import Actor, Actors
from tests.support.carla_server.car import EmbeddedCar, route_of
from tests.support.carla_server.faults import Faults
from tests.support.carla_server.layouts import Transform, actor_bytes, image_packet, world_packet
from tests.support.carla_server.rpc import CallError
from tests.support.carla_server.streaming import StreamServer

WORLD_STREAM = 1
FREE_RUNNING_S = 0.05  # a step of an asynchronous episode, in real time too
SYNCHRONOUS, DELTA = 0, 2  # indices in the record of the settings
SETTINGS = [False, False, [False], True, 0.01, 10, 0.0, False, 3000.0, 2000.0, True]
WEATHER = [0.0] * 14
SPAWN_SPACING_M, SPAWN_ABOVE_M = 60.0, 0.3


class Episode:
    """One loaded map with its actors."""

    def __init__(self, map_file: Path, streams: StreamServer, faults: Faults) -> None:
        self.settings: list[Any] = list(SETTINGS)
        self.weather: list[float] = list(WEATHER)
        self.number = 1
        self.frame = 1
        self.time_s = 0.0
        self._streams = streams
        self._faults = faults
        self.load(map_file.stem, map_file)

    def load(self, map_name: str, map_file: Path) -> None:
        """Load another map; all actors are destroyed."""
        self.number += 1
        self.map_name, self.map_file = map_name, map_file
        self.open_drive = map_file.read_text(encoding="utf-8")
        self._route = route_of(map_file)
        self.actors = Actors()
        self._cars: dict[int, EmbeddedCar] = {}

    def reset_settings(self) -> None:
        self.settings = list(SETTINGS)

    def spawn_points(self) -> list[Transform]:
        """Return positions along the route, slightly above the road."""
        curve = self._route.curve
        poses = [curve.pose(s_m) for s_m in np.arange(SPAWN_SPACING_M, curve.length_m - 10.0, SPAWN_SPACING_M)]
        return [Transform(x, -y, SPAWN_ABOVE_M, 0.0, -math.degrees(heading), 0.0) for x, y, heading, _ in poses]

    @property
    def is_synchronous(self) -> bool:
        return bool(self.settings[SYNCHRONOUS])

    @property
    def delta_s(self) -> float:
        _, *delta_s = self.settings[DELTA]  # [false]: not set
        return delta_s[0] if delta_s and delta_s[0] > 0 else FREE_RUNNING_S

    def spawn(self, description: list[Any], transform: Transform, parent_id: int = 0) -> Actor:
        """Spawn an actor. Raises CallError."""
        actor = self.actors.spawn(description, transform, parent_id)
        if actor.is_car:
            self._cars[actor.id] = EmbeddedCar(actor, str(self.map_file), self._route)
        elif actor.is_camera and parent_id in self._cars:
            self._cars[parent_id].mount(actor)
        return actor

    def destroy(self, actor_id: int) -> bool:
        self._cars.pop(actor_id, None)
        return self.actors.destroy(actor_id)

    def car(self, actor_id: int) -> EmbeddedCar:
        """Return a car. Raises CallError for an unknown vehicle."""
        if actor_id not in self._cars:
            raise CallError(f"unable to find actor {actor_id}")
        return self._cars[actor_id]

    def place(self, actor_id: int, transform: Transform) -> None:
        if actor_id in self._cars:
            self._cars[actor_id].place(transform)
        elif (actor := self.actors.find(actor_id)) is not None:
            actor.transform = transform

    def step(self) -> int:
        """Advance all cars by `delta_s`, send state and images to the streams, and return the new frame number."""
        self.frame += 1
        self.time_s += self.delta_s
        for car in self._cars.values():
            car.advance(self.delta_s)
        if not self._faults.is_mute:
            loop = asyncio.get_running_loop()
            loop.call_later(self._faults.tick_delay_s, self._publish, self.frame, self._world_packet())
        return self.frame

    async def run_free(self) -> None:
        """Step in real time while the episode is asynchronous."""
        while True:
            await asyncio.sleep(FREE_RUNNING_S)
            if not self.is_synchronous:
                self.step()

    def _publish(self, frame: int, packet: bytes) -> None:
        """Send the state before the images: the client processes it while the images are rendered."""
        self._streams.send(WORLD_STREAM, packet)
        for stream_id, image in self._images(frame):
            self._streams.send(stream_id, image)

    def _world_packet(self) -> bytes:
        actors = [
            actor_bytes(actor.id, self.actors.in_world(actor), actor.motion, actor.control if actor.is_car else None)
            for actor in self.actors
        ]
        return world_packet(self.frame, self.time_s, self.delta_s, self.number, actors)

    def _images(self, frame: int) -> Iterator[tuple[int, bytes]]:
        for camera in self.actors:
            car = self._cars.get(camera.parent_id)
            if not camera.is_camera or car is None or self._faults.no_images:
                continue
            if not self._streams.is_wanted(camera.stream_id):
                continue
            image = car.image()
            if image is None:
                continue
            if self._faults.image_width_px:
                image = image[:, : self._faults.image_width_px]
            height_px, width_px, _ = image.shape
            pose, fov_deg = self.actors.in_world(camera), float(camera.attributes["fov"])
            packet = image_packet(frame, self.time_s, pose, width_px, height_px, fov_deg, image.tobytes())
            yield camera.stream_id, packet
