"""From a model road enlarged to full size back to its own size."""

from msgspec import structs

from lkas.detection.types import DetectionResult
from lkas.integration.shared_memory.messages import LaneLine
from lkas.scale import FULL_SIZE, Scale


def at_scale(result: DetectionResult, scale: Scale) -> DetectionResult:
    """Return a result measured at full size in the lengths of a road of this scale. Pixels stay."""
    model, length = result.lane_model, scale.length
    if scale == FULL_SIZE or model is None:
        return result
    calibration = structs.replace(
        model.calibration,
        height_m=model.calibration.height_m * length,
        x_m=model.calibration.x_m * length,
        y_m=model.calibration.y_m * length,
    )
    model = structs.replace(
        model,
        left=_line(model.left, length),
        right=_line(model.right, length),
        width_m=None if model.width_m is None else model.width_m * length,
        width_sigma_m=None if model.width_sigma_m is None else model.width_sigma_m * length,
        calibration=calibration,
    )
    left, right = result.neighbours
    return structs.replace(result, lane_model=model, neighbours=(_line(left, length), _line(right, length)))


def _line(line: LaneLine | None, length: float) -> LaneLine | None:
    if line is None:
        return None
    return structs.replace(
        line,
        c0=line.c0 * length,
        c2=line.c2 / length,
        c3=line.c3 / length**2,
        sigma_c0=line.sigma_c0 * length,
        sigma_c2=line.sigma_c2 / length,
        sigma_c3=line.sigma_c3 / length**2,
        x_min_m=line.x_min_m * length,
        x_max_m=line.x_max_m * length,
    )
