"""lkas: a multi-process lane keeping assist pipeline.

Camera frames, detections and steering travel over typed shared-memory channels; a broker carries
telemetry, parameters and actions to viewers. See README.md for the data path and the sign conventions.
"""

from pathlib import Path

__version__ = "0.1.0"


def get_include() -> str:
    """Folder with the C headers (`lkas_channel.h`, `lkas_messages.h`, ...), for `-I` of a C or C++ build."""
    return str(Path(__file__).parent / "include")
