"""A custom simulator beside the channels: what it writes, what it gets back, in which sign and when."""

import math

import numpy as np
import pytest

from lkas.integration.shared_memory import (
    ControlChannel,
    ImageChannel,
    SHMTimeoutError,
    SHMWriterExistsError,
    SimulationLink,
    VehicleChannel,
)
from lkas.integration.shared_memory.messages import ControlMode

IMAGE = np.full((48, 64, 3), 90, np.uint8)


@pytest.fixture
def link(instance):
    with SimulationLink(width=64, height=48, max_steer_deg=30.0, left_positive=True) as link:
        yield link


def test_the_state_carries_what_the_simulator_knows(link, opened):
    states = opened(VehicleChannel)
    link.step(speed_mps=8.0, yaw_rate_radps=0.1, steering_angle_rad=0.02, time_s=1.0)
    link.step(speed_mps=8.1, yaw_rate_radps=0.1, time_s=1.05)
    state = states.latest()
    assert (state.speed_mps, state.yaw_rate_radps, state.steering_angle_rad) == (8.1, 0.1, None)
    assert state.timestamp == 1.05
    assert state.tick_s == pytest.approx(0.05)
    assert state.max_steer_rad == pytest.approx(math.radians(30.0))
    assert state.camera.height_m == 1.4
    assert state.session != 0


def test_a_simulator_that_counts_to_the_right_is_turned_at_the_border(instance, opened):
    states = opened(VehicleChannel)
    with SimulationLink(width=64, height=48, left_positive=False) as link:
        link.step(speed_mps=8.0, yaw_rate_radps=0.1, steering_angle_rad=-0.02, time_s=0.0)
        assert states.latest().yaw_rate_radps == -0.1
        assert states.latest().steering_angle_rad == 0.02


@pytest.mark.parametrize(("left_positive", "wanted"), [(True, -0.25), (False, 0.25)])
def test_steering_comes_back_in_the_sign_of_the_simulator(instance, opened, left_positive, wanted):
    controls = opened(ControlChannel, create=True)
    with SimulationLink(width=64, height=48, left_positive=left_positive) as link:
        link.step(speed_mps=8.0, time_s=0.0)
        controls.write(steering=0.25, throttle=0.5, brake=0.0, mode=ControlMode.LANE_KEEPING)
        control = link.step(speed_mps=8.0, time_s=0.1)
    assert (control.steering, control.throttle) == (wanted, 0.5)


def test_a_command_without_stamps_is_valid_for_a_fifth_of_a_second_of_simulated_time(link, opened):
    controls = opened(ControlChannel, create=True)
    link.step(speed_mps=8.0, time_s=5.0)
    controls.write(steering=0.25, throttle=0.5, brake=0.0, mode=ControlMode.LANE_KEEPING)
    assert link.step(speed_mps=8.0, time_s=5.1).throttle == 0.5
    assert link.step(speed_mps=8.0, time_s=5.29).throttle == 0.5
    expired = link.step(speed_mps=8.0, time_s=5.31)
    assert (expired.steering, expired.throttle, expired.mode) == (-0.25, 0.0, ControlMode.STANDBY)
    assert expired.brake > 0
    assert expired.state_reason


def test_a_command_of_another_world_is_not_taken(link, opened):
    controls = opened(ControlChannel, create=True)
    link.step(speed_mps=8.0, time_s=0.0)
    controls.write(steering=0.25, throttle=0.5, brake=0.0, session=4711)
    assert link.step(speed_mps=8.0, time_s=0.1).throttle == 0.0


def test_without_lkas_a_step_says_who_is_missing(link):
    control = link.step(IMAGE, speed_mps=8.0, time_s=0.0)
    assert (control.throttle, control.mode) == (0.0, ControlMode.STANDBY)
    assert "no process writes vehicle_control" in control.state_reason


def test_a_step_that_waits_says_whom_it_waited_for(link):
    with pytest.raises(SHMTimeoutError, match=r"image 1 within 0\.2 s: no process writes vehicle_control"):
        link.step(IMAGE, speed_mps=8.0, time_s=0.0, wait=True, timeout_s=0.2)


def test_a_second_simulation_is_refused_and_leaves_nothing(link, instance):
    with pytest.raises(SHMWriterExistsError):
        SimulationLink(width=64, height=48)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"speed_mps": math.nan, "time_s": 0.0}, "speed_mps"),
        ({"speed_mps": 1.0, "yaw_rate_radps": math.inf, "time_s": 0.0}, "yaw_rate_radps"),
        ({"speed_mps": 1.0, "time_s": -1.0}, "cannot go back"),
    ],
)
def test_values_that_are_wrong_are_named(link, values, text):
    link.step(speed_mps=1.0, time_s=0.0)
    with pytest.raises(ValueError, match=text):
        link.step(**values)


@pytest.mark.parametrize("arguments", [{"hfov_deg": 0.0}, {"camera_height_m": -1.0}, {"max_steer_deg": math.nan}])
def test_a_camera_or_car_out_of_range_is_refused(instance, arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        SimulationLink(width=64, height=48, **arguments)


def test_images_can_be_read_by_others(link, opened):
    images = opened(ImageChannel)
    assert images.latest() is None
    link.step(IMAGE, speed_mps=8.0, time_s=0.5)
    message = images.latest()
    assert message.frame_id == 1
    assert message.timestamp == 0.5
    assert (message.image == IMAGE).all()
