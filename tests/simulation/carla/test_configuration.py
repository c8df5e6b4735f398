"""The configuration of a CARLA drive: speed, camera, start, weather, map and spectator; and its errors."""

import logging
import math

import pytest

from lkas.integration.shared_memory.messages import ControlMessage
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.embedded.world import built_in_map
from simulation.world import WorldError
from tests.support.carla_server.car import CG_AHEAD_M, MAX_STEER_DEG

pytest.importorskip("carla", reason="the package carla is not installed (Python below 3.13, x86_64 Linux)")


def test_the_maximum_steering_angle_comes_from_the_wheels_and_decreases_with_speed(open_world):
    world = open_world(speed_mps=0.0)
    slow = world.tick(None).state
    world.close()
    assert slow.max_steer_rad == pytest.approx(math.radians(MAX_STEER_DEG), abs=0.02)
    fast = open_world(speed_mps=16.7).tick(None).state  # 60 km/h
    assert fast.max_steer_rad == pytest.approx(0.8 * math.radians(MAX_STEER_DEG), abs=0.02)


@pytest.mark.parametrize(("max_steer_deg", "has_warned"), [(None, False), (35.0, True)])
def test_a_wrong_maximum_steering_angle_is_detected_while_driving(open_world, caplog, max_steer_deg, has_warned):
    world = open_world(speed_mps=8.0, max_steer_deg=max_steer_deg)
    state = world.tick(None).state
    with caplog.at_level(logging.WARNING):
        for _ in range(round(7.0 / world.tick_s)):
            control = ControlMessage(
                steering=-0.05 / state.max_steer_rad,
                throttle=0.15,
                brake=0.0,
                session=state.session,
                timestamp=state.timestamp,
                valid_until=state.timestamp + 0.2,
            )
            state = world.tick(control).state
    assert ("the car turns at" in caplog.text) == has_warned


def test_the_car_starts_at_the_configured_spawn_point(open_world):
    world = open_world(speed_mps=0.0, spawn_point=0)  # 60 m from the start of a road along the x axis
    tick = world.tick(None)
    assert tick.state.pose.x_m == pytest.approx(60.0 + CG_AHEAD_M, abs=0.1)
    assert abs(tick.truth.offset_m) < 0.05
    assert abs(tick.truth.heading_error_rad) < 0.02


def test_the_spectator_follows_the_car_unless_disabled(open_world, server):
    world = open_world(spectator=False)
    world.tick(None)
    assert server.state()["spectator"][0] == [0.0, 0.0, 0.0]
    world.close()
    world = open_world()
    pose = world.tick(None).state.pose
    x_m, y_m, z_m = server.state()["spectator"][0]
    assert x_m == pytest.approx(pose.x_m - 8.0, abs=0.5)
    assert y_m == pytest.approx(-pose.y_m, abs=0.5)
    assert z_m == pytest.approx(4.0)


def test_weather_is_chosen_by_name_and_the_autopilot_is_off(open_world, server):
    world = open_world(weather="HardRainNoon")
    world.tick(None)
    state = server.state()
    assert state["weather"][1] == 100.0  # precipitation
    assert "set_actor_autopilot" not in state["calls"]


def test_a_road_file_is_loaded_into_the_server(open_world, server, tmp_path):
    road = tmp_path / "mine.xodr"
    road.write_text(built_in_map().read_text())
    world = open_world(simulation=SimulationConfig(map=str(road)))
    assert abs(world.tick(None).truth.offset_m) < 0.05
    assert server.state()["map"] == "OpenDriveMap"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weather": "Sunny"}, "carla.weather = Sunny: no such preset; expected one of .*ClearNoon"),
        (
            {"vehicle": "vehicle.none"},
            "carla.vehicle = vehicle.none: no such blueprint; expected one of vehicle.tesla.model3",
        ),
        ({"spawn_point": 999}, "carla.spawn_point = 999: .* has spawn points 0 to"),
        ({"simulation": SimulationConfig(map="Town99")}, "CARLA has no map Town99; it has loop"),
        ({"simulation": SimulationConfig(map="gone.xodr")}, "gone.xodr: cannot read this road file"),
        ({"camera": CameraConfig(rate_hz=5.0)}, "camera.rate_hz: a frame each 0.2 s; .* at least 10 Hz"),
    ],
)
def test_an_invalid_configuration_raises_an_error_with_the_alternatives(open_world, changes, words):
    with pytest.raises(WorldError, match=words):
        open_world(**changes)


def test_a_wheelbase_that_differs_from_the_configuration_is_reported(open_world, caplog):
    open_world(vehicle_config=VehicleConfig(wheelbase_m=3.0))
    assert "the wheelbase of vehicle.tesla.model3 is 2.70 m, but vehicle.wheelbase_m is 3.00 m" in caplog.text
