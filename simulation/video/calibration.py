"""The calibration file of a video's camera: a section `camera`, as `--config` reads and `lkas calibrate` writes it."""

from pathlib import Path

from lkas.config import ConfigError, load
from lkas.integration.shared_memory.messages import CameraGeometry
from lkas.vehicle import CameraConfig
from lkas.yaml_text import read_yaml
from simulation.config import SimulationConfig
from simulation.world import WorldError

REQUIRED = ("hfov_deg", "height_m", "pitch_deg")  # a default would publish a guess as a fact


def camera_geometry(simulation: SimulationConfig, width_px: int, height_px: int) -> CameraGeometry | None:
    """Return the camera geometry of `simulation.calibration`; None without a file. Raises WorldError."""
    if simulation.calibration is None:
        return None
    return _read(Path(simulation.calibration), width_px, height_px)


def _read(path: Path, width_px: int, height_px: int) -> CameraGeometry:
    try:
        camera: CameraConfig = load({"camera": CameraConfig}, file=path, environ={})["camera"]
    except ConfigError as error:
        raise WorldError(f"simulation.calibration: {error}") from error
    stated = read_yaml(path)
    missing = [key for key in REQUIRED if stated.line_of("camera", key) is None]
    if missing:
        raise WorldError(
            f"simulation.calibration: {path}: camera: no {', '.join(missing)}; expected {', '.join(REQUIRED)}, which "
            "define the camera pose; or remove the key simulation.calibration, and detection estimates the pose"
        )
    return camera.geometry(width_px, height_px)
