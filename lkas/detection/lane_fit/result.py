"""The result of a frame: ego lines and neighbours in the ego frame, and the two-point form of the ego lines."""

from dataclasses import dataclass

from lkas.detection.lane_fit.estimate import SURE, LaneEstimate
from lkas.detection.lane_fit.line_in_ego import lane_line
from lkas.detection.lane_fit.neighbours import neighbour_of
from lkas.detection.stages import Stage, Stages, untimed
from lkas.detection.types import DetectionResult
from lkas.frames import lane_message
from lkas.integration.shared_memory.messages import (
    Calibration,
    CalibrationStatus,
    CameraGeometry,
    LaneLine,
    LaneModel,
)


@dataclass(frozen=True, slots=True)
class CalibrationState:
    """How well the camera's pose is known; fields as in Calibration."""

    status: CalibrationStatus
    percent: float = 0.0
    spread_px: float = 0.0


def result_of(
    estimate: LaneEstimate,
    ages: tuple[int, int],
    state: CalibrationState,
    lane_width_m: float,
    width_spread: float,
    stages: Stages = untimed,
) -> DetectionResult:
    """`ages`: for how many frames the left and the right line have been followed. Lanes are expected to be
    `lane_width_m` wide, with a relative spread of `width_spread`."""
    geometry, fit = estimate.geometry, estimate.fit
    lines: list[LaneLine | None] = [None, None]
    neighbours: list[LaneLine | None] = [None, None]
    for side, line in enumerate(estimate.lines):
        if line is None:
            continue
        lines[side] = lane_line(line, geometry, ages[side])
        if line.confidence >= SURE and fit is not None and estimate.peaks is not None:
            with stages(Stage.NEIGHBOURS):
                neighbour = neighbour_of(
                    fit, side, line.support.coverage, estimate.peaks, estimate.view, lane_width_m, width_spread
                )
            neighbours[side] = neighbour and lane_line(neighbour, geometry, 0)
    left, right = lines
    has_both = fit is not None and left is not None and right is not None
    pose = {name: getattr(geometry, name) for name in CameraGeometry.__struct_fields__}
    model = LaneModel(
        left=left,
        right=right,
        width_m=fit.width_m if fit and has_both else None,
        width_sigma_m=fit.width_sigma_m if fit and has_both else None,
        calibration=Calibration(**pose, status=state.status, percent=state.percent, spread_px=state.spread_px),
    )
    height_px = estimate.view.size_px[1]
    return DetectionResult(
        left_lane=left and lane_message(left, geometry, height_px),
        right_lane=right and lane_message(right, geometry, height_px),
        lane_model=model,
        neighbours=(neighbours[0], neighbours[1]),
    )
