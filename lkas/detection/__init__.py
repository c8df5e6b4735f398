"""Lane detection: `create_detector(method)` returns a pure object from images to lane lines."""

from typing import TYPE_CHECKING

from lkas.detection.parameters import METHODS, DetectionParameters

if TYPE_CHECKING:
    from lkas.detection.stages import Stages
    from lkas.detection.types import DetectionResult, LaneDetector
    from lkas.vehicle import CameraConfig

__all__ = ["METHODS", "DetectionParameters", "DetectionResult", "LaneDetector", "create_detector"]


def create_detector(
    method: str | None = None,
    parameters: "DetectionParameters | None" = None,
    camera: "CameraConfig | None" = None,
    stages: "Stages | None" = None,
) -> "LaneDetector":
    """A new detector: one of METHODS, or a plugin named FILE.py:NAME or package.module:NAME; None: as `parameters` say.

    `stages`: hook around the stages of a registered method, to time them (lkas.detection.stages); plugins have none.
    Raises ValueError for an unknown method, naming the known ones, and PluginError (a ValueError) for a plugin that
    cannot be used.
    """
    from importlib import import_module

    from lkas.detection.registry import REGISTRY
    from lkas.plugins.names import PATTERN, is_plugin_name
    from lkas.vehicle import CameraConfig

    parameters, camera = parameters or DetectionParameters(), camera or CameraConfig()
    method = parameters.method if method is None else method
    if is_plugin_name(method):
        from lkas.detection.methods.plugin import PluginDetector

        return PluginDetector(method, parameters, camera)
    if method not in REGISTRY:
        raise ValueError(f"no such detection method {method!r}; known are {', '.join(METHODS)}, or {PATTERN}")
    from lkas.detection.stages import untimed

    module, _, name = REGISTRY[method].partition(":")
    detector_class = getattr(import_module(f"lkas.detection.methods.{module}"), name)
    return detector_class(parameters, camera, stages or untimed)


def __getattr__(name: str):
    if name in ("DetectionResult", "LaneDetector"):
        from lkas.detection import types

        return getattr(types, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
