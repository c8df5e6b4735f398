"""The decision process: one step by itself, and the real process over real channels."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lkas.config import load
from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.decision.server import IDLE_S, SECTIONS, STEP_S, DecisionServer, carry_out
from lkas.integration.shared_memory import ControlChannel, DetectionChannel, TimelineChannel, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMode, VehicleState
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import SESSION, Camera, Plant, straight

MS = 1_000_000
PATIENCE_S = 120.0
ROOT = Path(__file__).parents[3]


def server() -> DecisionServer:
    return DecisionServer(LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig()))


def state(now_s: float, publish_ns: int, **changes) -> VehicleState:
    values = {"speed_mps": 10.0, "yaw_rate_radps": 0.0, "max_steer_rad": 0.6} | changes
    return VehicleState(session=SESSION, timestamp=now_s, publish_ns=publish_ns, **values)


def test_before_any_world_its_commands_are_valid_in_none():
    control, _ = server().step(10_000 * MS, None, None)
    assert control.mode is ControlMode.STANDBY
    assert control.valid_until == pytest.approx(0.2)


def test_world_time_goes_on_between_states_and_through_silence():
    made = server()
    made.step(1000 * MS, None, state(5.0, 1000 * MS))
    assert made.step(1004 * MS, None, None)[0].valid_until == pytest.approx(5.204)
    assert made.step(1100 * MS, None, None)[0].valid_until == pytest.approx(5.21)  # one tick, no further
    assert made.step(2000 * MS, None, None)[0].valid_until == pytest.approx(6.2)  # a second of silence


@pytest.mark.parametrize("stall_ms", [200, 400, 600])
def test_a_world_that_gets_no_core_for_a_moment_is_driven_on(stall_ms):
    """Its time stands still while decision's goes on; then it goes on as if nothing had been."""
    made, camera, plant = server(), Camera(0, 0.0), Plant(road=straight(), speed_mps=10.0, offset_m=0.2)
    modes = []

    def drive(ticks: range, late_ms: int) -> None:
        for tick in ticks:
            now_ns, now_s = (tick * 10 + late_ms) * MS, tick / 100
            detection = camera.expose(plant, now_s, tick) if tick % 3 == 0 else None
            modes.append(made.step(now_ns, detection, state(now_s, now_ns))[0].mode)

    drive(range(1, 101), 0)
    for silent_ms in range(50, stall_ms, 50):
        made.step((1000 + silent_ms) * MS, None, None)
    events = made.step((1000 + stall_ms) * MS, None, None)[1]
    drive(range(101, 200), stall_ms)
    assert ControlMode.STANDBY not in modes[50:], events
    assert modes[-1] is ControlMode.LANE_KEEPING


def test_a_paused_world_does_not_age():
    made = server()
    made.step(1000 * MS, None, state(5.0, 1000 * MS))
    made.step(1200 * MS, None, state(5.0, 1200 * MS, paused=True, rate=0.0))
    assert made.step(90_000 * MS, None, None)[0].valid_until == pytest.approx(5.2)


def test_it_waits_by_itself_only_for_worlds_with_long_ticks():
    made = server()
    assert made.wait_s == IDLE_S
    made.step(0, None, state(0.0, 0))
    assert made.wait_s == IDLE_S
    made.step(0, None, state(0.0, 0, tick_s=0.04))
    assert made.wait_s == STEP_S


def test_latency_is_taken_at_the_first_command_of_each_frame():
    made, camera, plant = server(), Camera(0, 0.0), Plant(road=straight(), speed_mps=10.0)
    for frame in range(1, 4):
        now_ns = frame * 33 * MS
        made.step(now_ns, None, state(now_ns / 1e9, now_ns))
        detection = camera.expose(plant, now_ns / 1e9, frame)
        for later_ms in (20, 30):
            control, _ = made.step(now_ns + later_ms * MS, detection if later_ms == 20 else None, None)
            made.written(control, now_ns + later_ms * MS)
    table = made.latency.percentiles()
    assert table["pose_to_control"].p99 == pytest.approx(20.0, abs=0.01)
    assert "frame_to_control" not in table  # these frames came without a publish stamp


def test_an_action_with_a_mistyped_parameter_is_refused_and_changes_nothing():
    keeper = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
    with pytest.raises(ValueError, match="override: activ: no such parameter; expected active"):
        carry_out(keeper, "override", {"activ": False})
    keeper.decide(0.0, None, state(0.0, 0))
    assert keeper.decide(0.1, None, state(0.1, 0)).mode is not ControlMode.MANUAL
    carry_out(keeper, "override", {"active": True})
    assert keeper.decide(0.2, None, state(0.2, 0)).mode is ControlMode.MANUAL


@pytest.fixture
def instance():
    name = f"decision-test-{os.getpid()}"
    yield name
    left = [path.name for path in Path("/dev/shm").glob(f"*.{name}.*")]
    assert left == []


def start(instance: str) -> subprocess.Popen:
    child = {"name": "decision", "instance": instance, "configuration": load(SECTIONS, environ={}).to_json()}
    environment = os.environ | {"LKAS_CHILD": json.dumps(child)}
    return subprocess.Popen([sys.executable, "-m", "lkas.decision.server"], cwd=ROOT, env=environment)


def read_until(controls: ControlChannel, wanted, deadline_s: float = PATIENCE_S):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        control = controls.read(timeout=0.2)
        if control is not None and wanted(control):
            return control
    raise AssertionError("no such command in time")


def test_the_process_decides_beside_a_program_that_writes_the_timeline(instance):
    with TimelineChannel(create=True, instance=instance) as own, ControlChannel(instance=instance) as controls:
        process = start(instance)
        try:
            read_until(controls, lambda control: True)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=PATIENCE_S) == 0
            assert own.write((), frame_id=1)
        finally:
            process.kill()
            process.wait()
            own.unlink()


def test_the_process_drives_is_killed_and_goes_on(instance):
    controls = ControlChannel(instance=instance)
    process = start(instance)
    try:
        assert read_until(controls, lambda control: True).mode is ControlMode.STANDBY
        vehicles = VehicleChannel(create=True, instance=instance)
        detections = DetectionChannel(create=True, instance=instance)
        plant, camera = Plant(road=straight(5000), speed_mps=10.0, offset_m=0.5), Camera(0, 0.0)
        tick = 0

        def drive_until(wanted, limit=3000):
            nonlocal tick
            for _ in range(limit):
                tick += 1
                now_s = tick / 100
                vehicles.write(plant.state(now_s))
                if tick % 3 == 0:
                    seen = camera.expose(plant, now_s, tick)
                    detections.write(
                        lane_model=seen.lane_model, frame_id=tick, timestamp=now_s, session=SESSION, capture_ns=1
                    )
                control = controls.read(timeout=0.05)
                if control is not None and wanted(control):
                    return control
            raise AssertionError("it never came to that")

        driving = drive_until(lambda control: control.mode is ControlMode.LANE_KEEPING and control.steering > 0.001)
        assert driving.session == SESSION
        timelines = TimelineChannel(instance=instance)
        drive_until(lambda control: True)
        expected = read_until(timelines, lambda timeline: len(timeline.points) == 31)
        assert expected.session == SESSION
        timelines.close()
        process.kill()
        process.wait()
        last = controls.latest()
        process = start(instance)
        first = read_until(controls, lambda control: control.sequence > last.sequence)
        # A reader that comes late sees a later command; until then the wheel turns as slowly as between any two.
        assert first.steering == pytest.approx(last.steering, abs=2e-3 * (first.sequence - last.sequence))
        assert first.mode is not ControlMode.STANDBY
        drive_until(lambda control: control.mode is ControlMode.LANE_KEEPING)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=PATIENCE_S) == 0
        vehicles.unlink()
        detections.unlink()
    finally:
        process.kill()
        process.wait()
        controls.close()
