"""Finds the lane in one image of a camera whose pose is unknown, by trying several views of it.

For each vanishing point that straight segments suggest, and several pitches around it, the view that shows the best
lane wins. Peaks are partly chance, so the best view is compared with slightly turned ones.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import msgspec
import numpy as np

from lkas.detection.calibration.geometry import aimed_at
from lkas.detection.calibration.vanishing_point import vanishing_points
from lkas.detection.lane_fit.estimate import MAX_SCORE, LaneEstimate, vanishing_point_px
from lkas.detection.lane_fit.evidence import InView
from lkas.detection.lane_fit.lane_finder import SINGLE_IMAGE_POSE, FramePrior, LaneFinder
from lkas.detection.lane_fit.problem import levelled
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.stages import Stage, Stages
from lkas.integration.shared_memory.messages import CameraGeometry

PITCH_TRIALS_RAD = tuple(math.radians(0.35 * k) for k in (0, -1, 1, -2, 2, -3, 3))
# With a pitch error this large the far part of a view is squeezed or stretched; another view is likely to be better.
VIEW_PITCH_SIGMA_RAD = math.radians(1.0)
REFINE_PITCH_RAD = math.radians(0.15)  # with a larger pitch error the image is searched again without it
# The best view is compared with views turned by this yaw and pitch.
TURNS_RAD = tuple((math.radians(yaw), math.radians(pitch)) for yaw, pitch in ((1, 0), (-1, 0), (0, 0.5), (0, -0.5)))

NewView = Callable[[CameraGeometry], RoadView]


class SingleImageSearch:
    """The search of one image; made for that image."""

    def __init__(self, finder: LaneFinder, in_view: InView, new_view: NewView, frame: FramePrior) -> None:
        """`in_view`: the evidence of the image. `new_view`: makes a view of it. `frame`: without a previous lane."""
        self._finder = finder
        self._in_view = in_view
        self._new_view = new_view
        self._frame = frame

    def run(self, image: np.ndarray, camera: CameraGeometry, stages: Stages) -> LaneEstimate:
        """The best lane among the vanishing points. `camera`: as configured, where nothing else is known."""
        with stages(Stage.CALIBRATE):
            candidates = vanishing_points(image)
        best, best_score = None, -1.0
        for u, v, share in candidates or [(*vanishing_point_px(camera), 1.0)]:
            if share * MAX_SCORE <= best_score:
                break  # the remaining candidates have even fewer votes
            view = self._best_pitched(self._new_view(aimed_at(camera, (u, v))))
            estimate = self._find(view)
            score = share * _score(estimate)
            if best is None or score > best_score:
                best, best_score = estimate, score
        assert best is not None
        if best.fit is not None and abs(best.fit.pitch_error_rad) > REFINE_PITCH_RAD:
            best = max(best, self._find(self._new_view(best.geometry)), key=_score)
        return self._best_turned(best) if best.fit is not None else best

    def _find(self, view: RoadView) -> LaneEstimate:
        return self._finder.find(self._in_view, view, self._frame, SINGLE_IMAGE_POSE)

    def _best_turned(self, estimate: LaneEstimate) -> LaneEstimate:
        """The best among an estimate and those of turned views; a line that few of them show loses confidence."""
        estimates = [estimate]
        for yaw_rad, pitch_rad in TURNS_RAD:
            geometry = estimate.geometry
            turned = msgspec.structs.replace(
                geometry, yaw_rad=geometry.yaw_rad + yaw_rad, pitch_rad=geometry.pitch_rad + pitch_rad
            )
            estimates.append(self._find(self._new_view(turned)))
        best = max(estimates, key=_score)
        averages = np.mean([each.confidences for each in estimates], axis=0).tolist()
        left, right = (
            line and replace(line, confidence=(line.confidence + average) / 2)
            for line, average in zip(best.lines, averages, strict=True)
        )
        return replace(best, lines=(left, right))

    def _best_pitched(self, view: RoadView) -> RoadView:
        """The view with the pitch at which its peaks agree best: segments determine the pitch only roughly."""
        if view.is_empty:
            return view
        peaks = self._in_view(view).peaks
        best_rad, best_agreement = 0.0, 0.0
        for pitch_rad in PITCH_TRIALS_RAD:
            x_m, y_m = levelled(peaks.x_m, peaks.y_m, pitch_rad, 0.0, view.geometry.height_m)
            course = self._finder.course(replace(peaks, x_m=x_m, y_m=y_m), view)
            prior = math.exp(-0.5 * (pitch_rad / SINGLE_IMAGE_POSE.pitch_sigma_rad) ** 2)
            if course is not None and course.agreement * prior > best_agreement:
                best_rad, best_agreement = pitch_rad, course.agreement * prior
        if best_rad == 0.0:
            return view
        return self._new_view(msgspec.structs.replace(view.geometry, pitch_rad=view.geometry.pitch_rad + best_rad))


def _score(estimate: LaneEstimate) -> float:
    """For choosing among views of a single image."""
    error_rad = estimate.fit.pitch_error_rad if estimate.fit else 0.0
    return estimate.score * math.exp(-0.5 * (error_rad / VIEW_PITCH_SIGMA_RAD) ** 2)
