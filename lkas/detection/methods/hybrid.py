"""Method `hybrid`: `cv` with a second witness, a small network that sees the same rectified patch of the road.

The ridge filter knows where paint is, to a tenth of a column, but takes any bright strip for paint. The network knows
what lines look like and passes over seams, rails and shadows, but less exactly and not on every road. So the network
weighs and the ridge measures: where the network sees a line a faint ridge is enough, elsewhere only a strong one
counts. Places that only the network sees are left out: they bridged gaps, but bent the fitted lines.
Calibration, search, fit and confidence are those of `cv`.
"""

import numpy as np

from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks, Ridges, find_peaks, find_ridges, ridges_of
from lkas.detection.methods import cv
from lkas.detection.net.patch_net import PatchNet
from lkas.detection.parameters import DetectionParameters
from lkas.vehicle import CameraConfig

# The odds of a line, as the network gives them, are those among drawn roads, with far more that looks like a line and
# is none: on real ones they are better by so much. Without, worn dashes on bright concrete were lost.
REAL_ODDS = 20.0
WHERE_NO_LINE = 0.25  # so much a ridge counts where the network is sure that there is no line: no veto
WHERE_LINE = 1.25  # and where it is sure that there is one: more would let in tops too faint to measure
LEAST_BESIDE_SURE = 0.2  # line probability that a ridge has at the least where one line of the lane is sure


class Detector(cv.Detector):
    """Lane detector `hybrid`; see lkas.detection.types.LaneDetector."""

    def __init__(self, parameters: DetectionParameters, camera: CameraConfig, net: PatchNet | None = None) -> None:
        """`net`: None takes the shipped one."""
        super().__init__(parameters, camera)
        self._net = net or PatchNet()
        self._seen = slice(0), np.zeros((0, 0), np.float32)  # by the network, of the patch looked at last

    def _peaks(self, image: np.ndarray, view: RoadView) -> Peaks:
        patch = view.sample(image)
        ridges = find_ridges(patch, view)
        self._seen = self._net.probability(patch)
        return self._weighed(ridges, view, 0.0, self._parameters.ridge_threshold)

    def _faint_peaks(self, view: RoadView) -> Peaks | None:
        """A faint line is faint for the network too, so its doubt weighs less."""
        threshold = cv.FAINT_RATIO * self._parameters.ridge_threshold
        return self._weighed(ridges_of(view), view, LEAST_BESIDE_SURE, threshold)

    def _weighed(self, ridges: Ridges, view: RoadView, least: float, threshold: float) -> Peaks:
        """Tops of the ridges, weighed by a probability of at least `least`. Beside the network's own view a ridge
        counts as in cv."""
        columns, probability = self._seen
        fused, room = view.planes[3:]  # what the ridges needed while they were looked for
        np.copyto(fused, ridges.response)
        weigh(fused[:, columns], probability, least, room[:, columns])
        return find_peaks(ridges, view, threshold, fused)


def weigh(response: np.ndarray, probability: np.ndarray, least: float, room: np.ndarray) -> None:
    """Weigh a ridge response in noises by the line probability [0, 1], taken as `least` at the least, in place; all
    (rows, columns) float32. `room` is for the weights."""
    # With odds o times as good, p becomes o p / (1 + (o - 1) p) = o / (o - 1) (1 - 1 / (1 + (o - 1) p)).
    better = REAL_ODDS - 1
    span = (WHERE_LINE - WHERE_NO_LINE) * REAL_ODDS / better
    np.multiply(probability, better * (1 - least), out=room)
    np.add(room, 1 + better * least, out=room)
    np.divide(-span, room, out=room)
    np.add(room, WHERE_NO_LINE + span, out=room)
    np.multiply(response, room, out=response)
