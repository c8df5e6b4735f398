"""Method `onnx`: the lane fit on the output of a third-party lane network.

The network's output is projected onto the rectified view of the road, one point per line and row of the view, weighted
by the network's probability. The ridges are still needed for what networks do not report: whether a row is painted
(dashed or solid) and in which colour.
"""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from lkas.detection.lane_fit.evidence import InView, ViewEvidence
from lkas.detection.lane_fit.pipeline import LaneFitPipeline
from lkas.detection.lane_fit.rectify import COLUMNS_PER_MARKING, RoadView
from lkas.detection.lane_fit.ridges import STRONG_RATIO, YELLOW_RATIO, Peaks, Ridges, find_ridges
from lkas.detection.net.lane_networks import AnchoredLanes, LaneNetwork, Mask
from lkas.detection.net.runtime import ModelError, Runtime
from lkas.detection.parameters import DetectionParameters
from lkas.detection.stages import Stage, Stages, untimed
from lkas.detection.types import DetectionResult
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import VehicleState
from lkas.vehicle import CameraConfig

IS_LINE = 0.5  # probability
MAX_STRIP_M = 1.2  # a wider strip of the mask is a crossing or a blot; networks draw lines much wider than paint
GAP_STEPS = 2.5  # largest distance between two points of one line, in anchor rows
PAINT_REACH = COLUMNS_PER_MARKING // 2  # columns beside a point in which its paint is searched


class OnnxDetector:
    """Lane detector `onnx`; see lkas.detection.types.LaneDetector. Raises ModelError for a file that does not fit."""

    def __init__(
        self,
        parameters: DetectionParameters,
        camera: CameraConfig,
        stages: Stages = untimed,
        runtime: Runtime | None = None,
    ) -> None:
        """`runtime`: None selects onnxruntime if it is installed."""
        if parameters.model is None:
            raise ModelError("method onnx needs a lane network: --model FILE, or detection.model in the configuration")
        network = LaneNetwork(Path(parameters.model), runtime)
        self.lane_fit = LaneFitPipeline(NetworkEvidence(network, stages), parameters, camera, stages)

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult:
        return self.lane_fit.detect(image, timestamp, vehicle)

    def update_parameter(self, name: str, value: Any) -> None:
        self.lane_fit.update_parameter(name, value)

    def reset(self) -> None:
        self.lane_fit.reset()


class NetworkEvidence:
    """Marking points are those of a lane network, which runs once per image; see
    lkas.detection.lane_fit.evidence.Evidence."""

    def __init__(self, network: LaneNetwork, stages: Stages = untimed) -> None:
        self._network = network
        self._stages = stages

    def of_image(self, image: np.ndarray, ridge_threshold: float) -> InView:
        output: Mask | AnchoredLanes | None = None

        def in_view(view: RoadView) -> ViewEvidence:
            nonlocal output
            if output is None:
                with self._stages(Stage.LANE_NETWORK):
                    output = self._network.lanes(image)
            peaks = self._peaks(output, image, view, ridge_threshold)
            return ViewEvidence(peaks, lambda: None)  # a network has no fainter points

        return in_view

    def _peaks(self, output: Mask | AnchoredLanes, image: np.ndarray, view: RoadView, threshold: float) -> Peaks:
        with self._stages(Stage.SAMPLE):
            patch = view.sample(image)
        with self._stages(Stage.RIDGES):
            ridges = find_ridges(patch, view)
        if isinstance(output, AnchoredLanes):
            return peaks_of_anchors(output, view, ridges, threshold)
        with self._stages(Stage.SAMPLE):
            mask = view.sample(output.image)
        return peaks_of_mask(mask[..., 0] / np.float32(255), view, ridges, threshold)


def peaks_of_mask(probability: np.ndarray, view: RoadView, ridges: Ridges, threshold: float) -> Peaks:
    """The middle of every strip of a rectified mask, (rows, columns) float32 [0, 1]."""
    line = np.pad((probability > IS_LINE) & view.visible, ((0, 0), (1, 1)))
    step = np.diff(line.astype(np.int8), axis=1)
    row, first = np.nonzero(step > 0)
    end = np.nonzero(step < 0)[1]  # in the same order: strips of a row do not overlap
    narrow = (end - first) * view.step_m <= MAX_STRIP_M
    row, first, end = row[narrow], first[narrow], end[narrow]
    # Sums over strips are differences of cumulative sums.
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
        (x_m, y_m), v_px, probability = ground[seen].T, lane[seen, 1], lane[seen, 2]
        if len(x_m) < 2:
            continue
        nearest_first = np.argsort(x_m)
        x_m, y_m, v_px, probability = (values[nearest_first] for values in (x_m, y_m, v_px, probability))
        after = np.clip(np.searchsorted(x_m, view.x_m), 1, len(x_m) - 1)
        bridged = np.abs(v_px[after] - v_px[after - 1]) < GAP_STEPS * anchored.row_step_px
        row = np.flatnonzero((view.x_m >= x_m[0]) & (view.x_m <= x_m[-1]) & bridged)
        lateral_m = np.interp(view.x_m[row], x_m, y_m)
        column = (view.y_m[0] + view.shift_m[row] - lateral_m) / view.step_m
        inside = (column >= 0) & (column <= len(view.y_m) - 1)
        parts.append((row[inside], column[inside], np.interp(view.x_m[row[inside]], x_m, probability)))
    row, column, probability = (
        (np.concatenate(values) for values in zip(*parts, strict=True)) if parts else (np.empty(0),) * 3
    )
    return _peaks_at(row, column, probability, view, ridges, threshold)


def _peaks_at(
    row: np.ndarray, column: np.ndarray, probability: np.ndarray, view: RoadView, ridges: Ridges, threshold: float
) -> Peaks:
    """Points of the view, all (N,), weighted by the network's probability, with the paint that ridges show there."""
    row = row.astype(np.int32)
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
