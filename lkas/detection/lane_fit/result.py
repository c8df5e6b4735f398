"""What a frame showed, as a detector's result: the lines in the ego frame, those beside them, and their two points."""

from dataclasses import dataclass

from lkas.detection.lane_fit.finding import SURE, Finding
from lkas.detection.lane_fit.line_in_ego import lane_line
from lkas.detection.lane_fit.neighbours import neighbour_of
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
    """How far the camera's pose is known; as in Calibration."""

    status: CalibrationStatus
    percent: float = 0.0
    spread_px: float = 0.0


def result_of(
    finding: Finding, ages: tuple[int, int], state: CalibrationState, lane_width_m: float, width_spread: float
) -> DetectionResult:
    """`ages`: for how many frames the left and the right line have been followed. Lanes are expected to be
    `lane_width_m` wide, give or take `width_spread` of it."""
    geometry, fit = finding.geometry, finding.fit
    lines: list[LaneLine | None] = [None, None]
    neighbours: list[LaneLine | None] = [None, None]
    for side, seen in enumerate(finding.lines):
        if seen is None:
            continue
        lines[side] = lane_line(seen, geometry, ages[side])
        if seen.confidence >= SURE and fit is not None and finding.peaks is not None:
            expected = lane_width_m, width_spread
            beside = neighbour_of(fit, side, seen.support.coverage, finding.peaks, finding.view, *expected)
            neighbours[side] = beside and lane_line(beside, geometry, 0)
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
    height_px = finding.view.size_px[1]
    return DetectionResult(
        left_lane=left and lane_message(left, geometry, height_px),
        right_lane=right and lane_message(right, geometry, height_px),
        lane_model=model,
        neighbours=(neighbours[0], neighbours[1]),
    )
