"""The detector interface: a pure object from an image to lane lines."""

import math
from typing import Any, Protocol

import numpy as np
from msgspec import Struct

from lkas.integration.shared_memory.messages import CameraGeometry, LaneLine, LaneMessage, LaneModel, VehicleState


class DetectionResult(Struct, frozen=True, kw_only=True):
    """The lanes of one frame. Both lines None: no lane was found."""

    left_lane: LaneMessage | None = None
    right_lane: LaneMessage | None = None
    lane_model: LaneModel | None = None  # None: the method measures in the image only
    neighbours: tuple[LaneLine | None, LaneLine | None] = (None, None)  # the next lines left and right of the ego lane


class LaneDetector(Protocol):
    """A pure, deterministic object: it reads no clock, no file and no channel, and keeps no reference to the image."""

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult:
        """Lane lines of one (H, W, 3) uint8 RGB image; without `timestamp` it is a single image.

        `timestamp`: world time in seconds, of video frames in order. Raises ValueError naming a wrong shape or dtype.
        """
        ...

    def update_parameter(self, name: str, value: Any) -> None:
        """Change one live parameter of section `detection`. Raises ParameterError."""
        ...

    def reset(self) -> None:
        """Forget everything learned from earlier frames."""
        ...


def check_image(image: Any) -> None:
    """Raise ValueError unless this is an (H, W, 3) uint8 image of at least 32 x 32 pixels."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"expected an (H, W, 3) uint8 RGB array, found {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or min(image.shape[:2]) < 32:
        raise ValueError(
            f"expected an (H, W, 3) uint8 RGB array of at least 32 x 32 pixels, found {image.shape} {image.dtype}"
        )


def check_camera(camera: CameraGeometry) -> None:
    """Raise ValueError unless the pose is possible: finite, above the ground, looking ahead."""
    fields = {name: getattr(camera, name) for name in CameraGeometry.__struct_fields__}
    for name, value in fields.items():
        if not (math.isfinite(value) and abs(value) < 1e6):
            raise ValueError(f"camera: expected a finite {name}, found {value}")
    for name in ("focal_px", "height_m"):
        if fields[name] <= 0:
            raise ValueError(f"camera: expected {name} above 0, found {fields[name]}")
    for name in ("pitch_rad", "yaw_rad", "roll_rad"):
        if abs(fields[name]) >= math.pi / 2:
            raise ValueError(f"camera: expected {name} within a right angle, found {fields[name]}")
