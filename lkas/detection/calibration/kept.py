"""The pose of a camera, kept in a file between runs, for worlds that do not say how their camera stands.

One file belongs to one camera. What it holds is where the search begins: a film is calibrated from its own frames all
the same, and a camera that was moved is found again.
"""

import json
import math
from pathlib import Path

from msgspec import structs

from lkas.integration.shared_memory.messages import Calibration, CalibrationStatus
from lkas.runtime.instance import write_whole
from lkas.vehicle import CameraConfig

FIELDS = ("pitch_deg", "yaw_deg", "roll_deg")
MOST_DEG = 45.0


class KeptPoseError(ValueError):
    """A file that is no camera's pose; the text names the file, what was expected and what to do."""


def with_kept_pose(camera: CameraConfig, path: str | Path) -> CameraConfig:
    """The camera as the file says it stands; unchanged where there is no file yet. Raises KeptPoseError."""
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError:
        return camera
    except (OSError, UnicodeDecodeError) as error:
        raise KeptPoseError(f"{path}: can not read this camera's pose: {error}") from error
    try:
        raw = json.loads(text)
        pose = {name: float(raw[name]) for name in FIELDS}
    except (ValueError, KeyError, TypeError) as error:
        raise KeptPoseError(
            f"{path}: expected a JSON object with {', '.join(FIELDS)}, found {text[:60]!r}; "
            f"delete the file to start anew"
        ) from error
    for name, value in pose.items():
        if not abs(value) <= MOST_DEG:  # also false for NaN
            raise KeptPoseError(
                f"{path}: expected {name} within {MOST_DEG:g} degrees, found {value}; delete the file to start anew"
            )
    return structs.replace(camera, **pose)


def keep_pose(path: str | Path, calibration: Calibration) -> bool:
    """Write the pose of a finished calibration, in one go; False, and nothing written, for any other.

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
