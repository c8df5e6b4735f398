"""Vehicle state, frames and steering of a CARLA world through the real client library."""

import math

import numpy as np
import pytest
from msgspec import structs

from lkas.integration.shared_memory.messages import ControlMessage
from tests.simulation.carla.conftest import make_world
from tests.simulation.conftest import restored
from tests.support.carla_server.car import CG_AHEAD_M, WHEELBASE_M

pytest.importorskip("carla", reason="the package carla is not installed (Python below 3.13, x86_64 Linux)")


@pytest.fixture(scope="module")
def shared_world(shared_server):
    with restored(shared_server):
        world = make_world(shared_server)
        yield world
        world.close()


@pytest.fixture
def world(shared_world):
    """The shared world, with the car at its start at 10 m/s."""
    shared_world.respawn()
    return shared_world


def steering(steer):
    return ControlMessage(steering=steer, throttle=0.2, brake=0.0, valid_until=math.inf)


def test_the_vehicle_state_matches_the_car_on_the_server(world, shared_server):
    for _ in range(5):
        tick = world.tick(None)
    state = tick.state
    assert {name for name, value in structs.asdict(state).items() if value is None} == {"vehicle"}
    assert state.session == world.session
    assert state.tick_s == pytest.approx(0.05)
    (x, y, _), (_, yaw_deg, _) = shared_server.state()["poses"][0]
    ahead = CG_AHEAD_M * math.cos(math.radians(yaw_deg)), CG_AHEAD_M * math.sin(math.radians(yaw_deg))
    assert state.pose.x_m == pytest.approx(x + ahead[0], abs=1e-3)
    assert state.pose.y_m == pytest.approx(-(y + ahead[1]), abs=1e-3)
    assert state.pose.yaw_rad == pytest.approx(-math.radians(yaw_deg), abs=1e-5)
    assert tick.truth.offset_m == pytest.approx(0.0, abs=0.02)
    assert state.camera.height_m == pytest.approx(1.4)


def test_steering_right_turns_right_by_the_commanded_angle(world):
    for _ in range(30):
        tick = world.tick(steering(0.05))
    state = tick.state
    assert state.steering_angle_rad == pytest.approx(-0.05 * state.max_steer_rad, rel=0.05)
    kinematic_radps = state.speed_mps * math.tan(state.steering_angle_rad) / WHEELBASE_M
    assert state.yaw_rate_radps == pytest.approx(kinematic_radps, rel=0.1)
    assert state.yaw_rate_radps < 0
    assert state.lateral_acceleration_mps2 < 0
    assert tick.truth.offset_m < 0


def test_frames_are_rgb_and_have_the_stamps_of_their_tick(world):
    image = np.zeros((world.height_px, world.width_px, 3), np.uint8)
    numbers = []
    for _ in range(4):
        tick = world.tick(None)
        assert tick.frame.timestamp == tick.state.timestamp
        assert tick.frame.frame_id == tick.state.frame_id
        numbers.append(tick.frame.frame_id)
        tick.frame.render_into(image)
    assert np.diff(numbers).tolist() == [1, 1, 1]
    red, _, blue = image[: world.height_px // 4].reshape(-1, 3).mean(axis=0)
    assert blue > red + 30  # the sky


def test_an_expired_control_stops_the_car_in_its_lane(world):
    now_s = world.tick(None).state.timestamp
    last = structs.replace(steering(0.0), valid_until=now_s + 0.3)
    assert world.tick(last).state.speed_mps > 9.0
    for _ in range(90):
        tick = world.tick(last)
    assert tick.state.speed_mps < 0.5
    assert tick.truth.margin_left_m > 0.2


def test_respawn_restores_position_and_speed_and_world_time_continues(world):
    start = world.tick(None).state.pose
    for _ in range(20):
        away = world.tick(steering(0.0))
    world.respawn()
    back = world.tick(None)
    assert away.state.pose.x_m > start.x_m + 8
    assert back.state.pose.x_m == pytest.approx(start.x_m, abs=0.1)
    assert back.state.speed_mps == pytest.approx(10.0, abs=0.5)
    assert back.state.timestamp == pytest.approx(away.state.timestamp + world.tick_s)
