"""The side of the steering, judged from the drive: the right sign is never accused, a wrong one always."""

import math
import random

import pytest

from lkas.decision.steering_side import SteeringFault, SteeringSide

DT_S = 0.01
LAGS_S = 0.15, 0.05
SPEED_MPS = 10.0


def driven(steering_sign=1.0, yaw_sign=1.0, camera_sign=1.0, *, seconds=6.0, has_camera=True, has_yaw=True, wind=0.0):
    """A drive through a slalom. `camera_sign` -1: the lane seen by the camera turns as with the other steering."""
    rng, side = random.Random(4), SteeringSide()
    wheel = yaw = heading = 0.0
    for step in range(round(seconds / DT_S)):
        now_s = step * DT_S
        curvature_radpm = 0.006 * math.sin(1.7 * now_s)
        wheel += (steering_sign * SPEED_MPS * curvature_radpm - wheel) * DT_S / LAGS_S[0]
        yaw += (wheel - yaw) * DT_S / LAGS_S[1]
        turning = yaw + wind * math.sin(5 * now_s)
        heading += turning * DT_S
        side.advance(DT_S, LAGS_S, curvature_radpm, SPEED_MPS, yaw_sign * turning if has_yaw else None)
        if has_camera and step % 3 == 0:
            side.see(now_s, camera_sign * heading + rng.gauss(0, 0.002), 0.0)
        if side.fault is not SteeringFault.NONE:
            return side, now_s
    return side, None


@pytest.mark.parametrize("wind", [0.0, 0.02])
@pytest.mark.parametrize(("has_camera", "has_yaw"), [(True, True), (False, True), (True, False)])
def test_the_right_sign_is_not_accused(has_camera, has_yaw, wind):
    side, when_s = driven(has_camera=has_camera, has_yaw=has_yaw, wind=wind, seconds=30.0)
    assert when_s is None
    assert all(gain is None or gain > 0.5 for gain in side.gains)


@pytest.mark.parametrize("has_camera", [True, False])
def test_a_wrong_side_is_found_within_three_seconds(has_camera):
    side, when_s = driven(steering_sign=-1, has_camera=has_camera)
    assert side.fault is SteeringFault.STEERING
    assert when_s < 3.0
    assert side.is_inverted is has_camera, "only the camera shows that the opposite command helps"


def test_both_signs_wrong_is_a_wrong_side():
    """As with a wrong `left_positive`: command and yaw rate agree, but the lane moves to the other side."""
    side, when_s = driven(camera_sign=-1)
    assert (side.fault, side.is_inverted) == (SteeringFault.STEERING, True)
    assert when_s < 3.0


def test_a_yaw_rate_of_the_wrong_sign_is_told_apart():
    side, when_s = driven(yaw_sign=-1)
    assert (side.fault, side.is_inverted) == (SteeringFault.YAW_RATE, False)
    assert when_s < 3.0


def test_without_a_yaw_rate_nothing_is_judged():
    """As for a video, whose turning does not follow the commands."""
    side, when_s = driven(steering_sign=-1, has_yaw=False)
    assert (side.gains, when_s) == ((None, None), None)


def test_it_can_be_switched_off():
    side = SteeringSide()
    side.is_on = False
    for step in range(1000):
        now_s = step * DT_S
        curvature_radpm = 0.006 * math.sin(1.7 * now_s)
        side.advance(DT_S, LAGS_S, curvature_radpm, SPEED_MPS, -SPEED_MPS * curvature_radpm)
    assert side.gains[0] < -0.5
    assert side.fault is SteeringFault.NONE


def test_without_steering_nothing_is_judged():
    side = SteeringSide()
    for step in range(1000):
        side.advance(DT_S, LAGS_S, 0.0, SPEED_MPS, 0.03 * math.sin(step * DT_S))
    assert (side.gains, side.fault) == ((None, None), SteeringFault.NONE)


def test_a_reset_judges_anew():
    side, _ = driven(steering_sign=-1)
    side.reset()
    assert (side.fault, side.is_inverted, side.gains) == (SteeringFault.NONE, False, (None, None))
