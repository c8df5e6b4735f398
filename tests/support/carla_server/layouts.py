"""Byte layouts and records of the CARLA 0.9.16 wire protocol, as its client library expects them.

Everything is little-endian. Poses are CARLA's own: left-handed, x forward, y right, z up, degrees.
"""

import math
import struct
import time
from typing import Any, NamedTuple

VERSION = "0.9.16"
CAMERA_TYPE, WORLD_TYPE = 13, 17  # index of the sensor in the client's list; both moved between versions
VEHICLE_BYTES = 54  # of the 119 an actor has
ACTIVE = 1  # actor state
ROAD_VEHICLE_TAG = 14  # semantic tag of a car

_SENSOR_HEAD = struct.Struct("<QQd6f")
_WORLD_HEAD = struct.Struct("<Qdf3iI")
_ACTOR_HEAD = struct.Struct("<IB6f9f")
_VEHICLE = struct.Struct("<3f3?if B?IB")
_IMAGE_HEAD = struct.Struct("<IIf")
_TOKEN = struct.Struct("<IHBB")

Vector = tuple[float, float, float]
ZERO: Vector = (0.0, 0.0, 0.0)


class Transform(NamedTuple):
    """A pose in CARLA's frame."""

    x_m: float = 0.0
    y_m: float = 0.0
    z_m: float = 0.0
    pitch_deg: float = 0.0
    yaw_deg: float = 0.0
    roll_deg: float = 0.0

    @classmethod
    def of(cls, record: list[list[float]]) -> "Transform":
        return cls(*record[0], *record[1])

    @property
    def record(self) -> list[list[float]]:
        return [[self.x_m, self.y_m, self.z_m], [self.pitch_deg, self.yaw_deg, self.roll_deg]]

    def placed(self, x_m: float, y_m: float, z_m: float = 0.0) -> Vector:
        """Transform a point from the axes of this pose to its parent axes; uses the yaw only."""
        cos, sin = math.cos(math.radians(self.yaw_deg)), math.sin(math.radians(self.yaw_deg))
        return self.x_m + x_m * cos - y_m * sin, self.y_m + x_m * sin + y_m * cos, self.z_m + z_m


class Motion(NamedTuple):
    """The motion of an actor in a world packet; velocities in m/s and deg/s."""

    velocity: Vector = ZERO
    angular_velocity: Vector = ZERO
    acceleration: Vector = ZERO


def token(stream_id: int, port: int) -> bytes:
    """Return the address of a stream: TCP, IPv4, this machine."""
    return _TOKEN.pack(stream_id, port, 1, 1) + bytes([127, 0, 0, 1]) + bytes(12)


def bounding_box(actor_id: int, half_length_m: float, half_width_m: float, half_height_m: float) -> list[Any]:
    return [[0.0, 0.0, half_height_m], [half_length_m, half_width_m, half_height_m], [0.0, 0.0, 0.0], actor_id]


def actor_bytes(actor_id: int, transform: Transform, motion: Motion, control: list[Any] | None) -> bytes:
    """Pack one actor of a world packet.

    `control` of a car: throttle, steer, brake, hand brake, reverse, manual, gear; None for other actors.
    """
    head = _ACTOR_HEAD.pack(
        actor_id, ACTIVE, *transform, *motion.velocity, *motion.angular_velocity, *motion.acceleration
    )
    tail = b""
    if control is not None:
        tail = _VEHICLE.pack(*control[:7], 30.0, 2, False, 0, 0)  # speed limit, light, light state and failure
    return head + tail.ljust(VEHICLE_BYTES, b"\0")


def world_packet(frame: int, time_s: float, delta_s: float, episode: int, actors: list[bytes]) -> bytes:
    head = _SENSOR_HEAD.pack(WORLD_TYPE, frame, time_s, *Transform())
    return head + _WORLD_HEAD.pack(episode, time.time(), delta_s, 0, 0, 0, 0) + b"".join(actors)


def image_packet(
    frame: int, time_s: float, transform: Transform, width_px: int, height_px: int, fov_deg: float, bgra: bytes
) -> bytes:
    head = _SENSOR_HEAD.pack(CAMERA_TYPE, frame, time_s, *transform)
    return head + _IMAGE_HEAD.pack(width_px, height_px, fov_deg) + bgra
