"""The complete program with real channels and a real broker."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path

import cv2
import pytest

from lkas.integration.shared_memory import ControlChannel, ImageChannel, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMode
from lkas.integration.zmq import BrokerClient, LKASBroker
from lkas.integration.zmq.ports import Ports
from tests.simulation.video.files import HEIGHT_PX, WIDTH_PX, image, index_of, write_folder, write_video
from tests.support.stack import ROOT

DEADLINE_S = 120


def segments(instance):
    return [path.name for path in Path("/dev/shm").glob(f"lkas.*.{instance}.*")]


@pytest.fixture
def instance():
    name = f"test{uuid.uuid4().hex[:12]}"
    yield name
    assert segments(name) == []


@pytest.fixture
def start(instance):
    """Start a simulation of this test's instance; a process that still runs at the end is killed and an error."""
    started = []

    def start(*arguments, **environ):
        command = [sys.executable, "-m", "simulation", "--instance", instance, *map(str, arguments)]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environ}
        )
        started.append(process)
        return process

    yield start
    leftover = [process for process in started if process.poll() is None]
    for process in leftover:
        process.kill()
    for process in started:
        process.communicate(timeout=DEADLINE_S)
    assert not leftover


def reader(kind, instance):
    return kind(create=False, instance=instance)


def finish(process, number=None):
    if number is not None:
        process.send_signal(number)
    out, err = process.communicate(timeout=DEADLINE_S)
    assert "Traceback" not in err
    return process.returncode, out, err


def test_a_video_is_played_to_its_end(start, tmp_path):
    source = write_video(tmp_path / "a.avi", frames=12, rate_hz=50.0)
    code, out, err = finish(start("--source", source, "--json", tmp_path / "drive.json"))
    assert code == 0
    assert "a.avi is over" in err
    assert "world: video (chosen by auto)" in out
    metrics = json.loads((tmp_path / "drive.json").read_text())
    assert (metrics["frames"], metrics["departures"]) == (0, None)  # no control was applied


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_frames_have_matching_stamps_and_a_signal_ends_it_with_json_and_table(start, instance, tmp_path, number, code):
    source = write_video(tmp_path / "a.avi", frames=10, rate_hz=25.0)
    images, vehicle = reader(ImageChannel, instance), reader(VehicleChannel, instance)
    process = start("--source", source, "--loop", "--json", tmp_path / "drive.json")
    controls = ControlChannel(create=True, instance=instance)
    for _ in range(20):  # any frames of the video
        message = images.read(timeout=DEADLINE_S)
        assert message.image.shape == (HEIGHT_PX, WIDTH_PX, 3)
        assert index_of(message.image) == (message.frame_id - 1) % 10
        assert message.timestamp == pytest.approx((message.frame_id - 1) / 25)
        assert 0 < message.capture_ns <= message.publish_ns
        assert vehicle.latest().session == message.session
        controls.write(
            steering=0.1,
            throttle=0.0,
            brake=0.0,
            mode=ControlMode.LANE_KEEPING,
            session=message.session,
            frame_id=message.frame_id,
            timestamp=message.timestamp,
            valid_until=message.timestamp + DEADLINE_S,
        )
    assert len(segments(instance)) == 3
    returncode, out, _ = finish(process, number)
    controls.close()
    controls.unlink()
    images.close()
    vehicle.close()
    assert returncode == code
    assert "drive" in out
    assert "missed frames ratio" in out
    metrics = json.loads((tmp_path / "drive.json").read_text())
    assert metrics["frames"] > 0
    assert metrics["engaged_ratio"] > 0
    assert metrics["distance_m"] is None


def test_a_second_simulation_is_refused_with_the_pid_of_the_first(start, instance, tmp_path):
    source = write_folder(tmp_path / "images", ["0.png", "1.png"])
    first = start("--source", source, "--loop")
    images = reader(ImageChannel, instance)
    assert images.read(timeout=DEADLINE_S) is not None
    code, _, err = finish(start("--source", source))
    assert code == 1
    assert str(first.pid) in err
    assert "--instance" in err
    assert err.count("\n") == 1
    assert images.read(timeout=DEADLINE_S) is not None
    assert finish(first, signal.SIGTERM)[0] == 143
    images.close()


def test_duration_is_world_time(start, tmp_path):
    source = write_video(tmp_path / "a.avi", frames=10, rate_hz=25.0)
    code, out, _ = finish(start("--source", source, "--loop", "--duration", "0.6"))
    assert code == 0
    assert "frames" in out


def test_without_options_it_runs_the_embedded_world(start, instance):
    images, vehicle = reader(ImageChannel, instance), reader(VehicleChannel, instance)
    process = start("--speed", "10")
    message, state = images.read(timeout=DEADLINE_S), wait_for(vehicle.latest)
    assert message.image.shape == (600, 800, 3)
    assert state.session == message.session
    assert state.camera is not None
    code, out, _ = finish(process, signal.SIGTERM)
    assert code == 143
    assert out.startswith("world: embedded (chosen by auto)\n")
    images.close()
    vehicle.close()


def test_an_image_of_another_size_ends_it_with_an_error_and_its_json(start, tmp_path):
    source = write_folder(tmp_path / "images", [f"{n}.png" for n in range(5)])
    cv2.imwrite(str(source / "5.png"), image(5, width_px=200))
    code, _, err = finish(start("--source", source, "--json", tmp_path / "drive.json"))
    assert code == 1
    assert err.splitlines()[-1].startswith("simulation: ")
    assert "5.png: 200 x 64 px, expected 96 x 64 px" in err
    assert (tmp_path / "drive.json").exists()


def test_it_ends_with_its_parent_given_by_lkas_parent(instance, tmp_path):
    source = write_folder(tmp_path / "images", ["0.png"])
    parent = (
        "import os, subprocess, sys, time\n"
        f"child = subprocess.Popen([sys.executable, '-m', 'simulation', '--instance', {instance!r}, '--source', "
        f"{str(source)!r}, '--loop'], env={{**os.environ, 'LKAS_PARENT': str(os.getpid())}})\n"
        "print(child.pid, flush=True)\ntime.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    images = reader(ImageChannel, instance)
    assert images.read(timeout=DEADLINE_S) is not None
    process.kill()
    process.communicate(timeout=DEADLINE_S)
    until = time.monotonic() + DEADLINE_S
    while segments(instance) and time.monotonic() < until:
        images.read(timeout=0.05)
    images.close()


@pytest.fixture
def broker_ports():
    """Ports of a real broker that runs in a thread."""
    ready, stop, found = threading.Event(), threading.Event(), []

    def serve():
        broker = LKASBroker(Ports(0))
        found.append(broker.ports)
        ready.set()
        while not stop.wait(0.002):
            broker.poll()
        broker.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(DEADLINE_S)
    yield found[0]
    stop.set()
    thread.join(DEADLINE_S)


@pytest.fixture(params=["video", "embedded", "plugin"])
def any_world(request, tmp_path):
    """The options of a world of each kind that can respawn."""
    if request.param == "video":
        return "--source", write_folder(tmp_path / "images", [f"{n}.png" for n in range(9)]), "--loop"
    return "--backend", "embedded" if request.param == "embedded" else f"{ROOT / 'examples' / 'own_world.py'}:Slalom"


def test_it_executes_and_answers_pause_resume_and_respawn_from_the_broker(start, instance, any_world, broker_ports):
    process = start("--broadcast", *any_world, "--set", f"zmq.port_base={broker_ports.base}")
    images, vehicle = reader(ImageChannel, instance), reader(VehicleChannel, instance)
    assert images.read(timeout=DEADLINE_S) is not None
    client = BrokerClient(broker_ports, topics=("health", "event"))
    try:
        process_entry = wait_for(lambda: simulation_entry(client.poll(0.1)))
        assert process_entry["pid"] == process.pid
        assert process_entry["state"] in ("waiting for control", "ok")
        for action, is_paused in (("pause", True), ("resume", False), ("respawn", False)):
            ack = client.act(action, timeout_s=DEADLINE_S)
            assert (ack.ok, ack.applied) == (True, True)
            wait_for(lambda paused=is_paused: (state := vehicle.read(timeout=0.1)) and state.paused == paused)
        wait_for(lambda: client.poll(0.1) is not None and {"pause", "resume", "respawn"} <= event_names(client))
        assert finish(process, signal.SIGTERM)[0] == 143
    finally:
        for resource in (client, images, vehicle):
            resource.close()


def event_names(client):
    return {event["name"] for event in client.events}


def simulation_entry(newest):
    processes = newest.get("health", {}).get("processes", [])
    return next((entry for entry in processes if entry["name"] == "simulation"), None)


def wait_for(condition):
    until = time.monotonic() + DEADLINE_S
    while time.monotonic() < until:
        if found := condition():
            return found
    raise AssertionError("did not happen in time")


def test_a_full_disk_is_one_sentence_after_the_table(start, tmp_path):
    source = write_video(tmp_path / "a.avi", frames=12, rate_hz=50.0)
    code, out, err = finish(start("--source", source, "--json", "/dev/full"))
    assert code == 1
    assert "world" in out.split("drive", 1)[1]
    assert err.splitlines()[-1] == "simulation: --json /dev/full: cannot be written: No space left on device"
