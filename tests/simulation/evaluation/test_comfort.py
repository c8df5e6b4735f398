"""Lateral acceleration and jerk of motions whose figures are known in closed form."""

import math

import numpy as np
import pytest

from simulation.evaluation.comfort import butterworth_low_pass, felt, felt_r79

STEP_S = 0.01


def seconds(length_s):
    return np.arange(round(length_s / STEP_S)) * STEP_S


def test_a_steady_bend_is_its_own_acceleration_without_jerk():
    felt_here = felt(np.full(300, -1.7), STEP_S)
    assert felt_here.accel_mps2 == pytest.approx(1.7)
    assert felt_here.jerk_mps3 == pytest.approx(0.0, abs=1e-9)


def test_a_ramp_has_the_jerk_of_its_slope():
    felt_here = felt(-0.8 * seconds(3.0), STEP_S)
    assert felt_here.jerk_mps3 == pytest.approx(0.8)
    assert felt_here.accel_mps2 == pytest.approx(0.8 * 2.945)  # the mean over the last 0.1 s


def test_a_step_is_spread_over_half_a_second():
    assert felt(np.where(seconds(3.0) < 1.5, 0.0, 2.0), STEP_S).jerk_mps3 == pytest.approx(4.0)


def test_a_single_wild_sample_is_a_tenth_of_itself():
    values = np.zeros(200)
    values[100] = 10.0
    assert felt(values, STEP_S).accel_mps2 == pytest.approx(1.0)


def test_too_short_a_drive_has_no_figures():
    assert felt(np.ones(9), STEP_S) == (None, None)
    assert felt(np.ones(20), STEP_S).jerk_mps3 is None
    assert felt_r79(np.ones(0), STEP_S) == (None, None)


@pytest.mark.parametrize("frequency_hz", [0.1, 0.5, 1.0])
def test_the_filter_of_r79_passes_what_a_fourth_order_butterworth_passes(frequency_hz):
    t = seconds(60.0)
    filtered = butterworth_low_pass(np.sin(2 * math.pi * frequency_hz * t), STEP_S, 0.5, 4)
    ratio = math.tan(math.pi * frequency_hz * STEP_S) / math.tan(math.pi * 0.5 * STEP_S)
    assert np.abs(filtered[len(t) // 2 :]).max() == pytest.approx(1 / math.sqrt(1 + ratio**8), rel=2e-3)


def test_the_filter_of_r79_begins_at_rest_and_keeps_a_steady_bend():
    assert felt_r79(np.full(500, 2.2), STEP_S) == pytest.approx((2.2, 0.0), abs=1e-6)


def test_r79_hears_little_of_what_is_faster_than_half_a_hertz():
    t = seconds(60.0)
    growing = np.sin(2 * math.pi * t) * np.minimum(1.0, t / 40)
    assert felt_r79(growing, STEP_S).accel_mps2 == pytest.approx(1 / math.sqrt(1 + 2**8), rel=0.02)
