"""Compares what a detector reports with truth: availability, confident errors, accuracy."""

import math

import numpy as np

from lkas.integration.shared_memory.messages import CameraGeometry, DetectionMessage, LineOrigin
from simulation.evaluation.line_errors import line_errors
from simulation.world import Truth

CONFIDENT = 0.5
MAX_OFFSET_ERROR_M, MAX_HEADING_ERROR_RAD = 0.3, math.radians(2.0)  # beyond, a line is at a wrong position


class DetectionScore:
    """Accumulates the errors of the detections of a run."""

    def __init__(self) -> None:
        self._frames = self._compared = self._with_lane = self._wrong = 0
        self._offsets_m: list[float] = []
        self._headings_rad: list[float] = []

    def add(self, truth: Truth | None, detection: DetectionMessage, camera: CameraGeometry | None) -> None:
        """Add the detection in a frame, with the truth at its exposure; without truth only its availability counts."""
        if truth is None or camera is None:
            self._frames += 1
            self._with_lane += _has_both_lines(detection)
            return
        self._compared += 1
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
            "wrong_confident_ratio": self._wrong / self._compared if self._compared else None,
            "detection_offset_p95_m": float(np.percentile(self._offsets_m, 95)) if self._offsets_m else None,
            "detection_heading_p95_deg": (
                math.degrees(np.percentile(self._headings_rad, 95)) if self._headings_rad else None
            ),
        }


def _has_both_lines(detection: DetectionMessage) -> bool:
    model = detection.lane_model
    if model is None:
        return detection.left_lane is not None and detection.right_lane is not None
    return all(line is not None and line.origin is not LineOrigin.PREDICTED for line in (model.left, model.right))
