"""Fallback of the car before the first control and after an expired or unusable one."""

import math

import msgspec
import numpy as np
import pytest

from tests.simulation.embedded.driver import KMH50, make, run, straight_on, truth_of


def test_before_the_first_control_the_car_stands():
    tick = run(make(), 300)
    assert tick.state.speed_mps == 0.0
    assert truth_of(tick).distance_m == 0.0


def test_before_the_first_control_a_rolling_car_brakes_gently_and_goes_straight():
    world = make(start_speed_mps=10.0)
    tick = run(world, 200)
    assert 7.5 < truth_of(tick).speed_mps < 8.5
    assert truth_of(tick).offset_m == pytest.approx(0.0, abs=1e-6)
    assert truth_of(run(world, 1200)).speed_mps == 0.0


def test_an_expired_control_holds_its_curvature_and_stops_within_3_mps2():
    world = make(start_speed_mps=KMH50)
    tick = run(world, 80, straight_on(world, steering=-0.04, throttle=0.05, valid_until=0.8))
    radius_m = truth_of(tick).speed_mps / tick.state.yaw_rate_radps
    speeds, curvatures = [], []
    control = straight_on(world, steering=-0.04, throttle=0.05, valid_until=0.8)
    for _ in range(700):
        tick = world.tick(control)
        truth = truth_of(tick)
        speeds.append(truth.speed_mps)
        if truth.speed_mps > 5:
            curvatures.append(truth.lateral_acceleration_mps2 / truth.speed_mps**2)
    decelerations = -np.diff(speeds) / 0.01
    assert decelerations.max() <= 3.05
    assert np.median(decelerations[50:300]) == pytest.approx(3.0, abs=0.1)
    assert speeds[-1] == 0.0
    assert np.array(curvatures) == pytest.approx(1 / radius_m, rel=0.15)


def test_a_fresh_control_ends_the_emergency_stop():
    world = make(start_speed_mps=KMH50)
    tick = run(world, 100, straight_on(world, valid_until=0.2))
    slowed = truth_of(tick).speed_mps
    for _ in range(100):
        tick = world.tick(straight_on(world, tick, throttle=0.6))
    assert truth_of(tick).speed_mps > slowed + 0.5


@pytest.mark.parametrize(
    "changes",
    [{"session": 12345}, {"timestamp": 500.0}, {"steering": math.nan}, {"throttle": math.inf}],
    ids=["another world", "the future", "no number", "infinite"],
)
def test_an_unusable_control_is_ignored(changes):
    world = make()
    control = straight_on(world, throttle=1.0, valid_until=1000.0)
    assert truth_of(run(world, 100, msgspec.structs.replace(control, **changes))).distance_m == 0.0
    assert truth_of(run(world, 100, control)).distance_m > 0.1


def test_a_writer_without_a_session_may_drive():
    world = make()
    assert truth_of(run(world, 100, straight_on(world, session=0, throttle=1.0, valid_until=9.0))).distance_m > 0.1
