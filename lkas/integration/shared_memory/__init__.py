"""Typed channels over shared memory: one writer, any number of readers, the latest value wins. See README.md.

Names are imported on first use, so that importing `.messages` alone loads neither numpy nor the C core.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lkas.integration.shared_memory.channel import ChannelStats, MessageChannel, wait_any
    from lkas.integration.shared_memory.channels import (
        ControlChannel,
        DetectionChannel,
        ImageChannel,
        TimelineChannel,
        TracksChannel,
        VehicleChannel,
    )
    from lkas.integration.shared_memory.errors import (
        SHMBufferFullError,
        SHMConnectionError,
        SHMError,
        SHMSchemaError,
        SHMSerializationError,
        SHMTimeoutError,
        SHMWriterExistsError,
    )
    from lkas.integration.shared_memory.link import SimulationLink
    from lkas.integration.shared_memory.segment import SegmentInfo, list_segments, remove_stale

__all__ = [
    "ChannelStats",
    "ControlChannel",
    "DetectionChannel",
    "ImageChannel",
    "MessageChannel",
    "SHMBufferFullError",
    "SHMConnectionError",
    "SHMError",
    "SHMSchemaError",
    "SHMSerializationError",
    "SHMTimeoutError",
    "SHMWriterExistsError",
    "SegmentInfo",
    "SimulationLink",
    "TimelineChannel",
    "TracksChannel",
    "VehicleChannel",
    "list_segments",
    "remove_stale",
    "wait_any",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    if name.startswith("SHM"):
        module = "errors"
    elif name in ("SegmentInfo", "list_segments", "remove_stale"):
        module = "segment"
    elif name == "SimulationLink":
        module = "link"
    elif name in ("ChannelStats", "MessageChannel", "wait_any"):
        module = "channel"
    else:
        module = "channels"
    return getattr(import_module(f"{__name__}.{module}"), name)
