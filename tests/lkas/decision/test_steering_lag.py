"""The lag is learned from the wheel's answer, within bounds, and from nothing else."""

import math

import numpy as np
import pytest

from lkas.decision.steering_lag import BOUNDS_RATIO, SteeringLag

DT_S = 0.01


def learned(true_lag_s: float, *, noise_rad: float = 0.0, swing_rad: float = 0.02, duration_s: float = 30.0) -> float:
    """A wheel that follows a slow swing with this lag; what is made of it with 0.12 s configured."""
    made, random, wheel_rad = SteeringLag(0.12), np.random.default_rng(1), 0.0
    for tick in range(round(duration_s / DT_S)):
        command_rad = swing_rad * math.sin(2 * math.pi * 0.3 * tick * DT_S)
        wheel_rad += (command_rad - wheel_rad) * (1 - math.exp(-DT_S / true_lag_s))
        made.update(command_rad, wheel_rad + noise_rad * random.normal(), DT_S)
    return made.lag_s


@pytest.mark.parametrize("true_lag_s", [0.06, 0.12, 0.25])
def test_the_true_lag_is_found_also_with_sensor_noise(true_lag_s):
    assert learned(true_lag_s) == pytest.approx(true_lag_s, rel=0.05)
    assert learned(true_lag_s, noise_rad=3e-4) == pytest.approx(true_lag_s, rel=0.15)


def test_it_stays_within_its_bounds():
    assert learned(3.0) == pytest.approx(BOUNDS_RATIO[1] * 0.12)
    assert learned(0.005, swing_rad=0.3) == pytest.approx(BOUNDS_RATIO[0] * 0.12)


def test_noise_alone_and_a_missing_wheel_angle_teach_nothing():
    assert learned(0.12, noise_rad=3e-4, swing_rad=0.0) == 0.12
    made = SteeringLag(0.12)
    for tick in range(1000):
        made.update(0.1 * math.sin(tick / 30), None, DT_S)
    assert made.lag_s == 0.12


def test_no_configured_lag_stays_none():
    made = SteeringLag(0.0)
    made.update(0.1, 0.0, DT_S)
    made.update(0.1, 0.0, DT_S)
    assert made.lag_s == 0.0
