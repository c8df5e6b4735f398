"""From a road-wheel angle, left positive, to what an actuator takes."""

import math

import pytest

from lkas.car import SteeringMap

MAX_RAD = 0.5


def steering(**changes):
    return SteeringMap(max_steer_rad=MAX_RAD, wheelbase_m=0.3, **changes)


@pytest.mark.parametrize(
    ("kind", "left", "expected"),
    [
        ("servo", 0.25, 1500 - 200),  # right positive: left is below the centre
        ("servo", -0.25, 1500 + 200),
        ("angle", 0.25, 0.25),
        ("curvature", 0.25, math.tan(0.25) / 0.3),
    ],
)
def test_each_kind_of_actuator_gets_its_own_unit(kind, left, expected):
    assert steering(kind=kind, centre=1500.0, range=400.0).value(left) == pytest.approx(expected)


@pytest.mark.parametrize("kind", ["servo", "angle", "curvature"])
def test_an_angle_beyond_the_largest_is_cut(kind):
    limited = steering(kind=kind)
    assert limited.value(9.0) == pytest.approx(limited.value(MAX_RAD))


def test_the_wiring_turns_and_shifts_the_actuator():
    assert steering(sign=-1, offset=0.1).share(-0.25) == pytest.approx(-0.5 + 0.1)
