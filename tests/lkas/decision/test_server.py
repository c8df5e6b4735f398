"""The decision process: single steps, and the real process over real channels."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lkas.clock import FakeClock
from lkas.config import load
from lkas.decision.broker_requests import perform
from lkas.decision.cycle import IDLE_S, STEP_S, DecisionInputs, DecisionServer
from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.decision.server import SECTIONS
from lkas.integration.shared_memory import ControlChannel, DetectionChannel, TimelineChannel, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMessage, ControlMode, TimelineMessage, VehicleState
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.noisy_camera import NoisyCamera
from tests.lkas.decision.plant import SESSION, Plant
from tests.lkas.decision.road import straight

MS = 1_000_000
DEADLINE_S = 120.0
ROOT = Path(__file__).parents[3]


class Bench:
    """A DecisionServer with a clock of the test."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        keeper = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
        self.server = DecisionServer(keeper, self.clock)

    def step(self, now_ns: int, detection=None, vehicle=None, written_ns: int | None = None) -> ControlMessage:
        """Step at `now_ns`; the command is written at `written_ns`."""
        self.clock.advance((now_ns - self.clock.now_ns()) / 1e9)
        messages = iter(self.server.step(DecisionInputs(detection, vehicle)))
        control = next(messages)
        if written_ns is not None:
            self.clock.advance((written_ns - now_ns) / 1e9)
        list(messages)
        return control


def state(now_s: float, publish_ns: int, **changes) -> VehicleState:
    values = {"speed_mps": 10.0, "yaw_rate_radps": 0.0, "max_steer_rad": 0.6} | changes
    return VehicleState(session=SESSION, timestamp=now_s, publish_ns=publish_ns, **values)


def test_commands_before_the_first_vehicle_state_are_valid_in_no_world():
    control = Bench().step(10_000 * MS)
    assert control.mode is ControlMode.STANDBY
    assert control.valid_until == pytest.approx(0.2)


def test_world_time_continues_between_states_and_during_silence():
    bench = Bench()
    bench.step(1000 * MS, None, state(5.0, 1000 * MS))
    assert bench.step(1004 * MS).valid_until == pytest.approx(5.204)
    assert bench.step(1100 * MS).valid_until == pytest.approx(5.21)  # one tick, no further
    assert bench.step(2000 * MS).valid_until == pytest.approx(6.2)  # a second of silence


@pytest.mark.parametrize("stall_ms", [200, 400, 600])
def test_lane_keeping_continues_after_a_stall_of_the_world(stall_ms):
    """The world gets no CPU for a moment: its time stops while the time of decision runs on."""
    bench, camera, plant = Bench(), NoisyCamera(0, 0.0), Plant(road=straight(), speed_mps=10.0, offset_m=0.2)
    modes = []

    def drive(ticks: range, late_ms: int) -> None:
        for tick in ticks:
            now_ns, now_s = (tick * 10 + late_ms) * MS, tick / 100
            detection = camera.expose(plant, now_s, tick) if tick % 3 == 0 else None
            modes.append(bench.step(now_ns, detection, state(now_s, now_ns)).mode)

    drive(range(1, 101), 0)
    for silent_ms in range(50, stall_ms, 50):
        bench.step((1000 + silent_ms) * MS)
    bench.server.take_events()
    bench.step((1000 + stall_ms) * MS)
    events = bench.server.take_events()
    drive(range(101, 200), stall_ms)
    assert ControlMode.STANDBY not in modes[50:], events
    assert modes[-1] is ControlMode.LANE_KEEPING


def test_the_time_of_a_paused_world_stands_still():
    bench = Bench()
    bench.step(1000 * MS, None, state(5.0, 1000 * MS))
    bench.step(1200 * MS, None, state(5.0, 1200 * MS, paused=True, rate=0.0))
    assert bench.step(90_000 * MS).valid_until == pytest.approx(5.2)


def test_the_wait_is_short_only_for_worlds_with_long_ticks():
    bench = Bench()
    assert bench.server.wait_s == IDLE_S
    bench.step(0, None, state(0.0, 0))
    assert bench.server.wait_s == IDLE_S
    bench.step(0, None, state(0.0, 0, tick_s=0.04))
    assert bench.server.wait_s == STEP_S


def test_latency_is_measured_at_the_first_command_of_each_frame():
    bench, camera, plant = Bench(), NoisyCamera(0, 0.0), Plant(road=straight(), speed_mps=10.0)
    for frame in range(1, 4):
        now_ns = frame * 33 * MS
        bench.step(now_ns, None, state(now_ns / 1e9, now_ns))
        detection = camera.expose(plant, now_ns / 1e9, frame)
        bench.step(now_ns + 17 * MS, detection, written_ns=now_ns + 20 * MS)
        bench.step(now_ns + 27 * MS, written_ns=now_ns + 30 * MS)
    table = bench.server.status().latency_ms
    assert table["pose_to_control"].p99 == pytest.approx(20.0, abs=0.01)
    assert "frame_to_control" not in table  # these frames have no publish stamp


def test_the_timeline_follows_a_command_ten_times_a_second():
    bench = Bench()
    kinds = []
    for _ in range(30):
        bench.clock.advance(0.01)
        kinds += [type(message) for message in bench.server.step(DecisionInputs(None, None))]
    assert kinds[:2] == [ControlMessage, TimelineMessage]
    assert (kinds.count(ControlMessage), kinds.count(TimelineMessage)) == (30, 3)


def test_an_action_with_an_unknown_parameter_is_refused_and_changes_nothing():
    keeper = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
    with pytest.raises(ValueError, match="override: activ: no such parameter; expected active"):
        perform(keeper, "override", {"activ": False})
    keeper.decide(0.0, None, state(0.0, 0))
    assert keeper.decide(0.1, None, state(0.1, 0)).mode is not ControlMode.MANUAL
    perform(keeper, "override", {"active": True})
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


def read_until(controls: ControlChannel, wanted, deadline_s: float = DEADLINE_S):
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        control = controls.read(timeout=0.2)
        if control is not None and wanted(control):
            return control
    raise AssertionError(f"no such command within {deadline_s:g} s")


def test_the_process_runs_beside_another_writer_of_the_timeline(instance):
    with TimelineChannel(create=True, instance=instance) as own, ControlChannel(instance=instance) as controls:
        process = start(instance)
        try:
            read_until(controls, lambda control: True)
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=DEADLINE_S) == 0
            assert own.write((), frame_id=1)
        finally:
            process.kill()
            process.wait()
            own.unlink()


def test_a_killed_process_is_replaced_without_a_jump_of_the_steering(instance):
    controls = ControlChannel(instance=instance)
    process = start(instance)
    try:
        assert read_until(controls, lambda control: True).mode is ControlMode.STANDBY
        vehicles = VehicleChannel(create=True, instance=instance)
        detections = DetectionChannel(create=True, instance=instance)
        plant, camera = Plant(road=straight(5000), speed_mps=10.0, offset_m=0.5), NoisyCamera(0, 0.0)
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
            raise AssertionError(f"no such command within {limit} ticks")

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
        # A late reader misses the first commands; each of them may turn the wheel by the usual step.
        assert first.steering == pytest.approx(last.steering, abs=2e-3 * (first.sequence - last.sequence))
        assert first.mode is not ControlMode.STANDBY
        drive_until(lambda control: control.mode is ControlMode.LANE_KEEPING)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=DEADLINE_S) == 0
        vehicles.unlink()
        detections.unlink()
    finally:
        process.kill()
        process.wait()
        controls.close()
