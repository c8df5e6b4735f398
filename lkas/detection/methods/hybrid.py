"""Method `hybrid`: the lane fit on ridges that a small network weights; both see the same rectified patch of the road.

The ridge filter locates paint to a tenth of a column, but takes any bright strip for paint. The network knows what
lines look like and ignores seams, rails and shadows, but it is less exact and fails on some roads. So the network
weights and the ridge measures: where the network sees a line a faint ridge is enough, elsewhere only a strong one
counts. Places that only the network sees are left out: they bridged gaps, but bent the fitted lines.
"""

from typing import Any

import numpy as np

from lkas.detection.lane_fit.evidence import InView, ViewEvidence
from lkas.detection.lane_fit.pipeline import LaneFitPipeline
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks, find_peaks, find_ridges
from lkas.detection.methods.cv import FAINT_RATIO
from lkas.detection.net.patch_net import PatchNet
from lkas.detection.parameters import DetectionParameters
from lkas.detection.stages import Stage, Stages, untimed
from lkas.detection.types import DetectionResult
from lkas.integration.shared_memory.messages import VehicleState
from lkas.vehicle import CameraConfig

# The network's odds are those of drawn roads, which hold far more false lines than real ones: on real roads the odds
# are better by this factor. Without it, worn dashes on bright concrete were lost.
REAL_ODDS = 20.0
NO_LINE_WEIGHT = 0.25  # of a ridge where the network is sure that there is no line: it has no veto
LINE_WEIGHT = 1.25  # of a ridge where it is sure that there is one; more would admit peaks too faint to measure
MIN_PROBABILITY_BESIDE_SURE = 0.2  # line probability that a ridge has at least where one line of the lane is sure


class HybridDetector:
    """Lane detector `hybrid`; see lkas.detection.types.LaneDetector."""

    def __init__(
        self,
        parameters: DetectionParameters,
        camera: CameraConfig,
        stages: Stages = untimed,
        net: PatchNet | None = None,
    ) -> None:
        """`net`: None loads the network that comes with lkas."""
        self.lane_fit = LaneFitPipeline(WeightedRidgeEvidence(net or PatchNet(), stages), parameters, camera, stages)

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult:
        return self.lane_fit.detect(image, timestamp, vehicle)

    def update_parameter(self, name: str, value: Any) -> None:
        self.lane_fit.update_parameter(name, value)

    def reset(self) -> None:
        self.lane_fit.reset()


class WeightedRidgeEvidence:
    """Marking points are the peaks of ridges weighted by the network; see lkas.detection.lane_fit.evidence.Evidence."""

    def __init__(self, net: PatchNet, stages: Stages = untimed) -> None:
        self._net = net
        self._stages = stages

    def of_image(self, image: np.ndarray, ridge_threshold: float) -> InView:
        stages = self._stages

        def in_view(view: RoadView) -> ViewEvidence:
            with stages(Stage.SAMPLE):
                patch = view.sample(image)
            with stages(Stage.RIDGES):
                ridges = find_ridges(patch, view)
            with stages(Stage.NETWORK):
                columns, probability = self._net.probability(patch)

            def weighted_peaks(min_probability: float, threshold: float) -> Peaks:
                """Beside the columns that the network sees, a ridge counts as in cv."""
                fused, room = view.planes[3:]  # work memory of find_ridges, free again
                np.copyto(fused, ridges.response)
                apply_weights(fused[:, columns], probability, min_probability, room[:, columns])
                with stages(Stage.PEAKS):
                    return find_peaks(ridges, view, threshold, fused)

            # A faint line is faint for the network too, so the network has less weight.
            return ViewEvidence(
                weighted_peaks(0.0, ridge_threshold),
                lambda: weighted_peaks(MIN_PROBABILITY_BESIDE_SURE, FAINT_RATIO * ridge_threshold),
            )

        return in_view


def apply_weights(response: np.ndarray, probability: np.ndarray, min_probability: float, room: np.ndarray) -> None:
    """Weight a ridge response by the line probability [0, 1], raised to at least `min_probability`, in place.

    All (rows, columns) float32. `room`: work memory for the weights.
    """
    # With odds o times as good, p becomes o p / (1 + (o - 1) p) = o / (o - 1) (1 - 1 / (1 + (o - 1) p)).
    better = REAL_ODDS - 1
    span = (LINE_WEIGHT - NO_LINE_WEIGHT) * REAL_ODDS / better
    np.multiply(probability, better * (1 - min_probability), out=room)
    np.add(room, 1 + better * min_probability, out=room)
    np.divide(-span, room, out=room)
    np.add(room, NO_LINE_WEIGHT + span, out=room)
    np.multiply(response, room, out=response)
