"""Lane visibility, its ratio, and the lower speed when visibility is interrupted."""

import pytest

from lkas.decision.bicycle import Bicycle
from lkas.decision.estimator import LaneEstimator
from lkas.decision.parameters import DecisionParameters
from lkas.decision.visibility import LaneVisibility
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.noisy_camera import NoisyCamera
from tests.lkas.decision.plant import SESSION, Plant
from tests.lkas.decision.road import s_bend, straight

GEOMETRY = CameraConfig().geometry()
TICK_S = 0.01


def visibility_ratio(frame_period_s: float, lost_every: int = 0, duration_s: float = 10.0) -> float:
    """Return the ratio after a drive at this frame rate on a straight road; of `lost_every` frames only one arrives."""
    parameters = DecisionParameters()
    estimator = LaneEstimator(Bicycle(VehicleConfig(), parameters), parameters)
    visibility, camera, plant = LaneVisibility(), NoisyCamera(1, 0.0), Plant(road=straight(), speed_mps=20.0)
    every = round(frame_period_s / TICK_S)
    for tick in range(round(duration_s / TICK_S)):
        now_s = tick * TICK_S
        estimator.predict(now_s, 20.0, 0.0)
        if tick % every == 0 and (lost_every == 0 or tick // every % lost_every == 0):
            visibility.update(now_s, camera.expose(plant, now_s, tick), SESSION, GEOMETRY, estimator)
        visibility.advance(now_s, TICK_S)
    return visibility.ratio


@pytest.mark.parametrize("frame_period_s", [0.03, 0.1, 0.14])
def test_a_slow_camera_without_lost_frames_has_a_ratio_near_one(frame_period_s):
    assert visibility_ratio(frame_period_s) > 0.95


def test_lost_frames_reduce_the_ratio():
    assert visibility_ratio(0.03, lost_every=20) == pytest.approx(0.16 / 0.6, abs=0.1)


def test_after_a_reset_no_line_is_visible():
    visibility = LaneVisibility()
    assert not visibility.is_lane_known(0.0)
    parameters = DecisionParameters()
    estimator = LaneEstimator(Bicycle(VehicleConfig(), parameters), parameters)
    estimator.predict(0.0, 20.0, 0.0)
    detection = NoisyCamera(1, 0.0).expose(Plant(road=straight(), speed_mps=20.0), 0.0, 1)
    visibility.update(0.0, detection, SESSION, GEOMETRY, estimator)
    assert (visibility.is_left_visible(0.1), visibility.is_right_visible(0.1)) == (True, True)
    visibility.reset()
    assert (visibility.is_left_visible(0.1), visibility.is_lane_known(0.1)) == (False, False)


def test_with_four_of_five_frames_lost_the_car_slows_down_and_stays_in_its_lane():
    driven = drive(s_bend(800.0, 33.0), 33.0, lost=0.8, noise=0.7, seed=4)
    assert not driven.has_departed()
    assert 0.6 * 33.0 < driven.speed_mps.min() < 0.92 * 33.0
