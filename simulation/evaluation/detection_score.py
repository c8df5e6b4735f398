"""Compares what a detector reports with truth: availability, confident errors, accuracy."""

import math

import numpy as np

from lkas.integration.shared_memory.messages import CameraGeometry, DetectionMessage
from simulation.evaluation.line_errors import line_errors
from simulation.world import Truth

CONFIDENT = 0.5
MAX_OFFSET_ERROR_M, MAX_HEADING_ERROR_RAD = 0.3, math.radians(2.0)  # beyond, a line is at a wrong position


class DetectionScore:
    """Accumulates the errors of the detections of a run."""

    def __init__(self) -> None:
        self._frames = self._with_lane = self._wrong = 0
        self._offsets_m: list[float] = []
        self._headings_rad: list[float] = []

    def add(self, truth: Truth, detection: DetectionMessage, camera: CameraGeometry) -> None:
        """Add the detection in a frame, with the truth at its exposure."""
        errors = line_errors(truth, detection.lane_model, detection.left_lane, detection.right_lane, camera)
        self._frames += 1
        self._with_lane += len(errors) == 2
        self._wrong += any(
            error.confidence >= CONFIDENT
            and (abs(error.offset_m) > MAX_OFFSET_ERROR_M or abs(error.heading_rad) > MAX_HEADING_ERROR_RAD)
            for error in errors
        )
        if errors:
            self._offsets_m.append(abs(sum(error.offset_m for error in errors)) / len(errors))
            self._headings_rad.append(abs(sum(error.heading_rad for error in errors)) / len(errors))

    def metrics(self) -> dict[str, float | None]:
        """Return the metrics by their keys in RunMetrics."""
        return {
            "availability_ratio": self._with_lane / self._frames if self._frames else None,
            "wrong_confident_ratio": self._wrong / self._frames if self._frames else None,
            "detection_offset_p95_m": float(np.percentile(self._offsets_m, 95)) if self._offsets_m else None,
            "detection_heading_p95_deg": (
                math.degrees(np.percentile(self._headings_rad, 95)) if self._headings_rad else None
            ),
        }
