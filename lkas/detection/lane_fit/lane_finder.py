"""Finds the lane in one view of one image: course, ego lines, joint fit, confidence."""

import math
from dataclasses import dataclass, replace

from lkas.detection.lane_fit.confidence import Agreement, confidence_of, support_of
from lkas.detection.lane_fit.estimate import SURE, LaneEstimate, LineEstimate
from lkas.detection.lane_fit.evidence import InView, ViewEvidence
from lkas.detection.lane_fit.fit import SAG_SIGMA_RADPM, fit_road
from lkas.detection.lane_fit.motion import CurvaturePrior
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks, without_roll
from lkas.detection.lane_fit.search import Course, LaneGuess, choose_lane, find_course
from lkas.detection.lane_fit.tracker import is_followed
from lkas.detection.stages import Stage, Stages


@dataclass(frozen=True, slots=True)
class PosePrior:
    """How well the view's pitch is known, and what the fit may assume because of it."""

    pitch_sigma_rad: float
    may_change: bool  # a bend may start or end in the view; see fit_road
    sag_sigma_radpm: float  # spread of the road's vertical curvature


GIVEN_POSE = PosePrior(math.radians(0.4), True, SAG_SIGMA_RADPM)  # known; the car pitches
# Where the pitch is estimated from lanes, a sag would absorb part of it, and the lines would be less steady.
VIDEO_POSE = PosePrior(math.radians(0.8), True, 0.0)  # estimated over a video
SINGLE_IMAGE_POSE = PosePrior(math.radians(2.0), False, 0.0)  # guessed from one image


@dataclass(frozen=True, slots=True)
class FramePrior:
    """What is known about a frame before its image is searched."""

    lane_width_m: float
    width_spread: float  # of the lane width, as a ratio: how roads differ
    min_confidence: float  # lines with less are dropped
    roll_rad: float = 0.0  # of the vehicle body; positive lowers the right side
    curvature: CurvaturePrior | None = None
    previous: LaneGuess | None = None  # where the lines were one frame ago


@dataclass(frozen=True, slots=True)
class _Search:
    """One view of one image, its peaks with the roll removed, and the priors."""

    view: RoadView
    peaks: Peaks
    frame: FramePrior
    pose: PosePrior


class LaneFinder:
    """Stateless; `stages` times its steps."""

    def __init__(self, stages: Stages) -> None:
        self._stages = stages

    def find(self, in_view: InView, view: RoadView, frame: FramePrior, pose: PosePrior) -> LaneEstimate:
        """The lane in one view of the image that `in_view` belongs to."""
        if view.is_empty:
            return LaneEstimate(view)
        evidence = in_view(view)
        search = _Search(view, without_roll(evidence.peaks, frame.roll_rad, view.geometry.height_m), frame, pose)
        previous = frame.previous
        if previous is not None:
            estimate = self._on_course(search, self.course(search.peaks, view, around=previous.course))
            if estimate.is_sure_lane and is_followed(previous, estimate.fit):
                return estimate
        estimate = self._on_course(search, self.course(search.peaks, view))
        return self._with_faint_partner(search, evidence, estimate)

    def course(self, peaks: Peaks, view: RoadView, around: Course | None = None) -> Course | None:
        """The course on which most peaks agree; see find_course."""
        with self._stages(Stage.SEARCH):
            return find_course(peaks, view, around)

    def _with_faint_partner(self, search: _Search, evidence: ViewEvidence, estimate: LaneEstimate) -> LaneEstimate:
        """Beside a sure line, faint markings are credible (worn paint, dots): search again with fainter peaks, and keep
        the better lane."""
        if estimate.is_sure_lane or max(estimate.confidences) < SURE:
            return estimate
        peaks = evidence.faint_peaks()
        if peaks is None:
            return estimate
        peaks = without_roll(peaks, search.frame.roll_rad, search.view.geometry.height_m)
        again = self._on_course(replace(search, peaks=peaks), self.course(peaks, search.view))
        is_better = min(again.confidences) > min(estimate.confidences) and again.score > estimate.score
        return again if is_better else estimate

    def _on_course(self, search: _Search, course: Course | None) -> LaneEstimate:
        """The lane on one course of the road."""
        if course is None:
            return LaneEstimate(search.view)
        frame = search.frame
        with self._stages(Stage.CHOOSE):
            guess = choose_lane(
                search.peaks, search.view, course, frame.lane_width_m, frame.width_spread, frame.previous
            )
        estimate = self._fitted(search, guess)
        weak = estimate.confidences.index(min(estimate.confidences))
        has_both = guess is not None and guess.left_m is not None and guess.right_m is not None
        if guess is not None and has_both and estimate.confidences[weak] < frame.min_confidence:
            # A false partner makes the fit of the other line worse.
            left_m, right_m = (None, guess.right_m) if weak == 0 else (guess.left_m, None)
            estimate = self._fitted(search, LaneGuess(course, left_m, right_m))
        return estimate

    def _fitted(self, search: _Search, guess: LaneGuess | None) -> LaneEstimate:
        """The lane fitted from a guess, with the confidence of each line."""
        view, peaks, frame, pose = search.view, search.peaks, search.frame, search.pose
        if guess is None:
            return LaneEstimate(view)
        with self._stages(Stage.FIT):
            fit = fit_road(
                peaks, view, guess, pose.pitch_sigma_rad, pose.may_change, pose.sag_sigma_radpm, frame.curvature
            )
        if fit is None:
            return LaneEstimate(view)
        width_off = fan = None
        if fit.width_m is not None:
            width_off = (fit.width_m / frame.lane_width_m - 1) / frame.width_spread
            fan = fit.pitch_error_rad / pose.pitch_sigma_rad
        previous_m = (None, None) if frame.previous is None else (frame.previous.left_m, frame.previous.right_m)
        fitted = (fit.left, fit.right)
        with self._stages(Stage.CONFIDENCE):
            supports = [None if line is None else support_of(line, peaks, view) for line in fitted]
        lines: list[LineEstimate | None] = []
        for line, support, other, place_m in zip(fitted, supports, supports[::-1], previous_m, strict=True):
            if line is None or support is None:
                lines.append(None)
                continue
            step_m = None if place_m is None else float(line.coefficients[0]) - place_m
            partner = 0.0 if other is None else other.coverage
            agreement = Agreement(not pose.may_change, partner, width_off, fan, step_m)
            lines.append(LineEstimate(line, support, agreement, confidence_of(support, agreement)))
        return LaneEstimate(view, fit, guess, (lines[0], lines[1]), peaks, frame.roll_rad)
