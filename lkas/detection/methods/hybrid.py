"""Method `hybrid`: `cv` with a second witness, a small network that sees the same rectified patch of the road.

The ridge filter knows where paint is, to a tenth of a column, but takes any bright strip for paint. The network knows
what lines look like and passes over seams, rails and shadows, but less exactly and not on every road. So the network
weighs and the ridge measures: where the network sees a line a faint ridge is enough, elsewhere only a strong one
counts. Places that only the network sees are left out: they bridged gaps, but bent the fitted lines.
Calibration, search, fit and confidence are those of `cv`.
"""

import numpy as np

from lkas.detection.methods import cv
from lkas.detection.net.patch_net import PatchNet
from lkas.detection.net.runtime import Runtime
from lkas.detection.parameters import DetectionParameters
from lkas.detection.rectify import RoadView
from lkas.detection.ridge import Peaks, find_peaks, find_ridges
from lkas.vehicle import CameraConfig

WHERE_NO_LINE = 0.25  # so much a ridge counts where the network is sure that there is no line: no veto
WHERE_LINE = 2.0  # and where it is sure that there is one
UNKNOWN = (1.0 - WHERE_NO_LINE) / (WHERE_LINE - WHERE_NO_LINE)  # where it does not look, a ridge counts as in cv


class Detector(cv.Detector):
    """Lane detector `hybrid`; see lkas.detection.types.LaneDetector."""

    def __init__(self, parameters: DetectionParameters, camera: CameraConfig, runtime: Runtime | None = None) -> None:
        super().__init__(parameters, camera)
        self._net = PatchNet(runtime)

    def _peaks(self, image: np.ndarray, view: RoadView) -> Peaks:
        patch = view.sample(image)
        ridges = find_ridges(patch, view)
        fused = fused_response(ridges.response, self._net.probability(patch, UNKNOWN))
        return find_peaks(ridges, view, self._parameters.ridge_threshold, fused)


def fused_response(response: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Ridge response in noises, weighed by the line probability [0, 1]; all (rows, columns) float32."""
    return response * (WHERE_NO_LINE + (WHERE_LINE - WHERE_NO_LINE) * probability)
