"""Line measurements of one detection, transformed to the present pose of the car.

A detection with a LaneModel states its sigmas. One without (a minimal writer) has two image points per line: they
become straight lines on flat ground with large sigmas.
"""

import math
from typing import NamedTuple

import numpy as np

from lkas.decision.odometry import Displacement
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import (
    CameraGeometry,
    DetectionMessage,
    LaneLine,
    LaneMessage,
    LineOrigin,
)
from lkas.scale import FULL_SIZE, Scale

LEFT, RIGHT = 1.0, -1.0
MIN_CONFIDENCE = 0.05  # a line that is wrong nineteen times out of twenty is not used
MAX_LATERAL_M = 8.0  # beside the car; a line further away does not bound its lane
MIN_LENGTH_M = 1.0  # of a line given by two image points
MAX_HEADING_RAD = 0.7
MAX_CURVATURE_RADPM, MAX_CURVATURE_RATE_RADPM2 = 0.3, 0.1  # no car can turn so sharply
MAX_SIGMA = 100.0  # a larger one carries no information

# Sigmas of a line known by two image points: the effects of an uneven road and of a bend.
STRAIGHT_LINE_SIGMAS = (0.15, 0.02, 4e-3, 3e-4)


class LineMeasurement(NamedTuple):
    """One measured line: y(x) = c0 + c1 x + c2 x²/2 + c3 x³/6 in the ego frame, with sigmas."""

    side: float  # LEFT or RIGHT of the car's lane
    coefficients: tuple[float, float, float, float]
    sigmas: tuple[float, float, float, float]

    def transformed(self, moved: Displacement) -> "LineMeasurement":
        """Return the same line in the ego frame after the car has moved."""
        c0, c1, c2, c3 = self.coefficients
        sigma_c0, sigma_c1, sigma_c2, sigma_c3 = self.sigmas
        dx = moved.forward_m
        y = c0 + dx * (c1 + dx * (c2 / 2 + dx * c3 / 6))
        slope = c1 + dx * (c2 + dx * c3 / 2)
        lateral_m = (y - moved.left_m) / (math.cos(moved.turn_rad) + slope * math.sin(moved.turn_rad))
        return LineMeasurement(
            self.side,
            (lateral_m, math.tan(math.atan(slope) - moved.turn_rad), c2 + dx * c3, c3),
            (
                math.hypot(sigma_c0, dx * sigma_c1, dx * dx / 2 * sigma_c2),
                math.hypot(sigma_c1, dx * sigma_c2),
                math.hypot(sigma_c2, dx * sigma_c3),
                sigma_c3,
            ),
        )


class LineExtractor:
    """Extracts the usable lines of detections; caches the camera projection for those without a LaneModel."""

    def __init__(self, scale: Scale = FULL_SIZE) -> None:
        """`scale` is the car's."""
        self._scale = scale
        self._camera: PinholeCamera | None = None

    def lines(self, detection: DetectionMessage, camera: CameraGeometry) -> tuple[LineMeasurement, ...]:
        """Return up to two measured lines. Predicted and derived lines are not measurements and are left out."""
        if detection.lane_model is not None:
            model = detection.lane_model
            found = (_from_line(LEFT, model.left), _from_line(RIGHT, model.right))
        else:
            found = (
                self._from_image(LEFT, detection.left_lane, camera),
                self._from_image(RIGHT, detection.right_lane, camera),
            )
        lines = tuple(line for line in found if line is not None and _is_plausible(line, self._scale.length))
        if len(lines) == 2 and lines[0].coefficients[0] <= lines[1].coefficients[0]:
            return ()  # the left line is right of the right one: neither is reliable
        return lines

    def _from_image(self, side: float, lane: LaneMessage | None, geometry: CameraGeometry) -> LineMeasurement | None:
        if lane is None or not lane.confidence >= MIN_CONFIDENCE:
            return None
        pixels = np.array([[lane.x1, lane.y1], [lane.x2, lane.y2]])
        if not np.isfinite(pixels).all():
            return None
        if self._camera is None or self._camera.geometry != geometry:
            self._camera = PinholeCamera(geometry)
        (x1, y1), (x2, y2) = self._camera.ground_from_image(pixels)
        if not x2 - x1 > MIN_LENGTH_M * self._scale.length:  # also false for NaN: a point above the horizon
            return None
        slope = float((y2 - y1) / (x2 - x1))
        coefficients = (float(y1) - slope * float(x1), slope, 0.0, 0.0)
        a, b, c, d = STRAIGHT_LINE_SIGMAS
        length = self._scale.length
        sigmas = a * length, b, c / length, d / length**2
        return LineMeasurement(side, coefficients, _scaled(sigmas, lane.confidence))


def _from_line(side: float, line: LaneLine | None) -> LineMeasurement | None:
    if line is None or line.origin is not LineOrigin.MEASURED or not line.confidence >= MIN_CONFIDENCE:
        return None
    sigmas = (line.sigma_c0, line.sigma_c1, line.sigma_c2, line.sigma_c3)
    return LineMeasurement(side, (line.c0, line.c1, line.c2, line.c3), _scaled(sigmas, line.confidence))


def _scaled(sigmas: tuple[float, float, float, float], confidence: float) -> tuple[float, float, float, float]:
    """The sigmas, larger for a low confidence."""
    factor = 1 / math.sqrt(min(1.0, confidence))
    a, b, c, d = sigmas
    return a * factor, b * factor, c * factor, d * factor


def _is_plausible(line: LineMeasurement, length: float) -> bool:
    return (
        all(map(math.isfinite, line.coefficients + line.sigmas))
        and abs(line.coefficients[0]) < MAX_LATERAL_M * length
        and abs(line.coefficients[1]) < MAX_HEADING_RAD
        and abs(line.coefficients[2]) < MAX_CURVATURE_RADPM / length
        and abs(line.coefficients[3]) < MAX_CURVATURE_RATE_RADPM2 / length**2
        and 0.0 <= min(line.sigmas) <= max(line.sigmas) < MAX_SIGMA / length**2
    )
