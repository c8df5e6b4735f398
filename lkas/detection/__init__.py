"""Lane detection: `create_detector(method)` gives a pure object from images to lane lines."""

from typing import TYPE_CHECKING

from lkas.detection.parameters import METHODS, DetectionParameters

if TYPE_CHECKING:
    from lkas.detection.types import DetectionResult, LaneDetector
    from lkas.vehicle import CameraConfig

__all__ = ["METHODS", "DetectionParameters", "DetectionResult", "LaneDetector", "create_detector"]


def create_detector(
    method: str | None = None,
    parameters: "DetectionParameters | None" = None,
    camera: "CameraConfig | None" = None,
) -> "LaneDetector":
    """A new detector: one of METHODS, or FILE.py:NAME, package.module:NAME of your own; None: as `parameters` say.

    Raises ValueError for an unknown method, naming the known ones, and OwnCodeError (a ValueError) for own code that
    can not be used.
    """
    from importlib import import_module

    from lkas.plugins.load import PATTERN, is_own_name
    from lkas.vehicle import CameraConfig

    parameters, camera = parameters or DetectionParameters(), camera or CameraConfig()
    method = parameters.method if method is None else method
    if is_own_name(method):
        from lkas.detection.methods.plugin import OwnDetector

        return OwnDetector(method, parameters, camera)
    if method not in METHODS:
        raise ValueError(f"no such detection method {method!r}; known are {', '.join(METHODS)}, or {PATTERN}")
    return import_module(f"lkas.detection.methods.{method}").Detector(parameters, camera)


def __getattr__(name: str):
    if name in ("DetectionResult", "LaneDetector"):
        from lkas.detection import types

        return getattr(types, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
