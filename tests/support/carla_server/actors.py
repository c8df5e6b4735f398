"""The actors of an episode, their descriptions and their records on the wire."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.support.carla_server.blueprints import CAMERA, NAMES
from tests.support.carla_server.layouts import ROAD_VEHICLE_TAG, Motion, Transform, bounding_box, token
from tests.support.carla_server.rpc import CallError

SPECTATOR = "spectator"
FIRST_STREAM = 1000  # of sensors; stream 1 is the world
COLLISION_M = 4.0  # between the origins of two cars
HALF_SIZE_M = 2.35, 0.92, 0.74  # of a car


@dataclass
class Actor:
    """One actor; `transform` is relative to its parent, if it has one."""

    id: int
    description: list[Any]  # as the client sent it
    transform: Transform
    parent_id: int = 0
    motion: Motion = field(default_factory=Motion)
    control: list[Any] = field(default_factory=lambda: [0.0, 0.0, 0.0, False, False, False, 0])

    @property
    def blueprint(self) -> str:
        return self.description[1]

    @property
    def is_car(self) -> bool:
        return self.blueprint.startswith("vehicle.")

    @property
    def is_camera(self) -> bool:
        return self.blueprint == CAMERA

    @property
    def stream_id(self) -> int:
        return FIRST_STREAM + self.id

    @property
    def attributes(self) -> dict[str, str]:
        return {name: value for name, _, value in self.description[2]}

    @property
    def box(self) -> list[Any]:
        return bounding_box(self.id, *(HALF_SIZE_M if self.is_car else (0.0, 0.0, 0.0)))

    def record(self, stream_port: int) -> list[Any]:
        stream = token(self.stream_id, stream_port) if self.blueprint.startswith("sensor.") else b""
        return [self.id, self.parent_id, self.description, self.box, bytes([ROAD_VEHICLE_TAG]), stream]


class Actors:
    """All actors of the episode. The spectator always exists."""

    def __init__(self) -> None:
        self._next_id = 100
        self._actors: dict[int, Actor] = {}
        self.spectator = self._add([0, SPECTATOR, []], Transform(), 0)

    def __iter__(self) -> Iterator[Actor]:
        return iter(self._actors.values())

    def spawn(self, description: list[Any], transform: Transform, parent_id: int = 0) -> Actor:
        """Spawn an actor. Raises CallError for an unknown blueprint or parent, or an occupied position."""
        if description[1] not in NAMES:
            raise CallError(f"no blueprint {description[1]}")
        if parent_id and parent_id not in self._actors:
            raise CallError(f"no parent actor {parent_id}")
        actor = self._add(description, transform, parent_id)
        if actor.is_car and any(_distance_m(actor, other) < COLLISION_M for other in self if other.is_car):
            del self._actors[actor.id]
            raise CallError("Spawn failed because of collision at spawn position")
        return actor

    def find(self, actor_id: int) -> Actor | None:
        return self._actors.get(actor_id)

    def destroy(self, actor_id: int) -> bool:
        """Destroy an actor; return whether it existed."""
        return self._actors.pop(actor_id, None) is not None

    def in_world(self, actor: Actor) -> Transform:
        """Return the pose of an actor in the world, including its parent's pose."""
        parent = self._actors.get(actor.parent_id)
        if parent is None:
            return actor.transform
        t, p = actor.transform, parent.transform
        return Transform(
            *p.placed(t.x_m, t.y_m, t.z_m), p.pitch_deg + t.pitch_deg, p.yaw_deg + t.yaw_deg, p.roll_deg + t.roll_deg
        )

    def _add(self, description: list[Any], transform: Transform, parent_id: int) -> Actor:
        actor = Actor(self._next_id, description, transform, parent_id)
        self._next_id += 1
        self._actors[actor.id] = actor
        return actor


def _distance_m(one: Actor, other: Actor) -> float:
    if one is other:
        return float("inf")
    a, b = one.transform, other.transform
    return ((a.x_m - b.x_m) ** 2 + (a.y_m - b.y_m) ** 2) ** 0.5
