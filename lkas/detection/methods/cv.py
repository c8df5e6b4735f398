"""Method `cv`: the lane fit on the ridges of a rectified view of the road."""

from typing import Any

import numpy as np

from lkas.detection.lane_fit.evidence import InView, ViewEvidence
from lkas.detection.lane_fit.pipeline import LaneFitPipeline
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import find_peaks, find_ridges
from lkas.detection.parameters import DetectionParameters
from lkas.detection.stages import Stage, Stages, untimed
from lkas.detection.types import DetectionResult
from lkas.integration.shared_memory.messages import VehicleState
from lkas.vehicle import CameraConfig

FAINT_RATIO = 0.6  # of the ridge threshold: fainter peaks count beside a sure line without a sure partner


class CvDetector:
    """Lane detector `cv`; see lkas.detection.types.LaneDetector."""

    def __init__(self, parameters: DetectionParameters, camera: CameraConfig, stages: Stages = untimed) -> None:
        self.lane_fit = LaneFitPipeline(RidgeEvidence(stages), parameters, camera, stages)

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult:
        return self.lane_fit.detect(image, timestamp, vehicle)

    def update_parameter(self, name: str, value: Any) -> None:
        self.lane_fit.update_parameter(name, value)

    def reset(self) -> None:
        self.lane_fit.reset()


class RidgeEvidence:
    """Marking points are ridge peaks; see lkas.detection.lane_fit.evidence.Evidence."""

    def __init__(self, stages: Stages = untimed) -> None:
        self._stages = stages

    def of_image(self, image: np.ndarray, ridge_threshold: float) -> InView:
        stages = self._stages

        def in_view(view: RoadView) -> ViewEvidence:
            with stages(Stage.SAMPLE):
                patch = view.sample(image)
            with stages(Stage.RIDGES):
                ridges = find_ridges(patch, view)
            with stages(Stage.PEAKS):
                peaks = find_peaks(ridges, view, ridge_threshold)

            def faint_peaks():
                with stages(Stage.PEAKS):
                    return find_peaks(ridges, view, FAINT_RATIO * ridge_threshold)

            return ViewEvidence(peaks, faint_peaks)

        return in_view
