"""The fit where a bend starts or ends in the view: heading and offset beside the car must not depend on far points."""

import math

import numpy as np
import pytest

from lkas.detection.lane_fit.fit import SAG_SIGMA_RADPM, fit_road
from lkas.detection.lane_fit.motion import CurvaturePrior, curvature_from_yaw_rate
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks
from lkas.detection.lane_fit.search import Course, LaneGuess, choose_lane, find_course
from lkas.integration.shared_memory.messages import CameraGeometry, VehicleState

WIDTH_M = 3.2
PLACES_M = WIDTH_M / 2, -WIDTH_M / 2
BEND_RADPM = 1 / 60
TRANSITION_M = 15.0
PITCH_SIGMA_RAD = math.radians(0.5)


@pytest.fixture(scope="module")
def view():
    camera = CameraGeometry(focal_px=570.0, cx_px=400.0, cy_px=300.0, pitch_rad=math.radians(4), height_m=1.3)
    return RoadView(camera, 800, 600, WIDTH_M, 0.15)


def ends_in(left_m):
    """Curvature of a bend to the left whose transition curve ends `left_m` ahead."""
    return lambda s_m: BEND_RADPM * np.clip((left_m - s_m) / TRANSITION_M, 0, 1)


def starts_in(left_m):
    """Curvature of a bend whose transition curve starts there."""
    return lambda s_m: BEND_RADPM * np.clip((s_m - left_m) / TRANSITION_M, 0, 1)


def peaks_of(view, curvature_radpm, seed=1):
    """Peaks on both lines of a road, placed as in a clear view."""
    s_m = np.arange(0, 80, 0.05)
    direction = np.concatenate([[0], np.cumsum(curvature_radpm(s_m[:-1] + 0.025) * 0.05)])
    middle = direction[:-1] + np.diff(direction) / 2
    x_m = np.concatenate([[0], np.cumsum(np.cos(middle) * 0.05)])
    y_m = np.concatenate([[0], np.cumsum(np.sin(middle) * 0.05)])
    rows, xs, ys = [], [], []
    for place_m in PLACES_M:
        line_x_m, line_y_m = x_m - place_m * np.sin(direction), y_m + place_m * np.cos(direction)
        at_m = np.interp(view.x_m, line_x_m, line_y_m)
        seen = np.flatnonzero((np.abs(at_m) < 7) & (view.x_m < line_x_m.max()) & (np.abs(at_m) < 0.65 * view.x_m))
        rows.append(seen)
        xs.append(view.x_m[seen])
        ys.append(at_m[seen])
    row, x, y = (np.concatenate(parts) for parts in (rows, xs, ys))
    y = y + np.random.default_rng(seed).normal(0, 0.01, len(y))
    some = np.full(len(row), 2.0)
    return Peaks(row.astype(np.int32), x, y, some, some < 0, some > 0)


def heading_of(view, curvature_radpm, expected=None):
    """Fitted heading beside the car, which is 0, and its sigma, in degrees."""
    peaks = peaks_of(view, curvature_radpm)
    course = find_course(peaks, view)
    assert course is not None
    guess = choose_lane(peaks, view, course, WIDTH_M, 0.2, None)
    assert guess is not None
    fit = fit_road(peaks, view, guess, PITCH_SIGMA_RAD, expected=expected)
    assert fit is not None
    assert fit.left is not None
    assert fit.right is not None
    heading_rad = (fit.left.coefficients[1] + fit.right.coefficients[1]) / 2
    return math.degrees(heading_rad), math.degrees(math.sqrt(fit.left.covariance[1, 1]))


@pytest.mark.parametrize("ahead_m", [12.0, 15.0, 18.0, 25.0, 35.0])
@pytest.mark.parametrize("road", [ends_in, starts_in])
def test_a_town_bend_that_starts_or_ends_ahead_does_not_spoil_the_heading_beside_the_car(view, road, ahead_m):
    """A cubic over the whole view is up to four degrees wrong here, with a small sigma."""
    heading_deg, sigma_deg = heading_of(view, road(ahead_m))
    assert abs(heading_deg) < 0.8
    assert abs(heading_deg) < 2.5 * sigma_deg


def test_a_steady_bend_is_known_to_a_fraction_of_a_degree(view):
    assert abs(heading_of(view, lambda s_m: BEND_RADPM + 0 * s_m)[0]) < 0.15


def test_the_yaw_rate_helps_where_a_bend_ends_below_the_camera(view):
    """It is visible in no image, but the car still turns."""
    curvature_radpm = ends_in(8.0)
    blind_deg, _ = heading_of(view, curvature_radpm)
    turning = VehicleState(speed_mps=8.3, yaw_rate_radps=8.3 * float(curvature_radpm(0.0)))
    informed_deg, _ = heading_of(view, curvature_radpm, curvature_from_yaw_rate(turning))
    assert abs(informed_deg) < 0.8 * abs(blind_deg)


def test_a_car_that_turns_in_its_lane_does_not_bend_a_straight_road(view):
    """Two degrees per second, as in a lane change: the lines dominate."""
    swerving = VehicleState(speed_mps=20.0, yaw_rate_radps=math.radians(2))
    straight_deg, _ = heading_of(view, lambda s_m: 0 * s_m)
    heading_deg, _ = heading_of(view, lambda s_m: 0 * s_m, curvature_from_yaw_rate(swerving))
    assert abs(heading_deg - straight_deg) < 0.1


@pytest.mark.parametrize("state", [
    None,
    VehicleState(speed_mps=10.0),
    VehicleState(yaw_rate_radps=0.1),
    VehicleState(speed_mps=1.0, yaw_rate_radps=0.1),
    VehicleState(speed_mps=math.nan, yaw_rate_radps=0.1),
    VehicleState(speed_mps=math.inf, yaw_rate_radps=0.1),
    VehicleState(speed_mps=10.0, yaw_rate_radps=math.nan),
])  # fmt: skip
def test_without_a_valid_motion_no_curvature_is_expected(state):
    assert curvature_from_yaw_rate(state) is None


def test_a_slow_car_gives_a_weaker_prior_and_left_is_positive():
    slow, fast = (curvature_from_yaw_rate(VehicleState(speed_mps=v, yaw_rate_radps=v / 100)) for v in (5.0, 30.0))
    assert slow is not None
    assert fast is not None
    assert (slow.radpm, fast.radpm) == pytest.approx((0.01, 0.01))
    assert slow.sigma_radpm > 2 * fast.sigma_radpm


def test_a_gap_in_the_near_paint_of_one_line_does_not_trade_pitch_for_heading(view):
    """A braking car pitches; one line alone cannot separate that from a turn, the far dashes can."""
    pitch_rad = math.radians(0.65)
    peaks = peaks_of(view, lambda s_m: 0 * s_m)
    seen = 1 / (1 - pitch_rad * peaks.x_m / view.geometry.height_m)
    kept = (peaks.y_m < 0) | (peaks.x_m > 25)
    columns = peaks.row, peaks.x_m * seen, peaks.y_m * seen, peaks.weight, peaks.yellow, peaks.painted
    pitching = Peaks(*(column[kept] for column in columns))
    fit = fit_road(pitching, view, LaneGuess(Course(0.0, 0.0, 1.0), *PLACES_M), PITCH_SIGMA_RAD)
    assert fit is not None
    assert fit.left is not None
    assert fit.right is not None
    assert abs(math.degrees(fit.right.coefficients[1])) < 0.25
    assert math.degrees(fit.pitch_error_rad) == pytest.approx(math.degrees(pitch_rad), abs=0.15)


@pytest.mark.parametrize("sag_radpm", [-3e-4, 3e-4])
def test_a_sag_or_crest_does_not_spoil_offset_and_heading(view, sag_radpm):
    """As in a banked bend: 30 m ahead its lines are 10 % off the plane, which looks like pitch, heading and offset."""
    peaks = peaks_of(view, lambda s_m: 1 / 200 + 0 * s_m)
    near = peaks.x_m < 35
    seen = 1 / (1 - sag_radpm * peaks.x_m**2 / 2 / view.geometry.height_m)
    columns = peaks.row, peaks.x_m * seen, peaks.y_m * seen, peaks.weight, peaks.yellow, peaks.painted
    peaks = Peaks(*(column[near] for column in columns))
    guess = LaneGuess(Course(0.0, 1 / 200, 1.0), *PLACES_M)
    expected = CurvaturePrior(1 / 200, 0.001)

    def worst(sigma_radpm):
        fit = fit_road(peaks, view, guess, PITCH_SIGMA_RAD, sag_sigma_radpm=sigma_radpm, expected=expected)
        assert fit is not None
        assert fit.left is not None
        assert fit.right is not None
        lines = zip((fit.left, fit.right), PLACES_M, strict=True)
        off_m, turned_rad = zip(*((line.coefficients[0] - at, line.coefficients[1]) for line, at in lines), strict=True)
        return max(map(abs, off_m)), math.degrees(max(map(abs, turned_rad)))

    off_m, turned_deg = worst(SAG_SIGMA_RADPM)
    flat_off_m, flat_turned_deg = worst(0.0)
    assert off_m < 0.007
    assert turned_deg < 0.1
    assert flat_off_m > 2 * off_m
    assert flat_turned_deg > turned_deg
