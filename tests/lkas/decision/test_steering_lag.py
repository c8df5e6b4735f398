"""The steering lag is estimated from the wheel's response, within bounds, and from nothing else."""

import math

import numpy as np
import pytest

from lkas.decision.steering_lag import BOUNDS_RATIO, SteeringLag

DT_S = 0.01


def estimated_lag_s(
    true_lag_s: float, *, noise_rad: float = 0.0, amplitude_rad: float = 0.02, duration_s: float = 30.0
) -> float:
    """Return the estimate for a wheel that follows a slow sine with this lag; 0.12 s is configured."""
    lag, random, wheel_rad = SteeringLag(0.12), np.random.default_rng(1), 0.0
    for tick in range(round(duration_s / DT_S)):
        command_rad = amplitude_rad * math.sin(2 * math.pi * 0.3 * tick * DT_S)
        wheel_rad += (command_rad - wheel_rad) * (1 - math.exp(-DT_S / true_lag_s))
        lag.update(command_rad, wheel_rad + noise_rad * random.normal(), DT_S)
    return lag.lag_s


@pytest.mark.parametrize("true_lag_s", [0.06, 0.12, 0.25])
def test_the_true_lag_is_estimated_also_with_sensor_noise(true_lag_s):
    assert estimated_lag_s(true_lag_s) == pytest.approx(true_lag_s, rel=0.05)
    assert estimated_lag_s(true_lag_s, noise_rad=3e-4) == pytest.approx(true_lag_s, rel=0.15)


def test_the_estimate_stays_within_its_bounds():
    assert estimated_lag_s(3.0) == pytest.approx(BOUNDS_RATIO[1] * 0.12)
    assert estimated_lag_s(0.005, amplitude_rad=0.3) == pytest.approx(BOUNDS_RATIO[0] * 0.12)


def test_noise_alone_and_a_missing_wheel_angle_change_nothing():
    assert estimated_lag_s(0.12, noise_rad=3e-4, amplitude_rad=0.0) == 0.12
    lag = SteeringLag(0.12)
    for tick in range(1000):
        lag.update(0.1 * math.sin(tick / 30), None, DT_S)
    assert lag.lag_s == 0.12


def test_a_configured_lag_of_zero_stays_zero():
    lag = SteeringLag(0.0)
    lag.update(0.1, 0.0, DT_S)
    lag.update(0.1, 0.0, DT_S)
    assert lag.lag_s == 0.0
