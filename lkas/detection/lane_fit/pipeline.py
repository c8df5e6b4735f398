"""The lane fit from image to result, shared by the methods that find marking points (cv, hybrid, onnx).

Steps: camera pose (given, or estimated from vanishing points); rectified view of the road; marking points, from the
method's Evidence; course, ego lines, joint fit and confidence (LaneFinder); result in the ego frame.
"""

import math
from dataclasses import replace
from typing import Any

import numpy as np

from lkas.detection.calibration.geometry import aimed_at
from lkas.detection.calibration.video import VideoCalibration
from lkas.detection.lane_fit.bends import bends_of
from lkas.detection.lane_fit.confidence import confidence_of
from lkas.detection.lane_fit.estimate import SURE, LaneEstimate, LineEstimate
from lkas.detection.lane_fit.evidence import Evidence, InView
from lkas.detection.lane_fit.lane_finder import GIVEN_POSE, VIDEO_POSE, FramePrior, LaneFinder
from lkas.detection.lane_fit.motion import curvature_from_yaw_rate, roll_from_lateral_acceleration
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.result import CalibrationState, result_of
from lkas.detection.lane_fit.scaling import at_scale
from lkas.detection.lane_fit.single_image import NewView, SingleImageSearch
from lkas.detection.lane_fit.tracker import LaneTracker
from lkas.detection.parameters import DetectionParameters
from lkas.detection.stages import Stages, untimed
from lkas.detection.types import DetectionResult, check_camera, check_image
from lkas.integration.shared_memory.messages import CalibrationStatus, CameraGeometry, VehicleState
from lkas.parameters import changed
from lkas.scale import at_full_size, scale_of_lane
from lkas.vehicle import CameraConfig

REAIM_RATIO = 0.004  # of the image width: a smaller move of the vanishing point keeps the view
MIN_CONFIDENCE = 0.2  # before the line's place is judged; lines with less are not reported
LANE_WIDTH_SPREAD = 0.2  # of the expected lane width: how roads differ
UNKNOWN_HEIGHT_SPREAD = 0.3  # the same if the camera's height is a guess


class LaneFitPipeline:
    """A LaneDetector (see lkas.detection.types) around one method's evidence."""

    def __init__(
        self, evidence: Evidence, parameters: DetectionParameters, camera: CameraConfig, stages: Stages = untimed
    ) -> None:
        self._evidence = evidence
        self._set_parameters(parameters)
        self._camera = camera
        self._stages = stages
        self._finder = LaneFinder(stages)
        self._min_confidence = MIN_CONFIDENCE
        self.lines: tuple[LineEstimate | None, LineEstimate | None] = (None, None)  # of the newest frame
        self.reset()

    def reset(self) -> None:
        self._tracker = LaneTracker()
        self._video: VideoCalibration | None = None
        self._view: RoadView | None = None

    def keep_all_lines(self) -> None:
        """Report lines of any confidence, for fitting the confidence."""
        self._min_confidence = 0.0

    def update_parameter(self, name: str, value: Any) -> None:
        self._set_parameters(changed("detection", self._parameters, name, value))
        self._view = None

    def _set_parameters(self, parameters: DetectionParameters) -> None:
        """A model road is measured as if enlarged to full size."""
        self._parameters = parameters
        self._scale = scale_of_lane(parameters.lane_width_m)
        self._lane_width_m = parameters.lane_width_m / self._scale.length
        self._marking_width_m = parameters.marking_width_m / self._scale.length

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult:
        check_image(image)
        if timestamp is not None and not math.isfinite(timestamp):
            timestamp = None  # treat it as a single image
        size_px = image.shape[1], image.shape[0]
        in_view = self._evidence.of_image(image, self._parameters.ridge_threshold)
        given = self._given_geometry(size_px, vehicle)
        frame = self._frame_prior(given is not None, timestamp, vehicle)
        if given is not None:
            estimate = self._finder.find(in_view, self._view_for(given, size_px), frame, GIVEN_POSE)
            calibration = CalibrationState(CalibrationStatus.GIVEN, 100.0)
        elif timestamp is None:
            estimate = self._search_single_image(image, in_view, frame)
            calibration = CalibrationState(CalibrationStatus.ESTIMATING)
        else:
            estimate, calibration = self._search_video_frame(image, in_view, frame, timestamp)
        return self._result(estimate, frame, timestamp, calibration)

    def _given_geometry(self, size_px: tuple[int, int], vehicle: VehicleState | None) -> CameraGeometry | None:
        if self._parameters.calibration == "config":
            return self._configured_geometry(size_px)
        if vehicle is None or vehicle.camera is None:
            return None
        return at_full_size(vehicle.camera, self._scale)

    def _configured_geometry(self, size_px: tuple[int, int]) -> CameraGeometry:
        return at_full_size(self._camera.geometry(*size_px), self._scale)

    def _frame_prior(self, is_given: bool, timestamp: float | None, vehicle: VehicleState | None) -> FramePrior:
        return FramePrior(
            lane_width_m=self._lane_width_m,
            width_spread=LANE_WIDTH_SPREAD if is_given else UNKNOWN_HEIGHT_SPREAD,
            min_confidence=self._min_confidence,
            roll_rad=roll_from_lateral_acceleration(vehicle, self._parameters.lean_deg_per_mps2),
            curvature=curvature_from_yaw_rate(vehicle, self._scale),
            previous=None if timestamp is None else self._tracker.expected(timestamp),
        )

    def _search_video_frame(
        self, image: np.ndarray, in_view: InView, frame: FramePrior, timestamp: float
    ) -> tuple[LaneEstimate, CalibrationState]:
        """One frame of a video whose camera pose is estimated from its frames."""
        size_px = image.shape[1], image.shape[0]
        if self._video is None or self._video.size_px != size_px:
            self._video = VideoCalibration(size_px)
        video = self._video
        geometry = self._configured_geometry(size_px)
        if video.estimate_px is not None:
            view = self._view if self._view is not None and self._view.size_px == size_px else None
            if view is not None and math.dist(view.vanishing_point_px, video.estimate_px) <= REAIM_RATIO * size_px[0]:
                geometry = view.geometry
            else:
                geometry = aimed_at(geometry, video.estimate_px)
        estimate = self._finder.find(in_view, self._view_for(geometry, size_px), frame, VIDEO_POSE)
        if video.needs_search(timestamp) and (video.estimate_px is None or not estimate.is_sure_lane):
            single = self._search_single_image(image, in_view, frame)
            is_useful = single.is_sure_lane or (video.estimate_px is None and max(single.confidences) > SURE)
            video.add_search(timestamp, single.vanishing_point_px if is_useful else None)
            if is_useful and single.score > estimate.score:
                estimate = single
        if estimate.is_sure_lane:
            video.add_lane(timestamp, estimate.lane_vanishing_point_px)
        return estimate, CalibrationState(video.status, video.percent, video.spread_px)

    def _search_single_image(self, image: np.ndarray, in_view: InView, frame: FramePrior) -> LaneEstimate:
        size_px = image.shape[1], image.shape[0]
        search = SingleImageSearch(self._finder, in_view, self._new_view(size_px), replace(frame, previous=None))
        return search.run(image, self._configured_geometry(size_px), self._stages)

    def _view_for(self, geometry: CameraGeometry, size_px: tuple[int, int]) -> RoadView:
        """The view of this geometry, kept from the frame before if it fits. Raises ValueError for a bad geometry."""
        if self._view is None or not self._view.fits(*size_px, geometry):
            check_camera(geometry)
            self._view = self._new_view(size_px)(geometry)
        return self._view

    def _new_view(self, size_px: tuple[int, int]) -> NewView:
        bends = bends_of(self._scale)
        return lambda geometry: RoadView(geometry, *size_px, self._lane_width_m, self._marking_width_m, bends)

    def _result(
        self, estimate: LaneEstimate, frame: FramePrior, timestamp: float | None, calibration: CalibrationState
    ) -> DetectionResult:
        ages, self.lines = (0, 0), self._placed(estimate, frame)
        if timestamp is not None:
            offsets = [math.inf if line is None else line.agreement.place_off for line in self.lines]
            ages = self._tracker.follow(timestamp, estimate.guess, estimate.fit, offsets)
        estimate = replace(estimate, lines=self.lines)
        result = result_of(estimate, ages, calibration, frame.lane_width_m, frame.width_spread, self._stages)
        return at_scale(result, self._scale)

    def _placed(self, estimate: LaneEstimate, frame: FramePrior) -> tuple[LineEstimate | None, LineEstimate | None]:
        """The lines to report, their confidence reduced by how far they are from where ego lines usually are."""
        lines: list[LineEstimate | None] = []
        for line in estimate.lines:
            if line is None or line.confidence < self._min_confidence:
                lines.append(None)
                continue
            place_m = float(line.line.coefficients[0])
            off = abs(abs(place_m + estimate.geometry.y_m) / frame.lane_width_m - 0.5)
            if frame.previous is not None:
                off = self._tracker.min_off(place_m, off)
            agreement = replace(line.agreement, place_off=off)
            # A single image's confidence may be lower already.
            confidence = min(line.confidence, confidence_of(line.support, agreement))
            lines.append(LineEstimate(line.line, line.support, agreement, confidence))
        return lines[0], lines[1]
