"""Method `onnx`: somebody else's lane network in place of the ridges; calibration, search, fit and confidence of `cv`.

What the network saw in the image is carried onto the rectified view of the road, one point per line and row of the
view, weighed by how sure the network is. The ridges are still looked at, for what networks do not tell: whether a row
is painted (dashed or solid) and in which colour.
"""

from pathlib import Path

import cv2
import numpy as np

from lkas.detection.lane_fit.rectify import COLUMNS_PER_MARKING, RoadView
from lkas.detection.lane_fit.ridges import STRONG_RATIO, YELLOW_RATIO, Peaks, Ridges, find_ridges
from lkas.detection.methods import cv
from lkas.detection.net.lane_networks import AnchoredLanes, LaneEvidence, LaneNetwork, Mask
from lkas.detection.net.runtime import ModelError, Runtime
from lkas.detection.parameters import DetectionParameters
from lkas.detection.types import DetectionResult
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import VehicleState
from lkas.vehicle import CameraConfig

IS_LINE = 0.5  # probability
WIDEST_M = 1.2  # a wider strip of the mask is a crossing or a blot; networks draw lines much wider than paint
GAP_STEPS = 2.5  # anchors that may be missing between two points of one line
PAINT_REACH = COLUMNS_PER_MARKING // 2  # columns beside a point in which its paint is looked for


class Detector(cv.Detector):
    """Lane detector `onnx`; see lkas.detection.types.LaneDetector. Raises ModelError for a file that does not fit."""

    def __init__(self, parameters: DetectionParameters, camera: CameraConfig, runtime: Runtime | None = None) -> None:
        super().__init__(parameters, camera)
        if parameters.model is None:
            raise ModelError("method onnx needs a lane network: --model FILE, or detection.model in the configuration")
        self._network = LaneNetwork(Path(parameters.model), runtime)
        self._evidence: LaneEvidence | None = None

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult:
        self._evidence = None
        return super().detect(image, timestamp, vehicle)

    def _peaks(self, image: np.ndarray, view: RoadView) -> Peaks:
        if self._evidence is None:  # stills are looked at in several views
            self._evidence = self._network.lanes(image)
        threshold = self._parameters.ridge_threshold
        ridges = find_ridges(view.sample(image), view)
        if isinstance(self._evidence, Mask):
            probability = view.sample(self._evidence.picture)[..., 0] / np.float32(255)
            return peaks_of_mask(probability, view, ridges, threshold)
        return peaks_of_anchors(self._evidence, view, ridges, threshold)

    def _faint_peaks(self, view: RoadView) -> Peaks | None:
        return None  # a network says what it sees once


def peaks_of_mask(probability: np.ndarray, view: RoadView, ridges: Ridges, threshold: float) -> Peaks:
    """The middle of every strip of a rectified mask, (rows, columns) float32 [0, 1]."""
    line = np.pad((probability > IS_LINE) & view.visible, ((0, 0), (1, 1)))
    step = np.diff(line.astype(np.int8), axis=1)
    row, first = np.nonzero(step > 0)
    end = np.nonzero(step < 0)[1]  # in the same order: strips of a row do not overlap
    narrow = (end - first) * view.step_m <= WIDEST_M
    row, first, end = row[narrow], first[narrow], end[narrow]
    # Sums over strips as differences of running sums.
    sums = [
        np.pad(np.cumsum(values, axis=1, dtype=float), ((0, 0), (1, 0)))
        for values in (probability, probability * np.arange(probability.shape[1]))
    ]
    mass, moment = (total[row, end] - total[row, first] for total in sums)
    return _peaks_at(row, moment / mass, mass / (end - first), view, ridges, threshold)


def peaks_of_anchors(anchored: AnchoredLanes, view: RoadView, ridges: Ridges, threshold: float) -> Peaks:
    """Where each lane, straight on the road from anchor to anchor, crosses the rows of the view."""
    camera, geometry = PinholeCamera(view.geometry), view.geometry
    parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for lane in anchored.lanes:
        ground = camera.ground_from_image(lane[:, :2]) - (geometry.x_m, geometry.y_m)
        seen = np.isfinite(ground).all(axis=1)
        (x_m, y_m), v_px, sure = ground[seen].T, lane[seen, 1], lane[seen, 2]
        if len(x_m) < 2:
            continue
        nearest_first = np.argsort(x_m)
        x_m, y_m, v_px, sure = x_m[nearest_first], y_m[nearest_first], v_px[nearest_first], sure[nearest_first]
        after = np.clip(np.searchsorted(x_m, view.x_m), 1, len(x_m) - 1)
        bridged = np.abs(v_px[after] - v_px[after - 1]) < GAP_STEPS * anchored.row_step_px
        row = np.flatnonzero((view.x_m >= x_m[0]) & (view.x_m <= x_m[-1]) & bridged)
        lateral_m = np.interp(view.x_m[row], x_m, y_m)
        column = (view.y_m[0] + view.shift_m[row] - lateral_m) / view.step_m
        inside = (column >= 0) & (column <= len(view.y_m) - 1)
        parts.append((row[inside], column[inside], np.interp(view.x_m[row[inside]], x_m, sure)))
    row, column, sure = (np.concatenate(values) for values in zip(*parts, strict=True)) if parts else (np.empty(0),) * 3
    return _peaks_at(row.astype(int), column, sure, view, ridges, threshold)


def _peaks_at(
    row: np.ndarray, column: np.ndarray, probability: np.ndarray, view: RoadView, ridges: Ridges, threshold: float
) -> Peaks:
    """Points of the view, all (N,), with the network's certainty as weight and the paint that the ridges see there."""
    at = row, np.rint(column).astype(int)
    near = np.ones((1, 2 * PAINT_REACH + 1), np.uint8)
    return Peaks(
        row=row,
        x_m=view.x_m[row],
        y_m=view.y_m[0] + view.shift_m[row] - view.step_m * column,
        weight=1 + (STRONG_RATIO - 1) * np.clip((probability - IS_LINE) / (1 - IS_LINE), 0, 1),
        yellow=(ridges.yellow_levels > YELLOW_RATIO * ridges.bright_levels)[at],
        painted=cv2.dilate(ridges.response, near)[at] > threshold,
    )
