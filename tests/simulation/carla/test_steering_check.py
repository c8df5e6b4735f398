"""Steering that is scaled wrongly is noticed from how the car turns, and said once."""

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
@pytest.mark.parametrize(("gain", "is_told"), [(1.0, False), (0.8, False), (1.25, False), (0.5, True), (1.6, True)])
def test_a_third_too_much_or_too_little_is_told_once_with_both_figures(caplog, steer_rad, gain, is_told):
    drive(SteeringCheck(WHEELBASE_M, TICK_S), steer_rad, 8.0, gain)
    expected_radps = 8.0 * math.tan(0.05) / WHEELBASE_M
    assert len(caplog.records) == is_told
    if is_told:
        said = f"turns at {gain * expected_radps:.3f} rad/s where its steering should turn it at {expected_radps:.3f}"
        assert said in caplog.text


@pytest.mark.parametrize(("steer_rad", "speed_mps"), [(0.002, 20.0), (0.3, 1.0), (0.1, 20.0)])
def test_nearly_straight_slow_and_slipping_tell_nothing(caplog, steer_rad, speed_mps):
    drive(SteeringCheck(WHEELBASE_M, TICK_S), steer_rad, speed_mps, 0.2)
    assert caplog.records == []
