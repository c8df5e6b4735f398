"""The scale of a model road or a model car, from its lane width or its wheelbase; 1 for everything full-size.

Constants of this project are those of a full-size car on a full-size road. A model's are derived from them by dynamic
similarity (Froude): gravity and grip are the same at every size, so accelerations and angles keep their values, lengths
are multiplied by the scale, times and speeds by its square root, and curvatures divided by it.
"""

import math

from msgspec import Struct, structs

from lkas.integration.shared_memory.messages import CameraGeometry

FULL_SIZE_LANE_M, MIN_FULL_SIZE_LANE_M = 3.5, 2.2  # a narrower lane is a model's
FULL_SIZE_WHEELBASE_M, MIN_FULL_SIZE_WHEELBASE_M = 2.7, 1.5  # a shorter car is a model


class Scale(Struct, frozen=True):
    """Size relative to full size, in (0, 1]."""

    length: float = 1.0

    @property
    def time(self) -> float:
        """The factor of times and of speeds."""
        return math.sqrt(self.length)

    @property
    def speed(self) -> float:
        return math.sqrt(self.length)


FULL_SIZE = Scale()


def scale_of_lane(lane_width_m: float) -> Scale:
    """Return the scale of a road with lanes of this width."""
    return FULL_SIZE if lane_width_m >= MIN_FULL_SIZE_LANE_M else Scale(lane_width_m / FULL_SIZE_LANE_M)


def scale_of_car(wheelbase_m: float) -> Scale:
    """Return the scale of a car with this wheelbase."""
    return FULL_SIZE if wheelbase_m >= MIN_FULL_SIZE_WHEELBASE_M else Scale(wheelbase_m / FULL_SIZE_WHEELBASE_M)


def at_full_size(camera: CameraGeometry, scale: Scale) -> CameraGeometry:
    """Return the camera of a model car as it would be mounted on the full-size one."""
    if scale == FULL_SIZE:
        return camera
    length = scale.length
    return structs.replace(camera, height_m=camera.height_m / length, x_m=camera.x_m / length, y_m=camera.y_m / length)
