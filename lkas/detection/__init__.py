"""Lane detection: `create_detector(method)` gives a pure object from images to lane lines."""

from typing import TYPE_CHECKING

from lkas.detection.parameters import METHODS, DetectionParameters

if TYPE_CHECKING:
    from lkas.detection.types import DetectionResult, LaneDetector
    from lkas.vehicle import CameraConfig

__all__ = ["METHODS", "DetectionParameters", "DetectionResult", "LaneDetector", "create_detector"]


def create_detector(
    method: str = "cv",
    parameters: "DetectionParameters | None" = None,
    camera: "CameraConfig | None" = None,
) -> "LaneDetector":
    """A new detector. Raises ValueError for an unknown method, naming the known ones."""
    from importlib import import_module

    from lkas.vehicle import CameraConfig

    if method not in METHODS:
        raise ValueError(f"no detection method {method!r}; known are {', '.join(METHODS)}")
    module = import_module(f"lkas.detection.methods.{method}")
    return module.Detector(parameters or DetectionParameters(), camera or CameraConfig())


def __getattr__(name: str):
    if name in ("DetectionResult", "LaneDetector"):
        from lkas.detection import types

        return getattr(types, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
