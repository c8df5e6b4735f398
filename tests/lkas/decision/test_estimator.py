"""The filter: late measurements, gates, re-acquisition, single lines and honest covariance."""

import math

import numpy as np
import pytest

from lkas.decision.bicycle import Bicycle
from lkas.decision.estimator import LaneEstimator
from lkas.decision.measurement import LEFT, RIGHT, Line
from lkas.decision.parameters import DecisionParameters
from lkas.vehicle import VehicleConfig

SIGMAS = (0.03, 0.003, 4e-4, 3e-5)


def estimator() -> LaneEstimator:
    return LaneEstimator(Bicycle(VehicleConfig(), DecisionParameters()), sigma_ratio=2.0)


def lines(
    offset_m: float = 0.0, heading_rad: float = 0.0, kappa: float = 0.0, width_m: float = 3.5, sides=(LEFT, RIGHT)
):
    return tuple(
        Line(side, (side * width_m / 2 - offset_m, -math.tan(heading_rad), kappa, 0.0), SIGMAS) for side in sides
    )


def run(made: LaneEstimator, from_s: float, to_s: float, measured, speed_mps=10.0, yaw_rate_radps=0.0):
    """Predict at 100 Hz and measure at 33 Hz what `measured(t)` says."""
    for tick in range(round(from_s * 100), round(to_s * 100)):
        made.predict(tick / 100, speed_mps, yaw_rate_radps)
        seen = measured(tick / 100) if tick % 3 == 0 else ()
        if seen:
            made.measure(tick / 100, seen)


def test_it_starts_with_the_first_frame_and_knows_nothing_before():
    made = estimator()
    made.predict(0.0, 10.0, 0.0)
    assert made.state() is None
    assert made.measure(0.0, lines(0.3, 0.02, 0.004)) == (True, True)
    state = made.state()
    assert (state.offset_m, state.heading_rad, state.width_m) == pytest.approx((0.3, 0.02, 3.5), abs=0.01)


def test_a_late_measurement_is_carried_to_now():
    """0.3 s old, at 20 m/s with 0.02 rad to the left: the car is 0.12 m further left by now."""
    made = estimator()
    for tick in range(31):
        made.predict(tick / 100, 20.0, 0.0)
    made.measure(0.0, lines(offset_m=0.1, heading_rad=0.02))
    assert made.state().offset_m == pytest.approx(0.1 + 6.0 * 0.02, abs=0.002)


def test_carrying_follows_a_bend():
    """On the lane's centre in a bend, driving along it: still on the centre 0.2 s later."""
    made = estimator()
    bicycle = Bicycle(VehicleConfig(), DecisionParameters())
    kappa, speed_mps = 1 / 125, 13.9
    slip_rad = kappa * bicycle.slip_per_curvature_m(speed_mps)
    for tick in range(21):
        made.predict(tick / 100, speed_mps, speed_mps * kappa)
    made.measure(0.0, lines(0.0, -slip_rad, kappa))
    assert made.state().offset_m == pytest.approx(0.0, abs=0.01)
    assert made.state().heading_rad == pytest.approx(-slip_rad, abs=0.001)


def test_uncertainty_grows_blind_and_shrinks_with_measurements():
    made = estimator()
    run(made, 0.0, 1.0, lambda t: lines())
    seen = made.state().offset_sigma_m
    run(made, 1.0, 2.0, lambda t: ())
    blind = made.state().offset_sigma_m
    assert blind > 2 * seen
    run(made, 2.0, 3.0, lambda t: lines())
    assert made.state().offset_sigma_m < 1.2 * seen


def test_the_covariance_is_honest():
    """Normalised errors over many noisy runs stay near what the filter says of itself."""
    random, errors = np.random.default_rng(3), []
    for _ in range(60):
        made = estimator()

        def noisy(t):
            e, h, k = random.normal(size=3) * (0.03, 0.003, 4e-4)
            return lines(e, h, k)

        run(made, 0.0, 1.0, noisy)
        state = made.state()
        errors.append((state.offset_m / state.offset_sigma_m, state.heading_rad / state.heading_sigma_rad))
    assert np.sqrt(np.mean(np.square(errors))) < 1.2
    assert np.linalg.eigvalsh(made.covariance).min() > 0


def test_one_wrong_frame_is_refused_and_a_lasting_change_is_taken():
    made = estimator()
    run(made, 0.0, 1.0, lambda t: lines())
    made.predict(1.0, 10.0, 0.0)
    assert made.measure(1.0, lines(1.5)) == (False, False)
    assert abs(made.state().offset_m) < 0.05
    run(made, 1.01, 1.6, lambda t: lines(1.5))
    assert made.state().offset_m == pytest.approx(1.5, abs=0.05)


def test_a_single_line_uses_the_remembered_width():
    made = estimator()
    run(made, 0.0, 2.0, lambda t: lines(-0.2 + 0.1 * t, 0.01, width_m=3.2))
    run(made, 2.0, 4.0, lambda t: lines(-0.2 + 0.1 * t, 0.01, width_m=3.2, sides=(RIGHT,)))
    state = made.state()
    assert state.width_m == pytest.approx(3.2, abs=0.05)
    assert state.offset_m == pytest.approx(0.2, abs=0.03)


def test_a_lane_that_became_wider_is_learned():
    made = estimator()
    run(made, 0.0, 2.0, lambda t: lines())
    run(made, 2.0, 4.5, lambda t: lines(width_m=4.6))
    assert made.state().width_m == pytest.approx(4.6, abs=0.1)


def test_at_standstill_nothing_is_predicted():
    made = estimator()
    run(made, 0.0, 1.0, lambda t: lines(0.1, 0.05))
    before, sigma = made.state(), made.covariance
    run(made, 1.0, 5.0, lambda t: (), speed_mps=0.0)
    assert made.state().offset_m == before.offset_m
    assert np.array_equal(made.covariance, sigma)


def test_without_a_yaw_rate_the_car_follows_the_lane():
    made = estimator()
    run(made, 0.0, 1.0, lambda t: lines(kappa=0.01), yaw_rate_radps=None)
    run(made, 1.0, 1.5, lambda t: (), yaw_rate_radps=None)
    guided = estimator()
    run(guided, 0.0, 1.0, lambda t: lines(kappa=0.01), yaw_rate_radps=None)
    run(guided, 1.0, 1.5, lambda t: (), yaw_rate_radps=0.0)
    assert abs(made.state().heading_rad) < 0.02
    assert guided.state().heading_rad < -0.04  # a car known not to turn leaves the bend


def test_the_mirrored_world_gives_the_mirrored_state():
    left, right = estimator(), estimator()
    run(left, 0.0, 1.0, lambda t: lines(0.2, 0.01, 0.003), yaw_rate_radps=0.02)
    run(right, 0.0, 1.0, lambda t: lines(-0.2, -0.01, -0.003), yaw_rate_radps=-0.02)
    for name in left.state().__struct_fields__:
        assert getattr(left.state(), name) == pytest.approx(getattr(right.state().mirrored(), name), abs=1e-12)


def test_a_measurement_from_before_the_odometry_is_no_use():
    made = estimator()
    made.predict(10.0, 10.0, 0.0)
    assert made.measure(9.9, lines()) == (False, False)
