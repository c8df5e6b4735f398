"""The command with CARLA: automatic choice, stopping at any time, and restoring the server."""

import json
import os
import signal
import subprocess
import sys

import pytest

from lkas.integration.shared_memory import ControlChannel, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMode
from simulation.embedded.world import built_in_map
from tests.support.carla_server.car import route_of
from tests.support.stack import ROOT, free_port, segments, wait_until

pytest.importorskip("carla", reason="the package carla is not installed (Python below 3.13, x86_64 Linux)")

DEADLINE_S = 120
SMALL = ["camera.width_px=160", "camera.height_px=120", "camera.rate_hz=50"]


@pytest.fixture
def start(server, tmp_path):
    """Return a function that starts `simulation` on the server; no process or segment is left at the end."""
    instance = f"carla{os.getpid()}"
    started = []

    def start(*arguments):
        settings = [f"carla.port={server.port}", *SMALL]
        command = [sys.executable, "-m", "simulation", "--instance", instance, *arguments]
        for setting in settings:
            command += ["--set", setting]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=DEADLINE_S)
    assert segments(instance) == []


def finish(process, number=None):
    if number is not None:
        process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert "Traceback" not in err
    return process.returncode, out, err


def wait_for_ticks(process, server):
    """Wait until the program has ticked the server more often than during its set-up."""
    before = server.state()["calls"].get("tick_cue", 0)

    def is_driving():
        assert process.poll() is None, finish(process)
        return server.state()["calls"].get("tick_cue", 0) > before + 40

    wait_until(is_driving, "it drives", DEADLINE_S, 0.2)


def test_auto_chooses_carla_when_its_server_answers(start, server, tmp_path):
    code, out, err = finish(start("--duration", "1", "--json", str(tmp_path / "drive.json")))
    assert code == 0, err
    assert out.startswith("world: carla (chosen by auto)\n")
    assert json.loads((tmp_path / "drive.json").read_text())["world"] == "carla"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_while_driving_restores_the_server(start, server, number, code):
    process = start("--backend", "carla", "--set", "carla.weather=WetNoon")
    wait_for_ticks(process, server)
    assert server.state()["is_synchronous"]
    assert finish(process, number)[0] == code


def test_a_signal_during_set_up_restores_the_server(start, server):
    server.set_faults(tick_delay_s=0.3)
    try:
        process = start("--backend", "carla")
        wait_until(lambda: server.state()["actors"], "the car is there, but not yet settled", DEADLINE_S)
        assert finish(process, signal.SIGTERM)[0] == 143
    finally:
        server.set_faults(tick_delay_s=0.0)


def test_the_autopilot_drives_in_its_lane_and_our_steering_is_ignored(start, server):
    process = start("--backend", "carla", "--autopilot", "--set", f"carla.traffic_manager_port={free_port()}")
    curve = route_of(built_in_map()).curve
    start_m = None

    def has_driven():
        nonlocal start_m
        assert process.poll() is None, finish(process)
        poses = server.state()["poses"]
        if not poses:
            return False
        (x_m, y_m, _), _ = poses[0]
        s_m, offset_m = curve.to_lane(x_m, -y_m, curve.nearest_s_m(x_m, -y_m))
        assert abs(offset_m) < 0.5
        start_m = s_m if start_m is None else start_m
        return s_m > start_m + 10.0

    wait_until(has_driven, "the autopilot has driven 10 m", DEADLINE_S, 0.2)
    before = server.state()["calls"]["apply_control_to_vehicle"]
    wait_for_ticks(process, server)
    assert server.state()["calls"]["apply_control_to_vehicle"] == before
    assert finish(process, signal.SIGINT)[0] == 130


def test_it_waits_for_a_dead_server_continues_on_its_successor_and_can_be_stopped(start, server):
    process = start("--backend", "carla", "--set", "carla.timeout_s=2")
    wait_for_ticks(process, server)
    server.kill()
    server.start()
    wait_for_ticks(process, server)
    code, _, err = finish(process, signal.SIGINT)
    assert code == 130
    assert "back: carla" in err
    assert "reconnecting to 127.0.0.1" in err


def test_it_can_be_stopped_while_the_server_is_gone(start, server):
    process = start("--backend", "carla", "--set", "carla.timeout_s=2")
    wait_for_ticks(process, server)
    server.kill()
    try:
        assert finish(process, signal.SIGTERM)[0] == 143
    finally:
        server.start()


def test_commands_without_stamps_drive_the_car(start, server):
    process = start("--backend", "carla")
    instance = f"carla{os.getpid()}"
    states = VehicleChannel(instance=instance)
    controls = ControlChannel(create=True, instance=instance)
    try:

        def speed_mps():
            controls.write(steering=0.0, throttle=0.6, brake=0.0, mode=ControlMode.LANE_KEEPING)
            state = states.latest()
            return 0.0 if state is None else state.speed_mps

        wait_until(lambda: speed_mps() > 2.0, "the car drives")
    finally:
        states.close()
        controls.close()
        controls.unlink()
        finish(process, signal.SIGTERM)
