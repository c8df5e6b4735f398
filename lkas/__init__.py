"""lkas: a multi-process lane keeping assist pipeline.

Camera frames, detections and steering travel over typed shared-memory channels; a broker carries telemetry, parameters
and actions to viewers. README.md shows the data path and the sign conventions.

The public names are imported on first use, so that `import lkas` loads neither NumPy nor OpenCV:

    from lkas import ControlChannel, ControlMode, ImageChannel, LKASBroker, LKASClient, create_detector
"""

TYPE_CHECKING = False  # type checkers and editors take it for true; importing it from typing takes several milliseconds
if TYPE_CHECKING:
    from typing import Any

    from lkas.decision.controllers import create_controller
    from lkas.decision.keeper import LaneKeeper
    from lkas.detection import create_detector
    from lkas.detection.types import DetectionResult, LaneDetector
    from lkas.integration.client import CommandRefusedError, LKASClient
    from lkas.integration.shared_memory.channel import MessageChannel, wait_any
    from lkas.integration.shared_memory.channels import (
        ControlChannel,
        DetectionChannel,
        ImageChannel,
        TimelineChannel,
        TracksChannel,
        VehicleChannel,
    )
    from lkas.integration.shared_memory.errors import SHMConnectionError, SHMError, SHMTimeoutError
    from lkas.integration.shared_memory.link import SimulationLink
    from lkas.integration.shared_memory.messages import (
        ControlMessage,
        ControlMode,
        DetectionMessage,
        ImageMessage,
        LaneMessage,
        LaneModel,
        TimelineMessage,
        TracksMessage,
        VehicleState,
        asdict,
    )
    from lkas.integration.shared_memory.sockets import Publisher, Puller, Pusher, Replier, Requester, Subscriber
    from lkas.integration.zmq import BrokerClient, LKASBroker, ParameterClient

__version__ = "0.1.0"

_MODULES = {
    "lkas.decision.controllers": ("create_controller",),
    "lkas.decision.keeper": ("LaneKeeper",),
    "lkas.detection": ("create_detector",),
    "lkas.detection.types": ("DetectionResult", "LaneDetector"),
    "lkas.integration.client": ("CommandRefusedError", "LKASClient"),
    "lkas.integration.shared_memory.channel": ("MessageChannel", "wait_any"),
    "lkas.integration.shared_memory.channels": (
        "ControlChannel",
        "DetectionChannel",
        "ImageChannel",
        "TimelineChannel",
        "TracksChannel",
        "VehicleChannel",
    ),
    "lkas.integration.shared_memory.link": ("SimulationLink",),
    "lkas.integration.shared_memory.errors": ("SHMConnectionError", "SHMError", "SHMTimeoutError"),
    "lkas.integration.shared_memory.messages": (
        "ControlMessage",
        "ControlMode",
        "DetectionMessage",
        "ImageMessage",
        "LaneMessage",
        "LaneModel",
        "TimelineMessage",
        "TracksMessage",
        "VehicleState",
        "asdict",
    ),
    "lkas.integration.shared_memory.sockets": (
        "Publisher",
        "Puller",
        "Pusher",
        "Replier",
        "Requester",
        "Subscriber",
    ),
    "lkas.integration.zmq": ("BrokerClient", "LKASBroker", "ParameterClient"),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "BrokerClient",
    "CommandRefusedError",
    "ControlChannel",
    "ControlMessage",
    "ControlMode",
    "DetectionChannel",
    "DetectionMessage",
    "DetectionResult",
    "ImageChannel",
    "ImageMessage",
    "LKASBroker",
    "LKASClient",
    "LaneDetector",
    "LaneKeeper",
    "LaneMessage",
    "LaneModel",
    "MessageChannel",
    "ParameterClient",
    "Publisher",
    "Puller",
    "Pusher",
    "Replier",
    "Requester",
    "SHMConnectionError",
    "SHMError",
    "SHMTimeoutError",
    "SimulationLink",
    "Subscriber",
    "TimelineChannel",
    "TimelineMessage",
    "TracksChannel",
    "TracksMessage",
    "VehicleChannel",
    "VehicleState",
    "__version__",
    "asdict",
    "create_controller",
    "create_detector",
    "get_include",
    "wait_any",
]


def get_include() -> str:
    """Return the folder of the C headers (`lkas_channel.h`, `lkas_messages.h`, ...), for `-I` of a C or C++ build."""
    from pathlib import Path

    return str(Path(__file__).parent / "include")


def __getattr__(name: str) -> "Any":
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
