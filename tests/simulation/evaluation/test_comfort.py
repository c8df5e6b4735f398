"""Lateral acceleration and jerk of motions with a closed-form solution."""

import math

import numpy as np
import pytest

from simulation.evaluation.comfort import butterworth_low_pass, lateral_comfort, lateral_comfort_r79

STEP_S = 0.01


def times_s(length_s):
    return np.arange(round(length_s / STEP_S)) * STEP_S


def test_a_constant_acceleration_has_no_jerk():
    comfort = lateral_comfort(np.full(300, -1.7), STEP_S)
    assert comfort.accel_mps2 == pytest.approx(1.7)
    assert comfort.jerk_mps3 == pytest.approx(0.0, abs=1e-9)


def test_a_ramp_has_the_jerk_of_its_slope():
    comfort = lateral_comfort(-0.8 * times_s(3.0), STEP_S)
    assert comfort.jerk_mps3 == pytest.approx(0.8)
    assert comfort.accel_mps2 == pytest.approx(0.8 * 2.945)  # the mean over the last 0.1 s


def test_a_step_is_spread_over_half_a_second():
    assert lateral_comfort(np.where(times_s(3.0) < 1.5, 0.0, 2.0), STEP_S).jerk_mps3 == pytest.approx(4.0)


def test_a_single_outlier_is_reduced_to_a_tenth():
    values = np.zeros(200)
    values[100] = 10.0
    assert lateral_comfort(values, STEP_S).accel_mps2 == pytest.approx(1.0)


def test_a_drive_shorter_than_the_window_has_no_metrics():
    assert lateral_comfort(np.ones(9), STEP_S) == (None, None)
    assert lateral_comfort(np.ones(20), STEP_S).jerk_mps3 is None
    assert lateral_comfort_r79(np.ones(0), STEP_S) == (None, None)


@pytest.mark.parametrize("frequency_hz", [0.1, 0.5, 1.0])
def test_the_filter_of_r79_has_the_gain_of_a_fourth_order_butterworth(frequency_hz):
    t = times_s(60.0)
    filtered = butterworth_low_pass(np.sin(2 * math.pi * frequency_hz * t), STEP_S, 0.5, 4)
    ratio = math.tan(math.pi * frequency_hz * STEP_S) / math.tan(math.pi * 0.5 * STEP_S)
    assert np.abs(filtered[len(t) // 2 :]).max() == pytest.approx(1 / math.sqrt(1 + ratio**8), rel=2e-3)


def test_the_filter_of_r79_starts_settled_and_keeps_a_constant():
    assert lateral_comfort_r79(np.full(500, 2.2), STEP_S) == pytest.approx((2.2, 0.0), abs=1e-6)


def test_r79_attenuates_frequencies_above_half_a_hertz():
    t = times_s(60.0)
    growing = np.sin(2 * math.pi * t) * np.minimum(1.0, t / 40)
    assert lateral_comfort_r79(growing, STEP_S).accel_mps2 == pytest.approx(1 / math.sqrt(1 + 2**8), rel=0.02)
