"""Conversions between CARLA's frame and ours: the only place where signs change.

CARLA is left-handed: x forward, y right, z up; degrees; yaw clockwise seen from above, pitch positive with the nose
up, roll positive with the right side down. Ours is ISO 8855: y left, radians, yaw counter-clockwise, pitch positive
with the nose down, roll positive with the right side down. `ahead_m` is how far our ego origin (the ground below the
centre of gravity) lies ahead of the actor's origin.
"""

import math
from typing import NamedTuple

import carla

from lkas.frames import wrap_rad
from lkas.integration.shared_memory.messages import Pose
from lkas.vehicle import CameraConfig


class Motion(NamedTuple):
    """Motion along the axes of the car, left positive."""

    speed_mps: float
    side_speed_mps: float
    yaw_rate_radps: float
    acceleration_mps2: float
    lateral_acceleration_mps2: float


def pose_of(transform: carla.Transform, ahead_m: float) -> Pose:
    """Return the pose of the ego origin for an actor's transform."""
    location, rotation, forward = transform.location, transform.rotation, transform.get_forward_vector()
    return Pose(
        x_m=location.x + ahead_m * forward.x,
        y_m=-(location.y + ahead_m * forward.y),
        z_m=location.z + ahead_m * forward.z,
        yaw_rad=wrap_rad(-math.radians(rotation.yaw)),
        pitch_rad=-math.radians(rotation.pitch),
        roll_rad=math.radians(rotation.roll),
    )


def transform_of(x_m: float, y_m: float, z_m: float, yaw_rad: float) -> carla.Transform:
    """Return CARLA's transform of a level pose in our map coordinates."""
    return carla.Transform(carla.Location(x=x_m, y=-y_m, z=z_m), carla.Rotation(yaw=-math.degrees(yaw_rad)))


def motion_of(
    transform: carla.Transform, velocity: carla.Vector3D, angular_velocity: carla.Vector3D, acceleration: carla.Vector3D
) -> Motion:
    """Return world vectors (m/s, deg/s, m/s²) in the axes of the car."""
    forward, right = transform.get_forward_vector(), transform.get_right_vector()
    return Motion(
        speed_mps=velocity.dot(forward),
        side_speed_mps=-velocity.dot(right),
        yaw_rate_radps=-math.radians(angular_velocity.z),
        acceleration_mps2=acceleration.dot(forward),
        lateral_acceleration_mps2=-acceleration.dot(right),
    )


def camera_transform(camera: CameraConfig, ahead_m: float) -> carla.Transform:
    """Return the pose of the camera relative to the actor's origin."""
    return carla.Transform(
        carla.Location(x=camera.x_m + ahead_m, y=-camera.y_m, z=camera.height_m),
        carla.Rotation(pitch=-camera.pitch_deg, yaw=-camera.yaw_deg, roll=camera.roll_deg),
    )


def vehicle_control(steering: float, throttle: float, brake: float) -> carla.VehicleControl:
    """Return the clamped control; steering is positive to the right, as in CARLA. The library does not clamp."""
    return carla.VehicleControl(
        throttle=min(1.0, max(0.0, throttle)), steer=min(1.0, max(-1.0, steering)), brake=min(1.0, max(0.0, brake))
    )
