"""A custom detector: loaded by its name, tried on a plain road, and its results checked.

Every failure becomes an PluginError in the user's terms, with the place in the user's file.
"""

import math
from collections.abc import Iterator
from typing import Any

import cv2
import msgspec
import numpy as np

from lkas.detection.parameters import DetectionParameters
from lkas.detection.types import DetectionResult, LaneDetector, check_image
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import VehicleState
from lkas.parameters import ParameterError
from lkas.plugins.guard import PluginError, failure_of
from lkas.plugins.load import make
from lkas.plugins.names import short_name
from lkas.vehicle import CameraConfig

ROAD_LEVEL, PAINT_LEVEL = 90, 230
LINES_M, PAINT_WIDTH_M, NEAR_M, FAR_M = (1.75, -1.75), 0.15, 3.0, 80.0


class PluginDetector:
    """Lane detector FILE.py:NAME; see lkas.detection.types.LaneDetector. Everything here raises PluginError."""

    def __init__(self, name: str, parameters: DetectionParameters, camera: CameraConfig) -> None:
        self._name = name
        arguments = {"parameters": parameters, "camera": camera}
        self._detector: LaneDetector = make(name, arguments, ("detect", "reset", "update_parameter"))

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult:
        """Its result, with NumPy numbers converted to Python numbers. It cannot write to the image."""
        check_image(image)
        frame = image.view()
        frame.flags.writeable = False
        try:
            result = self._detector.detect(frame, timestamp, vehicle)
        except Exception as error:
            raise failure_of(self._name, error, "detect") from error
        return self._checked(result)

    def update_parameter(self, name: str, value: Any) -> None:
        try:
            self._detector.update_parameter(name, value)
        except ParameterError:
            raise
        except Exception as error:
            raise failure_of(self._name, error, f"update_parameter({name!r}, {value!r})") from error

    def reset(self) -> None:
        try:
            self._detector.reset()
        except Exception as error:
            raise failure_of(self._name, error, "reset") from error

    def _checked(self, result: Any) -> DetectionResult:
        """The result with every field in its declared type. Raises PluginError naming the field."""
        name = short_name(self._name)
        if not isinstance(result, DetectionResult):
            raise PluginError(
                f"{name}: detect returned {result!r:.60}; expected a lkas.detection.DetectionResult",
                f"{name}: not a result",
            )
        try:
            fields = msgspec.to_builtins(result, enc_hook=_python_number)
            for path, number in _numbers(fields):
                if not math.isfinite(number):
                    raise PluginError(
                        f"{name}: detect returned {path} = {number}; expected a finite number, or no line at all",
                        f"{name}: {path} is not finite",
                    )
            return msgspec.convert(fields, DetectionResult)
        except (msgspec.ValidationError, TypeError, NotImplementedError) as error:
            reason = str(error).replace("`$.", "`")
            raise PluginError(
                f"{name}: detect returned a DetectionResult with a wrong field: {reason}; expected the types of "
                "LaneMessage and LaneModel in lkas.integration.shared_memory.messages"
            ) from error


def try_detector(detector: LaneDetector, camera: CameraConfig) -> None:
    """Run a plugin once on a plain road and reset it; does nothing for other detectors. Raises PluginError."""
    if isinstance(detector, PluginDetector):
        state = VehicleState(speed_mps=10.0, yaw_rate_radps=0.0, camera=camera.geometry())
        detector.detect(plain_road(camera), 0.0, state)
        detector.reset()


def plain_road(camera: CameraConfig) -> np.ndarray:
    """(H, W, 3) uint8 RGB image of a straight grey road with two white lines, as this camera sees it."""
    image = np.full((camera.height_px, camera.width_px, 3), ROAD_LEVEL, np.uint8)
    view = PinholeCamera(camera.geometry())
    x_m = 1 / np.linspace(1 / NEAR_M, 1 / FAR_M, 60)
    for line_m in LINES_M:
        edges = [np.full_like(x_m, line_m + side * PAINT_WIDTH_M / 2) for side in (1, -1)]
        outline = np.vstack([view.image_from_ground(x_m, edges[0]), view.image_from_ground(x_m, edges[1])[::-1]])
        outline = outline[np.isfinite(outline).all(axis=1)]
        if len(outline) > 2:
            cv2.fillPoly(image, [np.clip(outline, -1e4, 1e4).round().astype(np.int32)], (PAINT_LEVEL,) * 3)
    return image


def _python_number(value: Any) -> Any:
    """Convert a NumPy scalar to a Python number. Raises NotImplementedError for anything else."""
    if isinstance(value, np.generic):
        return value.item()
    raise NotImplementedError(f"{type(value).__name__} is not a number")


def _numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Every float in a nested value with its path, as in left_lane.x1."""
    if isinstance(value, float):
        yield path, value
    elif isinstance(value, dict | list | tuple):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from _numbers(inner, f"{path}.{key}" if path else str(key))
