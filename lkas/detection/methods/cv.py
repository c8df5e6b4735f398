"""Method `cv`: ridges in a rectified view of the road and a joint robust fit of the two ego lines.

Steps: where the camera looks (given, or its vanishing point found); resample the road ahead; ridge tops; vote for
the road's course; choose the two lines of the ego lane; fit them together; judge each; publish in the ego frame.
"""

import dataclasses
import math
from typing import Any

import msgspec
import numpy as np

from lkas.detection.calibration.film import FilmCalibration
from lkas.detection.calibration.geometry import aimed_at
from lkas.detection.calibration.vanishing_point import vanishing_points
from lkas.detection.lane_fit.confidence import Agreement, confidence_of, support_of
from lkas.detection.lane_fit.finding import MOST_SCORE, SURE, Finding, Scene, SeenLine, aim_px
from lkas.detection.lane_fit.fit import SAG_SIGMA_RADPM, fit_road
from lkas.detection.lane_fit.motion import Curvature, curvature_felt, lean_felt_rad
from lkas.detection.lane_fit.problem import levelled
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.result import CalibrationState, result_of
from lkas.detection.lane_fit.ridges import Peaks, find_peaks, find_ridges, ridges_of, without_lean
from lkas.detection.lane_fit.search import Course, LaneGuess, choose_lane, find_course
from lkas.detection.parameters import DetectionParameters
from lkas.detection.tracker import LaneTracker
from lkas.detection.types import DetectionResult, check_camera, check_image
from lkas.integration.shared_memory.messages import CalibrationStatus, CameraGeometry, VehicleState
from lkas.parameters import changed
from lkas.vehicle import CameraConfig

STILL_PITCH_TRIALS_RAD = tuple(math.radians(0.35 * k) for k in (0, -1, 1, -2, 2, -3, 3))
# How far a frame's pitch may stray from the calibration: known, found over a film, guessed from one image.
GIVEN_PITCH_SIGMA_RAD = math.radians(0.4)  # a car nods
FOUND_PITCH_SIGMA_RAD = math.radians(0.8)
STILL_PITCH_SIGMA_RAD = math.radians(2.0)
# A view whose pitch is this far off shows its far part squeezed or stretched: another one is likely to show it better.
VIEW_PITCH_SIGMA_RAD = math.radians(1.0)
REFINE_PITCH_RAD = math.radians(0.15)  # a still with a larger pitch error is looked at again without it
# Which tops stand out is partly chance: a still is looked at again from views turned by so much in yaw and in pitch.
TURNS_RAD = tuple((math.radians(yaw), math.radians(pitch)) for yaw, pitch in ((1, 0), (-1, 0), (0, 0.5), (0, -0.5)))
REAIM_RATIO = 0.004  # of the image width: a smaller move of the estimate is not worth a new view
FAINT_RATIO = 0.6  # of the ridge threshold: tops that count beside a sure line without a sure partner
DROPPED = 0.2  # a line with less confidence, wherever it lies, is not reported
LANE_WIDTH_SPREAD = 0.2  # of the expected lane width: how roads differ
UNKNOWN_HEIGHT_SPREAD = 0.3  # and the same where the camera's height is a guess


class Detector:
    """Lane detector `cv`; see lkas.detection.types.LaneDetector."""

    def __init__(self, parameters: DetectionParameters, camera: CameraConfig) -> None:
        self._parameters = parameters
        self._camera = camera
        self._width_spread = LANE_WIDTH_SPREAD
        self._least_confidence = DROPPED
        self.seen: tuple[SeenLine | None, SeenLine | None] = (None, None)  # the newest frame's lines
        self.reset()

    def reset(self) -> None:
        self._tracker = LaneTracker()
        self._film: FilmCalibration | None = None
        self._lean_rad = 0.0  # of the car at the newest image
        self._curvature: Curvature | None = None  # of the car's way then
        self._view: RoadView | None = None

    def keep_all_lines(self) -> None:
        """Report lines however low their confidence is: for fitting the confidence."""
        self._least_confidence = 0.0

    def update_parameter(self, name: str, value: Any) -> None:
        self._parameters = changed("detection", self._parameters, name, value)
        self._view = None

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult:
        check_image(image)
        if timestamp is not None and not math.isfinite(timestamp):
            timestamp = None  # it tells nothing: the image stands by itself
        height_px, width_px = image.shape[:2]
        if self._parameters.calibration == "config":
            given = self._camera.geometry(width_px, height_px)
        else:
            given = vehicle.camera if vehicle is not None else None
        self._lean_rad = lean_felt_rad(vehicle, self._parameters.lean_deg_per_mps2)
        self._curvature = curvature_felt(vehicle)
        self._width_spread = UNKNOWN_HEIGHT_SPREAD if given is None else LANE_WIDTH_SPREAD
        if given is not None:
            finding = self._look(image, self._view_of(given, image), timestamp, GIVEN_PITCH_SIGMA_RAD)
            return self._result(finding, timestamp, CalibrationState(CalibrationStatus.GIVEN, 100.0))
        if timestamp is None:
            finding = self._look_at_still(image)
            return self._result(finding, None, CalibrationState(CalibrationStatus.ESTIMATING))
        return self._detect_in_film(image, timestamp)

    def _detect_in_film(self, image: np.ndarray, timestamp: float) -> DetectionResult:
        size_px = image.shape[1], image.shape[0]
        if self._film is None or self._film.size_px != size_px:
            self._film = FilmCalibration(size_px)
        film = self._film
        geometry = self._camera.geometry(*size_px)
        if film.estimate_px is not None:
            view = self._view if self._view is not None and self._view.size_px == size_px else None
            if view is not None and math.dist(view.aim_px, film.estimate_px) <= REAIM_RATIO * size_px[0]:
                geometry = view.geometry
            else:
                geometry = aimed_at(geometry, film.estimate_px)
        finding = self._look(image, self._view_of(geometry, image), timestamp, FOUND_PITCH_SIGMA_RAD)
        if film.wants_look(timestamp) and (film.estimate_px is None or not finding.is_sure_lane):
            still = self._look_at_still(image)
            tells = still.is_sure_lane or (film.estimate_px is None and max(still.confidences) > SURE)
            film.looked(timestamp, still.aim_px if tells else None)
            if tells and still.score > finding.score:
                finding = still
        if finding.is_sure_lane:
            film.lane_seen(timestamp, finding.lane_aim_px)
        return self._result(finding, timestamp, CalibrationState(film.status, film.percent, film.spread_px))

    def _look_at_still(self, image: np.ndarray) -> Finding:
        """Try each vanishing point the segments suggest, and keep the one that shows the best lane."""
        unaimed = self._camera.geometry(image.shape[1], image.shape[0])
        best, best_score = None, -1.0
        for u, v, share in vanishing_points(image) or [(*aim_px(unaimed), 1.0)]:
            if share * MOST_SCORE <= best_score:
                break  # the later ones have fewer votes still
            view = self._best_pitched(image, self._new_view(aimed_at(unaimed, (u, v)), image))
            finding = self._look(image, view, None, STILL_PITCH_SIGMA_RAD)
            score = share * _still_score(finding)
            if best is None or score > best_score:
                best, best_score = finding, score
        assert best is not None
        if best.fit is not None and abs(best.fit.pitch_error_rad) > REFINE_PITCH_RAD:
            again = self._look(image, self._new_view(best.geometry, image), None, STILL_PITCH_SIGMA_RAD)
            best = max(best, again, key=_still_score)
        return self._best_turned(image, best) if best.fit is not None else best

    def _best_turned(self, image: np.ndarray, finding: Finding) -> Finding:
        """The best of a finding and those of views turned a little; what only one of them shows is doubted."""
        findings = [finding]
        for yaw_rad, pitch_rad in TURNS_RAD:
            geometry = finding.geometry
            turned = msgspec.structs.replace(
                geometry, yaw_rad=geometry.yaw_rad + yaw_rad, pitch_rad=geometry.pitch_rad + pitch_rad
            )
            findings.append(self._look(image, self._new_view(turned, image), None, STILL_PITCH_SIGMA_RAD))
        best = max(findings, key=_still_score)
        averages = np.mean([each.confidences for each in findings], axis=0).tolist()
        left, right = (
            line and dataclasses.replace(line, confidence=(line.confidence + average) / 2)
            for line, average in zip(best.lines, averages, strict=True)
        )
        return dataclasses.replace(best, lines=(left, right))

    def _best_pitched(self, image: np.ndarray, view: RoadView) -> RoadView:
        """The view, pitched so that the ridge tops in it agree best: segments tell the pitch only roughly."""
        if view.is_empty:
            return view
        peaks = self._peaks(image, view)
        best_rad, most = 0.0, 0.0
        for pitch_rad in STILL_PITCH_TRIALS_RAD:
            x_m, y_m = levelled(peaks.x_m, peaks.y_m, pitch_rad, 0.0, view.geometry.height_m)
            course = find_course(dataclasses.replace(peaks, x_m=x_m, y_m=y_m), view)
            prior = math.exp(-0.5 * (pitch_rad / STILL_PITCH_SIGMA_RAD) ** 2)
            if course is not None and course.agreement * prior > most:
                best_rad, most = pitch_rad, course.agreement * prior
        if best_rad == 0.0:
            return view
        geometry = msgspec.structs.replace(view.geometry, pitch_rad=view.geometry.pitch_rad + best_rad)
        return self._new_view(geometry, image)

    def _look(self, image: np.ndarray, view: RoadView, timestamp: float | None, pitch_sigma_rad: float) -> Finding:
        """The lane in one view of the image."""
        if view.is_empty:
            return Finding(view)
        before = None if timestamp is None else self._tracker.expected(timestamp)
        may_change = pitch_sigma_rad < STILL_PITCH_SIGMA_RAD
        peaks = without_lean(self._peaks(image, view), self._lean_rad, view.geometry.height_m)
        # Where the pitch is found from lanes, a sag would take its part of it, and the lines would be less steady.
        sag_sigma_radpm = SAG_SIGMA_RADPM if pitch_sigma_rad <= GIVEN_PITCH_SIGMA_RAD else 0.0
        scene = Scene(
            view, peaks, before, self._lean_rad, pitch_sigma_rad, may_change, sag_sigma_radpm, self._curvature
        )
        if before is not None:
            finding = self._followed(scene, find_course(scene.peaks, view, around=before.course))
            if finding.is_sure_lane and self._tracker.is_followed(before, finding.fit):
                return finding
        finding = self._followed(scene, find_course(scene.peaks, view))
        return self._with_faint_partner(scene, finding)

    def _with_faint_partner(self, scene: Scene, finding: Finding) -> Finding:
        """Beside a sure line a faint one is worth believing in (worn paint, dots): the frame is searched once more with
        fainter tops, and the better lane stands."""
        if finding.is_sure_lane or max(finding.confidences) < SURE:
            return finding
        peaks = self._faint_peaks(scene.view)
        if peaks is None:
            return finding
        peaks = without_lean(peaks, scene.lean_rad, scene.view.geometry.height_m)
        again = self._followed(dataclasses.replace(scene, peaks=peaks), find_course(peaks, scene.view))
        is_better = min(again.confidences) > min(finding.confidences) and again.score > finding.score
        return again if is_better else finding

    def _followed(self, scene: Scene, course: Course | None) -> Finding:
        """The lane on one course of the road."""
        if course is None:
            return Finding(scene.view)
        lane_width_m = self._parameters.lane_width_m
        guess = choose_lane(scene.peaks, scene.view, course, lane_width_m, self._width_spread, scene.before)
        finding = self._fitted(scene, guess)
        weak = finding.confidences.index(min(finding.confidences))
        has_both = guess is not None and guess.left_m is not None and guess.right_m is not None
        if guess is not None and has_both and finding.confidences[weak] < self._least_confidence:
            # A partner that is none spoils the fit of the other line.
            left_m, right_m = (None, guess.right_m) if weak == 0 else (guess.left_m, None)
            finding = self._fitted(scene, LaneGuess(course, left_m, right_m))
        return finding

    def _fitted(self, scene: Scene, guess: LaneGuess | None) -> Finding:
        """The lane at a guess, each line judged."""
        view, peaks = scene.view, scene.peaks
        if guess is None:
            return Finding(view)
        fit = fit_road(
            peaks, view, guess, scene.pitch_sigma_rad, scene.may_change, scene.sag_sigma_radpm, scene.curvature
        )
        if fit is None:
            return Finding(view)
        width_off = fan = None
        if fit.width_m is not None:
            width_off = (fit.width_m / self._parameters.lane_width_m - 1) / self._width_spread
            fan = fit.pitch_error_rad / scene.pitch_sigma_rad
        expected_m = (None, None) if scene.before is None else (scene.before.left_m, scene.before.right_m)
        fitted = (fit.left, fit.right)
        supports = [None if line is None else support_of(line, peaks, view) for line in fitted]
        lines: list[SeenLine | None] = []
        for line, support, other, place_m in zip(fitted, supports, supports[::-1], expected_m, strict=True):
            if line is None or support is None:
                lines.append(None)
                continue
            step_m = None if place_m is None else float(line.coefficients[0]) - place_m
            partner = 0.0 if other is None else other.coverage
            agreement = Agreement(not scene.may_change, partner, width_off, fan, step_m)
            lines.append(SeenLine(line, support, agreement, confidence_of(support, agreement)))
        return Finding(view, fit, guess, (lines[0], lines[1]), peaks, scene.lean_rad)

    def _peaks(self, image: np.ndarray, view: RoadView) -> Peaks:
        """Where markings may be; what else a method knows about that enters here."""
        return find_peaks(find_ridges(view.sample(image), view), view, self._parameters.ridge_threshold)

    def _faint_peaks(self, view: RoadView) -> Peaks | None:
        """Also the fainter ones, of the image that `_peaks` saw last in this view; None where a method has no more."""
        return find_peaks(ridges_of(view), view, FAINT_RATIO * self._parameters.ridge_threshold)

    def _view_of(self, geometry: CameraGeometry, image: np.ndarray) -> RoadView:
        if self._view is None or not self._view.fits(image.shape[1], image.shape[0], geometry):
            check_camera(geometry)
            self._view = self._new_view(geometry, image)
        return self._view

    def _new_view(self, geometry: CameraGeometry, image: np.ndarray) -> RoadView:
        height_px, width_px = image.shape[:2]
        p = self._parameters
        return RoadView(geometry, width_px, height_px, p.lane_width_m, p.marking_width_m)

    def _result(self, finding: Finding, timestamp: float | None, state: CalibrationState) -> DetectionResult:
        ages, self.seen = (0, 0), self._placed(finding, timestamp)
        if timestamp is not None:
            ages = self._tracker.follow(timestamp, finding.guess, finding.fit, [_place_off(seen) for seen in self.seen])
        expected = self._parameters.lane_width_m, self._width_spread
        return result_of(dataclasses.replace(finding, lines=self.seen), ages, state, *expected)

    def _placed(self, finding: Finding, timestamp: float | None) -> tuple[SeenLine | None, SeenLine | None]:
        """The lines that there are, and how sure it is that they are those of the ego lane."""
        before = None if timestamp is None else self._tracker.expected(timestamp)
        lines: list[SeenLine | None] = []
        for seen in finding.lines:
            if seen is None or seen.confidence < self._least_confidence:
                lines.append(None)
                continue
            here_m = float(seen.line.coefficients[0])
            off = abs(abs(here_m + finding.geometry.y_m) / self._parameters.lane_width_m - 0.5)
            if before is not None:
                off = self._tracker.least_off(here_m, off)
            agreement = dataclasses.replace(seen.agreement, place_off=off)
            confidence = min(seen.confidence, confidence_of(seen.support, agreement))  # a still's may be lower already
            lines.append(SeenLine(seen.line, seen.support, agreement, confidence))
        return lines[0], lines[1]


def _place_off(seen: SeenLine | None) -> float:
    return math.inf if seen is None else seen.agreement.place_off


def _still_score(finding: Finding) -> float:
    """For choosing between views of a still."""
    error_rad = finding.fit.pitch_error_rad if finding.fit else 0.0
    return finding.score * math.exp(-0.5 * (error_rad / VIEW_PITCH_SIGMA_RAD) ** 2)
