"""The whole system as a user starts it: from camera to steering in real processes."""

import json
import os
import signal
import time

import psutil
import pytest

from lkas.config import config_folder
from lkas.integration.client import CommandRefusedError, LKASClient
from lkas.integration.shared_memory import ControlChannel, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMode
from lkas.runtime.watched_process import HEALTHY_AFTER_S
from tests.support.stack import PATIENCE_S, Stack, segments, wait_until


def start_demo(stack: Stack, *arguments: str):
    return stack.start("lkas", "demo", "--no-browser", "--port", str(stack.viewer_port), *arguments)


def wait_for_lane_keeping(stack: Stack) -> None:
    wait_until(lambda: "pose_to_control" in stack.health().get("latency_ms", {}), f"a drive\n{stack.output()}")


def test_a_demo_drives_and_writes_its_metrics(stack, tmp_path):
    metrics_file = tmp_path / "out.json"
    demo = start_demo(stack, "--duration", "14", "--json", str(metrics_file))
    assert demo.wait(PATIENCE_S) == 0, stack.output()
    metrics = json.loads(metrics_file.read_text())
    assert metrics["departures"] == 0
    assert metrics["offset_max_m"] < 0.5
    assert metrics["engaged_ratio"] > 0.6  # 0.99, unless the detector starts last on a busy machine
    assert metrics["distance_m"] > 40  # 115, from standstill
    assert metrics["restarts"] == 0
    for key in ("latency_ms", "frame_to_control_ms", "detection_ms"):
        assert 0 < metrics[key]["p50"] <= metrics[key]["p99"]
    assert metrics["cpu_cores"] > 0
    assert metrics["rss_mb"] > 0


def test_killed_processes_are_restarted_and_the_drive_continues(stack, tmp_path):
    """One after the other, in one drive. SIGTERM at its end leaves no segment."""
    metrics_file = tmp_path / "out.json"
    demo = start_demo(stack, "--json", str(metrics_file))
    wait_for_lane_keeping(stack)
    names = ("detection", "decision", "broker")
    for name in names:
        first = wait_until(lambda name=name: stack.pid_of(name), f"{name} runs")
        created_s = psutil.Process(first).create_time()
        wait_until(
            lambda created_s=created_s: time.time() - created_s > HEALTHY_AFTER_S + 0.5, f"{name} counts as healthy"
        )
        os.kill(first, signal.SIGKILL)
        wait_until(lambda name=name, first=first: stack.pid_of(name) not in (None, first), f"{name} is back")
        with VehicleChannel(instance=stack.instance) as vehicle, ControlChannel(instance=stack.instance) as controls:
            back_s = vehicle.read(timeout=PATIENCE_S).timestamp
            wait_until(lambda back_s=back_s: vehicle.latest().timestamp > back_s + 4.0, "four more seconds")
            wait_until(lambda: controls.latest().mode is ControlMode.LANE_KEEPING, "the lane is kept")
    demo.send_signal(signal.SIGTERM)
    assert demo.wait(PATIENCE_S) == 143, stack.output()
    assert segments(stack.instance) == []
    metrics = json.loads(metrics_file.read_text())
    assert metrics["restarts"] == len(names)
    assert metrics["departures"] == 0


@pytest.mark.parametrize("order", [("viewer", "lkas", "simulation"), ("simulation", "lkas", "viewer")])
def test_the_start_order_does_not_matter(stack, order):
    arguments = {
        "lkas": ("--method", "cv", "--broadcast"),
        "simulation": ("--broadcast",),
        "viewer": ("--port", str(stack.viewer_port)),
    }
    for program in order:
        stack.start(program, *arguments[program])
        time.sleep(1.0)  # so that each program starts while the next ones are still missing
    wait_for_lane_keeping(stack)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_stopped_demo_leaves_nothing(stack, tmp_path, monkeypatch, number):
    """SIGHUP: its terminal was closed."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # ignored under nohup, which children inherit
    try:
        demo = start_demo(stack)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_for_lane_keeping(stack)
    demo.send_signal(number)
    assert demo.wait(PATIENCE_S) == 128 + number, stack.output()
    assert segments(stack.instance) == []
    assert list(folder.glob("lkas-*")) == []


def test_children_die_with_a_killed_supervisor(stack):
    demo = start_demo(stack)
    wait_for_lane_keeping(stack)
    demo.kill()
    demo.wait(PATIENCE_S)  # the fixture checks that no child and no segment is left


def test_actions_and_parameters_from_a_client_and_from_the_command_line(stack):
    start_demo(stack)
    wait_for_lane_keeping(stack)
    with LKASClient(instance=stack.instance) as client:
        wait_until(lambda: client.health_check()["healthy"], f"a healthy system\n{stack.output()}")
        assert client.get_status()["name"] == "lkas"
        assert client.send_command("CONFIG_UPDATE", {"detection.canny_low": 60.0}, timeout=30_000)
        with pytest.raises(CommandRefusedError, match="from 1 to 150"):
            client.send_command("CONFIG_UPDATE", {"detection.canny_low": 900}, timeout=30_000)
        left, right = wait_until(
            lambda: len(lines := client.get_detections()["detections"]) == 2 and lines, "both lines are detected"
        )
        assert left["line"]["c0"] > 0 > right["line"]["c0"]
        wait_until(lambda: len(client.get_tracks()["tracks"]) >= 2, "both lines are tracked")
        timeline = wait_until(lambda: client.get_timelines()["timelines"], "a prediction")[0]
        assert len(timeline["points"]) == 31
    status = stack.lkas("status", "--json")
    assert status.returncode == 0, status.stderr
    assert "simulation" in {row["name"] for row in json.loads(status.stdout)["processes"]}
    for name in ("pause", "resume", "respawn"):
        done = stack.lkas("action", name)
        assert done.returncode == 0, done.stderr
        assert "applied" in done.stdout
    assert stack.lkas("param", "set", "decision.set_speed_mps", "10").returncode == 0
    assert stack.lkas("param", "get", "decision.set_speed_mps").stdout.strip() == "10.0"
    refused = stack.lkas("param", "set", "detection.canny_low", "900")
    assert refused.returncode == 1
    assert "from 1 to 150" in refused.stderr
    unknown = stack.lkas("action", "fly")
    assert unknown.returncode == 1
    assert "fly" in unknown.stderr


def test_a_model_car_drives_a_model_road(stack, tmp_path):
    """At 1:10 and 0.6 m/s, from standstill: below 0.3 m/s a full-size car counts as standing."""
    metrics_file = tmp_path / "out.json"
    folder = config_folder()
    car, road = folder / "model_car.yaml", folder / "maps" / "small_loop.xodr"
    arguments = ("--config", str(car), "--set", "decision.set_speed_mps=0.6", "--map", str(road))
    demo = start_demo(stack, *arguments, "--duration", "14", "--json", str(metrics_file))
    assert demo.wait(PATIENCE_S) == 0, stack.output()
    metrics = json.loads(metrics_file.read_text())
    assert metrics["departures"] == 0
    assert metrics["offset_max_m"] < 0.15
    assert metrics["distance_m"] > 2  # 6, from standstill
