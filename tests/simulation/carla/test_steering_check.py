"""A wrong steering scale is detected from the yaw rate and reported once."""

import math

import pytest

pytest.importorskip("carla", reason="the package carla is not installed (Python below 3.13, x86_64 Linux)")

from simulation.carla.convert import Motion
from simulation.carla.steering_check import WINDOW_S, SteeringCheck

WHEELBASE_M, TICK_S = 2.7, 0.05


def drive(check, steer_rad, speed_mps, gain, duration_s=3 * WINDOW_S):
    yaw_rate_radps = gain * speed_mps * math.tan(steer_rad) / WHEELBASE_M
    for _ in range(round(duration_s / TICK_S)):
        check.add(steer_rad, Motion(speed_mps, 0.0, yaw_rate_radps, 0.0, 0.0))


@pytest.mark.parametrize("steer_rad", [0.05, -0.05])
@pytest.mark.parametrize(("gain", "has_warned"), [(1.0, False), (0.8, False), (1.25, False), (0.5, True), (1.6, True)])
def test_an_error_of_more_than_a_third_is_reported_once_with_both_rates(caplog, steer_rad, gain, has_warned):
    drive(SteeringCheck(WHEELBASE_M, TICK_S), steer_rad, 8.0, gain)
    expected_radps = 8.0 * math.tan(0.05) / WHEELBASE_M
    assert len(caplog.records) == has_warned
    if has_warned:
        text = f"turns at {gain * expected_radps:.3f} rad/s, expected {expected_radps:.3f} rad/s from its steering"
        assert text in caplog.text


@pytest.mark.parametrize(("steer_rad", "speed_mps"), [(0.002, 20.0), (0.3, 1.0), (0.1, 20.0)])
def test_small_angles_low_speed_and_slipping_tyres_are_ignored(caplog, steer_rad, speed_mps):
    drive(SteeringCheck(WHEELBASE_M, TICK_S), steer_rad, speed_mps, 0.2)
    assert caplog.records == []
