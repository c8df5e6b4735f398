"""The pose of a camera, kept in a file between runs, for worlds that do not provide it.

One file belongs to one camera. It is the start value of the estimate: a video is calibrated from its own frames all the
same, and the pose of a camera that was moved is estimated again.
"""

import json
import math
from pathlib import Path

from msgspec import structs

from lkas.integration.shared_memory.messages import Calibration, CalibrationStatus
from lkas.runtime.instance import write_whole
from lkas.vehicle import CameraConfig

FIELDS = ("pitch_deg", "yaw_deg", "roll_deg")
MAX_ANGLE_DEG = 45.0
MAX_CHARS = 10_000


class PoseFileError(ValueError):
    """A file that does not contain a camera pose; the text names the file, what was expected and what to do."""


def with_saved_pose(camera: CameraConfig, path: str | Path) -> CameraConfig:
    """The camera with the pose of the file; unchanged if there is no file yet. Raises PoseFileError."""
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(MAX_CHARS)
    except FileNotFoundError:
        return camera
    except (OSError, UnicodeDecodeError) as error:
        raise PoseFileError(f"{path}: cannot read this camera pose: {error}") from error
    try:
        raw = json.loads(text)
        pose = {name: float(raw[name]) for name in FIELDS}
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise PoseFileError(
            f"{path}: expected a JSON object with {', '.join(FIELDS)}, found {text[:60]!r}; "
            f"delete the file to start again"
        ) from error
    for name, value in pose.items():
        if not abs(value) <= MAX_ANGLE_DEG:  # also false for NaN
            raise PoseFileError(
                f"{path}: expected {name} within {MAX_ANGLE_DEG:g} degrees, found {value}; "
                "delete the file to start again"
            )
    return structs.replace(camera, **pose)


def save_pose(path: str | Path, calibration: Calibration) -> bool:
    """Write the pose of a finished calibration, atomically; for any other, write nothing and return False.

    Raises OSError.
    """
    if calibration.status is not CalibrationStatus.CALIBRATED:
        return False
    angles_rad = (calibration.pitch_rad, calibration.yaw_rad, calibration.roll_rad)
    pose = {name: round(math.degrees(angle), 4) for name, angle in zip(FIELDS, angles_rad, strict=True)}
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps({**pose, "spread_px": round(calibration.spread_px, 2)}) + "\n")
    return True
