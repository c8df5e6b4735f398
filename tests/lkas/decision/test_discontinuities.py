"""The keeper at a pause, a restart, a new session, a step in time and a moved car."""

from itertools import pairwise

import pytest
from msgspec import structs

from lkas.integration.shared_memory.messages import (
    ControlMode,
    Pose,
)
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.noisy_camera import NoisyCamera
from tests.lkas.decision.plant import MAX_STEER_RAD, SESSION
from tests.lkas.decision.road import bend
from tests.lkas.decision.situations import detection_at, make_keeper, settle, vehicle_state


def test_a_pause_changes_nothing():
    keeper = make_keeper()
    before = settle(keeper, offset_m=0.4)
    for _ in range(500):
        held = keeper.decide(1.0, detection_at(1.0, offset_m=-1.0), vehicle_state(1.0, paused=True, rate=0.0))
    assert structs.replace(held, valid_until=0.0) == structs.replace(before, valid_until=0.0)
    assert held.valid_until == pytest.approx(1.2)
    after = keeper.decide(1.0, None, vehicle_state(1.0))
    assert after.mode is ControlMode.LANE_KEEPING
    assert after.steering == pytest.approx(before.steering, abs=1e-3)


def test_a_restart_continues_without_a_step_of_the_command():
    """Killed in a bend: the successor has only the last command, and its first detection arrives 0.15 s later."""
    road = bend(125, 13.9)
    first = drive(road, 13.9, duration_s=8.0)
    last = first.controls[-1]
    assert abs(last.steering) > 0.02
    successor = make_keeper()
    successor.restore(last)
    plant, camera = first.plant, NoisyCamera(5, 1.0)
    control, steerings = last, [last.steering]
    for tick in range(801, 1000):
        now_s = tick / 100
        plant.tick(control)
        exposed = camera.expose(plant, now_s, tick) if tick % 3 == 0 and tick > 815 else None
        control = successor.decide(now_s, exposed, plant.state(now_s))
        steerings.append(control.steering)
        assert control.mode in (ControlMode.HOLD, ControlMode.LANE_KEEPING)
    steps = [abs(b - a) * MAX_STEER_RAD for a, b in pairwise(steerings)]
    assert max(steps) < 0.002
    assert control.mode is ControlMode.LANE_KEEPING
    assert abs(plant.offset_m) < 0.4


def test_a_restart_does_not_cancel_a_minimum_risk_stop():
    stopped = settle(make_keeper())
    successor = make_keeper()
    successor.restore(structs.replace(stopped, mode=ControlMode.MINIMUM_RISK))
    assert settle(successor, 2.0, 3.5, speed_mps=0.0).mode is ControlMode.MINIMUM_RISK


def test_a_new_session_starts_in_standby():
    keeper = make_keeper()
    settle(keeper)
    control = keeper.decide(1.0, None, vehicle_state(1.0, session=SESSION + 1))
    assert (control.mode, control.lateral_offset) == (ControlMode.STANDBY, None)


def test_a_step_back_in_time_and_a_respawn_reset_the_lane():
    keeper = make_keeper()
    settle(keeper)
    assert keeper.decide(0.2, None, vehicle_state(0.2)).lateral_offset is None
    keeper = make_keeper()
    pose = Pose(x_m=0.0, y_m=0.0, z_m=0.0, yaw_rad=0.0)
    for tick in range(50):
        keeper.decide(tick / 100, detection_at(tick / 100), vehicle_state(tick / 100, pose=pose))
    moved = structs.replace(pose, x_m=80.0)
    control = keeper.decide(0.5, None, vehicle_state(0.5, pose=moved))
    assert (control.mode, control.lateral_offset) == (ControlMode.STANDBY, None)
    assert any("moved" in event.text for event in keeper.take_events())


@pytest.mark.parametrize("silent_s", [0.3, 0.8, 5.0])
def test_after_a_paused_simulation_the_lane_is_as_before(silent_s):
    """The clock advances while no state arrives; the motion predicted in this time did not happen."""
    keeper, undisturbed = make_keeper(), make_keeper()
    for each in (keeper, undisturbed):
        settle(each, offset_m=0.3, heading_rad=0.03)
    for tick in range(25, round(silent_s * 100) + 25, 5):
        ahead = keeper.decide(1.0 + tick / 100, None, vehicle_state(0.99))
    after = keeper.decide(1.0, None, vehicle_state(1.0))
    expected = undisturbed.decide(1.0, None, vehicle_state(1.0))
    if silent_s < 1.0:
        assert ahead.lateral_offset is None or abs(ahead.lateral_offset - expected.lateral_offset) > 0.05
    assert after.lateral_offset == pytest.approx(expected.lateral_offset, abs=1e-9)
    assert after.heading_angle == pytest.approx(expected.heading_angle, abs=1e-9)
    assert [event.text for event in keeper.take_events() if event.name == "break"] == [
        f"simulation paused for {0.2 + silent_s:.2f} s (no vehicle state); its clock was adjusted"
    ]


def test_a_tick_shorter_than_the_clock_assumed_does_not_reset_the_lane():
    """The clock has advanced by one tick; then a state half a tick later corrects it, 100 times in a row."""
    keeper = make_keeper()
    settle(keeper, offset_m=0.3)
    for tick in range(100):
        keeper.decide(1.01 + tick / 200, None, vehicle_state(0.995 + tick / 200))
        control = keeper.decide(
            1.0 + tick / 200, detection_at(1.0 + tick / 200, offset_m=0.3), vehicle_state(1.0 + tick / 200)
        )
    assert control.mode is ControlMode.LANE_KEEPING
    assert control.lateral_offset_meters == pytest.approx(-0.3, abs=0.03)


@pytest.mark.parametrize("until_tick", [140, 160])
def test_after_a_paused_simulation_the_drive_continues_without_standby(until_tick):
    keeper = make_keeper()
    settle(keeper)
    for tick in range(125, until_tick, 5):
        keeper.decide(tick / 100, None, vehicle_state(0.99))
    modes = [settle(keeper, tick / 100, (tick + 1) / 100).mode for tick in range(100, 250)]
    assert ControlMode.STANDBY not in modes
    assert modes[-1] is ControlMode.LANE_KEEPING
