"""What counts as seen, and how interrupted sight makes the car slower."""

import pytest

from lkas.decision.bicycle import Bicycle
from lkas.decision.estimator import LaneEstimator
from lkas.decision.parameters import DecisionParameters
from lkas.decision.sight import Sight
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import SESSION, Camera, Plant, drive, s_bend, straight

GEOMETRY = CameraConfig().geometry()
TICK_S = 0.01


def steadiness(frame_period_s: float, lost_every: int = 0, duration_s: float = 10.0) -> float:
    """After so long at this frame rate, on a straight road; of `lost_every` frames only the first arrives."""
    parameters = DecisionParameters()
    estimator = LaneEstimator(Bicycle(VehicleConfig(), parameters), parameters.measurement_sigma_ratio)
    sight, camera, plant = Sight(), Camera(1, 0.0), Plant(road=straight(), speed_mps=20.0)
    every = round(frame_period_s / TICK_S)
    for tick in range(round(duration_s / TICK_S)):
        now_s = tick * TICK_S
        estimator.predict(now_s, 20.0, 0.0)
        if tick % every == 0 and (lost_every == 0 or tick // every % lost_every == 0):
            sight.take(now_s, camera.expose(plant, now_s, tick), SESSION, GEOMETRY, estimator)
        sight.advance(now_s, TICK_S)
    return sight.steadiness


@pytest.mark.parametrize("frame_period_s", [0.03, 0.1, 0.14])
def test_a_slow_camera_that_loses_nothing_is_steady(frame_period_s):
    assert steadiness(frame_period_s) > 0.95


def test_lost_frames_make_sight_unsteady():
    assert steadiness(0.03, lost_every=20) == pytest.approx(0.16 / 0.6, abs=0.1)


def test_what_was_seen_is_forgotten_with_the_drive():
    sight = Sight()
    assert not sight.is_lane_known(0.0)
    parameters = DecisionParameters()
    estimator = LaneEstimator(Bicycle(VehicleConfig(), parameters), parameters.measurement_sigma_ratio)
    estimator.predict(0.0, 20.0, 0.0)
    seen = Camera(1, 0.0).expose(Plant(road=straight(), speed_mps=20.0), 0.0, 1)
    sight.take(0.0, seen, SESSION, GEOMETRY, estimator)
    assert (sight.sees_left(0.1), sight.sees_right(0.1)) == (True, True)
    sight.forget()
    assert (sight.sees_left(0.1), sight.is_lane_known(0.1)) == (False, False)


def test_with_four_of_five_frames_lost_the_car_slows_down_and_stays_in_its_lane():
    driven = drive(s_bend(800.0, 33.0), 33.0, lost=0.8, noise=0.7, seed=4)
    assert not driven.departed()
    assert 0.6 * 33.0 < driven.speed_mps.min() < 0.92 * 33.0
