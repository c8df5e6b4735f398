"""Pitch and yaw from a vanishing point."""

import math

import msgspec
import numpy as np

from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import CameraGeometry


def aimed_at(geometry: CameraGeometry, vanishing_point_px: tuple[float, float]) -> CameraGeometry:
    """The same camera, rotated so that this pixel is its vanishing point; its roll is unchanged."""
    right, down = PinholeCamera(geometry).directions(np.array([vanishing_point_px]))[0].tolist()
    # The pixel's ray in the mount's axes (forward, left, up), with the roll removed.
    cos_roll, sin_roll = math.cos(geometry.roll_rad), math.sin(geometry.roll_rad)
    left, up = -right * cos_roll + down * sin_roll, -right * sin_roll - down * cos_roll
    return msgspec.structs.replace(
        geometry, pitch_rad=math.atan2(up, 1.0), yaw_rad=-math.asin(left / math.sqrt(1 + left**2 + up**2))
    )
