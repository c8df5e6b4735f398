"""Errors of reported lane lines relative to the true lines at the car."""

import math

import numpy as np
from msgspec import Struct

from lkas.frames import PinholeCamera, wrap_rad
from lkas.integration.shared_memory.messages import CameraGeometry, LaneMessage, LaneModel, LineOrigin
from lkas.scale import FULL_SIZE, scale_of_lane
from simulation.world import Truth


class LineError(Struct, frozen=True):
    """Difference of a reported line from the true one, at the car; left positive."""

    offset_m: float
    heading_rad: float
    confidence: float


def line_errors(
    truth: Truth, model: LaneModel | None, left: LaneMessage | None, right: LaneMessage | None, camera: CameraGeometry
) -> list[LineError]:
    """Return the errors of the lines of a detection: of its lane model, or of its image lines without a model."""
    errors = []
    for side, line, segment in (
        (1, model.left if model else None, left),
        (-1, model.right if model else None, right),
    ):
        if model is not None:
            found = None if line is None or line.origin is LineOrigin.PREDICTED else (line.c0, line.c1, line.confidence)
        else:
            found = _ground_line(segment, camera)
        if found is None:
            continue
        c0, c1, confidence = found
        true_c0, true_c1 = true_line(truth, side * truth.lane_width_m / 2)
        errors.append(LineError(c0 - true_c0, wrap_rad(math.atan(c1) - math.atan(true_c1)), confidence))
    return errors


def true_line(truth: Truth, t_m: float) -> tuple[float, float]:
    """Return c0 and c1 in the ego frame of a line at the lateral position t_m from the lane centre, left positive.

    On a full-size road the line is straight beside the car; in the bends of a model road its curvature counts.
    """
    beside_m, heading_rad = (t_m - truth.offset_m) / math.cos(truth.heading_error_rad), truth.heading_error_rad
    if scale_of_lane(truth.lane_width_m) == FULL_SIZE:
        return beside_m, -math.tan(heading_rad)
    curvature = truth.curvature_radpm / (1 - truth.curvature_radpm * t_m)
    back_m = beside_m * math.sin(heading_rad)  # along the lane: where the car's y axis meets the line
    beside_m += curvature * back_m**2 / 2 / math.cos(heading_rad)
    return beside_m, math.tan(math.atan(-curvature * back_m) - heading_rad)


def _ground_line(segment: LaneMessage | None, geometry: CameraGeometry) -> tuple[float, float, float] | None:
    """Project both ends of an image line to the ground; return (c0, c1, confidence), or None above the horizon."""
    if segment is None:
        return None
    camera = PinholeCamera(geometry)
    pixels = np.array([[segment.x1, segment.y1], [segment.x2, segment.y2]])
    (x1, y1), (x2, y2) = camera.ground_from_image(pixels).tolist()
    if not x2 - x1 > 0:  # also false for NaN
        return None
    slope = (y2 - y1) / (x2 - x1)
    return y1 - slope * x1, slope, segment.confidence
