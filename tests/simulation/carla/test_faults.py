"""Every fault ends in a recovery or an error text, and the state of the server is restored."""

import signal
import subprocess
import sys
import time

import pytest

from simulation.world import WorldError, WorldUnavailable, WorldUnreachable
from tests.support.carla_server.process import StubServer
from tests.support.stack import PATIENCE_S, ROOT

pytest.importorskip("carla", reason="the package carla is not installed (Python below 3.13, x86_64 Linux)")

CRASHING = """
import sys
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.carla.config import CarlaConfig
from simulation.carla.world import CarlaWorld
from simulation.config import SimulationConfig

camera = CameraConfig(width_px=160, height_px=120, rate_hz=20.0)
world = CarlaWorld(SimulationConfig(), CarlaConfig(port=int(sys.argv[1]), spectator=False), camera, VehicleConfig())
world.tick(None)
print("driving", flush=True)
sys.stdin.read()
"""


def tick_with_retries(world):
    """Tick with retries, like a runner, and return the tick. A busy server may exceed a short timeout."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            tick = world.tick(None)
        except WorldUnavailable:
            assert time.monotonic() < until
        else:
            assert abs(tick.truth.offset_m) < 0.05
            return tick


def ticks(world, count):
    for _ in range(count):
        world.tick(None)


def test_a_slow_server_is_waited_for(open_world, server):
    world = open_world()
    before = world.tick(None)
    server.set_faults(tick_delay_s=0.3)
    slow = world.tick(None)
    server.set_faults(tick_delay_s=0.0)
    assert slow.state.timestamp == pytest.approx(before.state.timestamp + world.tick_s)
    assert slow.state.session == before.state.session


def test_the_world_reconnects_to_a_server_that_hung(open_world, server):
    world = open_world(timeout_s=2.0)
    before = tick_with_retries(world)
    server.set_faults(is_mute=True)
    with pytest.raises(WorldUnavailable, match="a tick: no answer within 2 s; reconnecting to 127"):
        world.tick(None)
    assert server.state()["actors"] == []
    server.set_faults(is_mute=False)
    after = tick_with_retries(world)
    assert after.state.session != before.state.session
    assert after.state.timestamp == pytest.approx(before.state.timestamp + world.tick_s)


def test_a_destroyed_car_is_spawned_again(open_world, server):
    world = open_world()
    tick_with_retries(world)
    server.destroy_cars()
    with pytest.raises(WorldUnavailable, match="the car is gone from the server"):
        world.tick(None)
    tick_with_retries(world)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"no_images": True}, "the camera sent no image of frame"),
        ({"image_width_px": 100}, "the camera's callback failed: 100 x 120 px, expected 160 x 120 px"),
    ],
)
def test_a_failing_or_silent_camera_is_detected(open_world, server, fault, words):
    world = open_world(timeout_s=2.0)
    tick_with_retries(world)
    server.set_faults(**fault)
    with pytest.raises(WorldUnavailable, match=words):
        ticks(world, 3)  # an image may already be in transit
    server.set_faults(no_images=False, image_width_px=0)
    tick_with_retries(world)


def test_an_exception_in_the_callback_reaches_the_loop(open_world):
    world = open_world()
    tick_with_retries(world)
    world._drive._images._check = lambda image: 1 / 0
    with pytest.raises(WorldUnavailable, match="callback failed: division by zero"):
        ticks(world, 3)
    tick_with_retries(world)


def test_another_version_is_refused_before_the_first_request_for_the_world(open_world, server):
    server.set_faults(version="0.9.15")
    requests = server.state()["calls"].get("get_episode_info", 0)
    try:
        with pytest.raises(
            WorldError, match=r"version 0\.9\.15, the installed client is 0\.9\.16; install .*==0\.9\.15"
        ):
            open_world()
        assert server.state()["calls"].get("get_episode_info", 0) == requests
        open_world(any_version=True).tick(None)
    finally:
        server.set_faults(version="0.9.16")


def test_a_failure_during_set_up_is_undone(open_world, server):
    server.set_faults(refuse="get_physics_control")
    try:
        with pytest.raises(WorldUnreachable, match="the physics of the car: get_physics_control is refused"):
            open_world()
    finally:
        server.set_faults(refuse="")


def test_the_sensor_is_destroyed_before_the_car_and_settings_are_restored_last(open_world, server):
    world = open_world()
    world.tick(None)
    car, camera = (actor_id for actor_id, _ in server.state()["actors"])
    world.close()
    calls = [
        name if name != "destroy_actor" else (name, *of)
        for name, *of in server.state()["newest_calls"]
        if name in ("destroy_actor", "set_episode_settings")
    ]
    assert calls[-3:] == [("destroy_actor", camera), ("destroy_actor", car), "set_episode_settings"]
    world.close()  # a second call does nothing


def test_leftovers_of_a_crashed_run_are_removed(open_world, server, caplog):
    crashing = subprocess.Popen(
        [sys.executable, "-c", CRASHING, str(server.port)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert crashing.stdout.readline() == "driving\n"
    crashing.send_signal(signal.SIGKILL)
    crashing.communicate(timeout=300)
    state = server.state()
    assert (len(state["actors"]), state["is_synchronous"]) == (2, True)
    tick_with_retries(open_world())
    assert len(server.state()["actors"]) == 2
    assert "was in synchronous mode without a client that ticks it" in caplog.text
    assert "removed 2 actors left by an earlier run" in caplog.text


def test_the_world_waits_for_a_dead_server_and_continues_on_its_successor(open_world, server):
    world = open_world(timeout_s=2.0)
    before = tick_with_retries(world)
    server.kill()
    with pytest.raises(WorldUnavailable, match="a tick: no answer within 2 s"):
        world.tick(None)
    with pytest.raises(WorldUnavailable, match=f"CARLA: waiting for the server on .*:{server.port}"):
        world.tick(None)
    server.start()
    after = tick_with_retries(world)
    assert after.state.session != before.state.session


def test_closing_does_not_call_a_dead_server(caplog):
    from lkas.vehicle import VehicleConfig
    from simulation.carla.config import CarlaConfig
    from simulation.carla.world import CarlaWorld
    from simulation.config import SimulationConfig
    from tests.simulation.carla.conftest import CAMERA

    server = StubServer()
    world = CarlaWorld(SimulationConfig(), CarlaConfig(port=server.port), CAMERA, VehicleConfig())
    server.kill()
    world.close()
    assert "the server is gone, nothing could be restored" in caplog.text
