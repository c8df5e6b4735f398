"""The estimator: late measurements, gating, re-acquisition, single lines and a consistent covariance."""

import math

import numpy as np
import pytest

from lkas.decision.bicycle import Bicycle
from lkas.decision.estimator import LaneEstimator
from lkas.decision.measurement import LEFT, RIGHT, LineMeasurement
from lkas.decision.parameters import DecisionParameters
from lkas.vehicle import VehicleConfig

SIGMAS = (0.03, 0.003, 4e-4, 3e-5)


def make_estimator() -> LaneEstimator:
    return LaneEstimator(Bicycle(VehicleConfig(), DecisionParameters()), DecisionParameters())


def lines(
    offset_m: float = 0.0, heading_rad: float = 0.0, kappa: float = 0.0, width_m: float = 3.5, sides=(LEFT, RIGHT)
):
    return tuple(
        LineMeasurement(side, (side * width_m / 2 - offset_m, -math.tan(heading_rad), kappa, 0.0), SIGMAS)
        for side in sides
    )


def run(estimator: LaneEstimator, from_s: float, to_s: float, measured, speed_mps=10.0, yaw_rate_radps=0.0):
    """Predict at 100 Hz and measure at 33 Hz the lines that `measured(t)` returns."""
    for tick in range(round(from_s * 100), round(to_s * 100)):
        estimator.predict(tick / 100, speed_mps, yaw_rate_radps)
        lines_now = measured(tick / 100) if tick % 3 == 0 else ()
        if lines_now:
            estimator.measure(tick / 100, lines_now)


def test_the_state_is_unknown_before_the_first_frame():
    estimator = make_estimator()
    estimator.predict(0.0, 10.0, 0.0)
    assert estimator.state() is None
    assert estimator.measure(0.0, lines(0.3, 0.02, 0.004)) == (True, True)
    state = estimator.state()
    assert (state.offset_m, state.heading_rad, state.width_m) == pytest.approx((0.3, 0.02, 3.5), abs=0.01)


def test_a_late_measurement_is_transformed_to_the_present_pose():
    """0.3 s old, at 20 m/s with a heading of 0.02 rad to the left: the car is now 0.12 m further left."""
    estimator = make_estimator()
    for tick in range(31):
        estimator.predict(tick / 100, 20.0, 0.0)
    estimator.measure(0.0, lines(offset_m=0.1, heading_rad=0.02))
    assert estimator.state().offset_m == pytest.approx(0.1 + 6.0 * 0.02, abs=0.002)


def test_the_transformation_follows_a_bend():
    """A car that follows the lane centre in a bend is still on it 0.2 s later."""
    estimator = make_estimator()
    bicycle = Bicycle(VehicleConfig(), DecisionParameters())
    kappa, speed_mps = 1 / 125, 13.9
    slip_rad = kappa * bicycle.slip_per_curvature_m(speed_mps)
    for tick in range(21):
        estimator.predict(tick / 100, speed_mps, speed_mps * kappa)
    estimator.measure(0.0, lines(0.0, -slip_rad, kappa))
    assert estimator.state().offset_m == pytest.approx(0.0, abs=0.01)
    assert estimator.state().heading_rad == pytest.approx(-slip_rad, abs=0.001)


def test_uncertainty_grows_without_measurements_and_shrinks_with_them():
    estimator = make_estimator()
    run(estimator, 0.0, 1.0, lambda t: lines())
    visible_sigma_m = estimator.state().offset_sigma_m
    run(estimator, 1.0, 2.0, lambda t: ())
    blind_sigma_m = estimator.state().offset_sigma_m
    assert blind_sigma_m > 2 * visible_sigma_m
    run(estimator, 2.0, 3.0, lambda t: lines())
    assert estimator.state().offset_sigma_m < 1.2 * visible_sigma_m


def test_the_covariance_is_consistent():
    """Errors normalised by the stated sigmas have an RMS near 1 over many noisy runs."""
    random, errors = np.random.default_rng(3), []
    for _ in range(60):
        estimator = make_estimator()

        def noisy(t):
            e, h, k = random.normal(size=3) * (0.03, 0.003, 4e-4)
            return lines(e, h, k)

        run(estimator, 0.0, 1.0, noisy)
        state = estimator.state()
        errors.append((state.offset_m / state.offset_sigma_m, state.heading_rad / state.heading_sigma_rad))
    assert np.sqrt(np.mean(np.square(errors))) < 1.2
    assert np.linalg.eigvalsh(estimator.covariance).min() > 0


def test_one_wrong_frame_is_rejected_and_a_lasting_change_is_accepted():
    estimator = make_estimator()
    run(estimator, 0.0, 1.0, lambda t: lines())
    estimator.predict(1.0, 10.0, 0.0)
    assert estimator.measure(1.0, lines(1.5)) == (False, False)
    assert abs(estimator.state().offset_m) < 0.05
    run(estimator, 1.01, 1.6, lambda t: lines(1.5))
    assert estimator.state().offset_m == pytest.approx(1.5, abs=0.05)


def test_a_single_line_uses_the_remembered_width():
    estimator = make_estimator()
    run(estimator, 0.0, 2.0, lambda t: lines(-0.2 + 0.1 * t, 0.01, width_m=3.2))
    run(estimator, 2.0, 4.0, lambda t: lines(-0.2 + 0.1 * t, 0.01, width_m=3.2, sides=(RIGHT,)))
    state = estimator.state()
    assert state.width_m == pytest.approx(3.2, abs=0.05)
    assert state.offset_m == pytest.approx(0.2, abs=0.03)


def test_a_wider_lane_is_estimated():
    estimator = make_estimator()
    run(estimator, 0.0, 2.0, lambda t: lines())
    run(estimator, 2.0, 4.5, lambda t: lines(width_m=4.6))
    assert estimator.state().width_m == pytest.approx(4.6, abs=0.1)


def test_at_standstill_nothing_is_predicted():
    estimator = make_estimator()
    run(estimator, 0.0, 1.0, lambda t: lines(0.1, 0.05))
    before, sigma = estimator.state(), estimator.covariance
    run(estimator, 1.0, 5.0, lambda t: (), speed_mps=0.0)
    assert estimator.state().offset_m == before.offset_m
    assert np.array_equal(estimator.covariance, sigma)


def test_without_a_yaw_rate_the_car_follows_the_lane():
    estimator = make_estimator()
    run(estimator, 0.0, 1.0, lambda t: lines(kappa=0.01), yaw_rate_radps=None)
    run(estimator, 1.0, 1.5, lambda t: (), yaw_rate_radps=None)
    straight = make_estimator()
    run(straight, 0.0, 1.0, lambda t: lines(kappa=0.01), yaw_rate_radps=None)
    run(straight, 1.0, 1.5, lambda t: (), yaw_rate_radps=0.0)
    assert abs(estimator.state().heading_rad) < 0.02
    assert straight.state().heading_rad < -0.04  # a car that does not turn leaves the bend


def test_mirrored_measurements_give_the_mirrored_state():
    left, right = make_estimator(), make_estimator()
    run(left, 0.0, 1.0, lambda t: lines(0.2, 0.01, 0.003), yaw_rate_radps=0.02)
    run(right, 0.0, 1.0, lambda t: lines(-0.2, -0.01, -0.003), yaw_rate_radps=-0.02)
    for name in left.state().__struct_fields__:
        assert getattr(left.state(), name) == pytest.approx(getattr(right.state().mirrored(), name), abs=1e-12)


def test_a_measurement_older_than_the_odometry_is_rejected():
    estimator = make_estimator()
    estimator.predict(10.0, 10.0, 0.0)
    assert estimator.measure(9.9, lines()) == (False, False)
