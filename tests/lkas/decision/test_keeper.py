"""The keeper's promises besides steering well: stamps, signs, pause, restart, breaks and parameters."""

import functools
import math
from itertools import pairwise
from typing import Any

import pytest
from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.controllers import create_controller
from lkas.decision.departure import DepartureWarning, time_to_reach_s
from lkas.decision.driver import Driver
from lkas.decision.keeper import LaneKeeper
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.frames import lane_message
from lkas.integration.shared_memory.messages import (
    ControlMode,
    DepartureStatus,
    DetectionMessage,
    LineOrigin,
    Pose,
    VehicleState,
    asdict,
)
from lkas.parameters import ParameterError, declared
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import MAX_STEER_RAD, SESSION, Camera, Plant, Road, bend, drive, straight

GEOMETRY = CameraConfig().geometry()


def keeper(**parameters: Any) -> LaneKeeper:
    return LaneKeeper(DecisionParameters(**parameters), VehicleConfig(), CameraConfig())


def state(now_s: float, speed_mps: float = 13.9, **changes: Any) -> VehicleState:
    values = {"yaw_rate_radps": 0.0, "steering_angle_rad": 0.0, "max_steer_rad": MAX_STEER_RAD} | changes
    return VehicleState(**({"session": SESSION, "timestamp": now_s, "speed_mps": speed_mps} | values))


def seen(now_s: float, offset_m: float = 0.0, heading_rad: float = 0.0, **changes: Any) -> DetectionMessage:
    """A detection without errors, of a car standing like this on a straight road."""
    plant = Plant(road=straight(), speed_mps=0.0, offset_m=offset_m, heading_rad=heading_rad)
    return structs.replace(Camera(0, 0.0).expose(plant, now_s, round(now_s * 100)), **changes)


def settle(made: LaneKeeper, from_s: float = 0.0, to_s: float = 1.0, speed_mps: float = 13.9, **how: Any):
    """Hold one situation for a while; returns the last command."""
    control = None
    for tick in range(round(from_s * 100), round(to_s * 100)):
        now_s = tick / 100
        control = made.decide(now_s, seen(now_s, **how) if tick % 3 == 0 else None, state(now_s, speed_mps))
    assert control is not None
    return control


# ------------------------------------------------------------ what the message says


def test_a_car_left_of_the_centre_has_a_negative_offset_and_steers_right():
    control = settle(keeper(), offset_m=0.5)
    assert control.lateral_offset_meters == pytest.approx(-0.5, abs=0.05)
    assert control.lateral_offset == pytest.approx(-0.5 / 3.5, abs=0.02)
    assert control.steering > 0


def test_a_car_pointing_left_has_a_negative_heading_angle():
    made = keeper()
    made.decide(0.0, None, state(0.0))
    control = made.decide(0.0, seen(0.0, heading_rad=0.03), state(0.0))
    assert control.heading_angle == pytest.approx(-math.degrees(0.03), abs=0.1)


def test_stamps_are_those_of_the_newest_detection():
    made = keeper()
    made.decide(1.0, None, state(1.0))
    control = made.decide(1.01, seen(1.0, capture_ns=123), state(1.01))
    assert (control.session, control.frame_id, control.timestamp, control.capture_ns) == (SESSION, 100, 1.0, 123)
    assert control.valid_until == pytest.approx(1.21)


def test_without_anything_it_stands_by():
    made = keeper()
    for tick in range(10):
        control = made.decide(tick * 0.01, None, None)
    assert control.mode is ControlMode.STANDBY
    assert (control.steering, control.throttle, control.brake) == (0.0, 0.0, 0.0)


def test_lane_width_in_pixels_is_taken_at_the_lowest_row_both_lines_reach():
    model = seen(0.0).lane_model
    left, right = (lane_message(line, GEOMETRY, 600) for line in (model.left, model.right))
    control = keeper().decide(0.0, seen(0.0, left_lane=left, right_lane=right), state(0.0))
    assert control.lane_width_pixels == pytest.approx(right.x1 - left.x1, abs=1.0)


# ------------------------------------------------------------ what counts as a detection


@pytest.mark.parametrize("session", [0, SESSION])
def test_a_detection_with_two_image_lines_only_is_enough(session):
    made = keeper()
    for tick in range(300):
        now_s = tick / 100
        model = seen(now_s, offset_m=0.4).lane_model
        left, right = (lane_message(line, GEOMETRY, 600) for line in (model.left, model.right))
        detection = DetectionMessage(session=session, timestamp=now_s, left_lane=left, right_lane=right)
        control = made.decide(now_s, detection if tick % 3 == 0 else None, state(now_s))
    assert control.mode is ControlMode.LANE_KEEPING
    assert control.lateral_offset_meters == pytest.approx(-0.4, abs=0.05)


def test_a_writer_that_leaves_the_stamps_to_the_channel_is_heard():
    """Its timestamp is monotonic time, which the world's clock knows nothing of."""
    made = keeper()
    for tick in range(100):
        now_s = tick / 100
        detection = seen(now_s, session=0, timestamp=5000 + now_s, capture_ns=round((5000 + now_s) * 1e9))
        control = made.decide(now_s, detection if tick % 3 == 0 else None, state(now_s))
    assert control.mode is ControlMode.LANE_KEEPING


@pytest.mark.parametrize(("exposed_s", "session"), [(0.4, SESSION), (1.2, SESSION), (1.0, SESSION + 1)])
def test_old_future_and_foreign_detections_are_lost(exposed_s, session):
    made = keeper()
    for tick in range(101):
        made.decide(tick / 100, None, state(tick / 100))
    control = made.decide(1.0, seen(exposed_s, session=session), state(1.0))
    assert control.lateral_offset is None


@pytest.mark.parametrize("origin", [LineOrigin.PREDICTED, LineOrigin.OTHER_LINE])
def test_lines_that_were_not_measured_are_ignored(origin):
    detection = seen(0.0)
    model = detection.lane_model
    model = structs.replace(model, left=structs.replace(model.left, origin=origin))
    made = keeper()
    for tick in range(100):
        now_s = tick / 100
        given = structs.replace(seen(now_s), lane_model=model)
        control = made.decide(now_s, given if tick % 3 == 0 else None, state(now_s))
    assert control.mode is ControlMode.SINGLE_LINE


@pytest.mark.parametrize("name", ["c0", "c1", "c2", "c3", "sigma_c0", "confidence"])
def test_lines_that_are_not_numbers_are_ignored(name):
    model = seen(0.0).lane_model
    broken = structs.replace(model, left=None, right=structs.replace(model.right, **{name: math.nan}))
    control = keeper().decide(0.0, seen(0.0, lane_model=broken), state(0.0))
    assert control.lateral_offset is None
    assert math.isfinite(control.steering)


# ------------------------------------------------------------ pause, restart, breaks


def test_pause_freezes_everything():
    made = keeper()
    before = settle(made, offset_m=0.4)
    for _ in range(500):
        held = made.decide(1.0, seen(1.0, offset_m=-1.0), state(1.0, paused=True, rate=0.0))
    assert structs.replace(held, valid_until=0.0) == structs.replace(before, valid_until=0.0)
    assert held.valid_until == pytest.approx(1.2)
    after = made.decide(1.0, None, state(1.0))
    assert after.mode is ControlMode.LANE_KEEPING
    assert after.steering == pytest.approx(before.steering, abs=1e-3)


def test_a_restart_goes_on_without_a_step():
    """Killed in a bend; its successor knows only the last command and needs 0.1 s to see a lane again."""
    road = bend(125, 13.9)
    first = drive(road, 13.9, duration_s=8.0)
    last = first.controls[-1]
    assert abs(last.steering) > 0.02
    successor = keeper()
    successor.restore(last)
    plant, camera = first.plant, Camera(5, 1.0)
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
    stopped = settle(keeper())
    successor = keeper()
    successor.restore(structs.replace(stopped, mode=ControlMode.MINIMUM_RISK))
    assert settle(successor, 2.0, 3.5, speed_mps=0.0).mode is ControlMode.MINIMUM_RISK


def test_another_world_begins_in_standby():
    made = keeper()
    settle(made)
    control = made.decide(1.0, None, state(1.0, session=SESSION + 1))
    assert (control.mode, control.lateral_offset) == (ControlMode.STANDBY, None)


def test_time_going_back_and_a_respawn_forget_the_lane():
    made = keeper()
    settle(made)
    assert made.decide(0.2, None, state(0.2)).lateral_offset is None
    made = keeper()
    pose = Pose(x_m=0.0, y_m=0.0, z_m=0.0, yaw_rad=0.0)
    for tick in range(50):
        made.decide(tick / 100, seen(tick / 100), state(tick / 100, pose=pose))
    moved = structs.replace(pose, x_m=80.0)
    control = made.decide(0.5, None, state(0.5, pose=moved))
    assert (control.mode, control.lateral_offset) == (ControlMode.STANDBY, None)
    assert any("moved" in event.text for event in made.take_events())


@pytest.mark.parametrize("silent_s", [0.3, 0.8, 5.0])
def test_a_world_that_stood_still_finds_its_lane_as_it_was(silent_s):
    """Time is counted on while no state comes; what was predicted in it did not happen."""
    made, twin = keeper(), keeper()
    for each in (made, twin):
        settle(each, offset_m=0.3, heading_rad=0.03)
    for tick in range(25, round(silent_s * 100) + 25, 5):
        ahead = made.decide(1.0 + tick / 100, None, state(0.99))
    after = made.decide(1.0, None, state(1.0))
    expected = twin.decide(1.0, None, state(1.0))
    if silent_s < 1.0:
        assert ahead.lateral_offset is None or abs(ahead.lateral_offset - expected.lateral_offset) > 0.05
    assert after.lateral_offset == pytest.approx(expected.lateral_offset, abs=1e-9)
    assert after.heading_angle == pytest.approx(expected.heading_angle, abs=1e-9)
    assert [event.text for event in made.take_events() if event.name == "break"] == [
        f"the world stood still: {0.2 + silent_s:.2f} s are taken back"
    ]


def test_a_tick_shorter_than_the_clock_reckoned_with_costs_no_lane():
    """Time was counted on by one tick; the state of half a tick later says how late it is, 100 times in a row."""
    made = keeper()
    settle(made, offset_m=0.3)
    for tick in range(100):
        made.decide(1.01 + tick / 200, None, state(0.995 + tick / 200))
        control = made.decide(1.0 + tick / 200, seen(1.0 + tick / 200, offset_m=0.3), state(1.0 + tick / 200))
    assert control.mode is ControlMode.LANE_KEEPING
    assert control.lateral_offset_meters == pytest.approx(-0.3, abs=0.03)


@pytest.mark.parametrize("until_tick", [140, 160])
def test_a_world_that_stood_still_is_driven_on_without_another_start(until_tick):
    made = keeper()
    settle(made)
    for tick in range(125, until_tick, 5):
        made.decide(tick / 100, None, state(0.99))
    modes = [settle(made, tick / 100, (tick + 1) / 100).mode for tick in range(100, 250)]
    assert ControlMode.STANDBY not in modes
    assert modes[-1] is ControlMode.LANE_KEEPING


def test_the_terms_add_up_to_the_curvature_that_is_steered():
    made = keeper()
    assert made.decide(0.0, None, state(0.0)).terms is None
    control = settle(made, offset_m=0.2)
    assert control.terms is not None
    assert control.terms.offset < 0 < control.lateral_offset * -1  # left of the centre: towards the right
    asked_radpm = sum(asdict(control.terms).values())
    wheelbase_m = Bicycle(VehicleConfig(), DecisionParameters()).effective_wheelbase_m(13.9)
    assert -control.steering * MAX_STEER_RAD == pytest.approx(math.atan(asked_radpm * wheelbase_m), abs=1e-6)


def test_events_are_given_once():
    made = keeper()
    settle(made)
    assert [event.name for event in made.take_events()] == ["mode"]
    assert made.take_events() == []


# ------------------------------------------------------------ departure


def test_drifting_towards_a_line_is_a_drift_and_crossing_it_a_departure():
    """It turns by 0.3 m/s of lateral speed within half a second, then goes straight on."""
    made = keeper()
    room_m, yaw_radps = 3.5 / 2 - 0.06 - 1.85 / 2, 0.3 / 13.9 / 0.5
    offset_m = heading_rad = 0.0
    statuses = []
    for tick in range(500):
        now_s, turning = tick / 100, 100 <= tick < 150
        heading_rad += yaw_radps * 0.01 if turning else 0.0
        offset_m += 13.9 * heading_rad * 0.01
        detection = seen(now_s, offset_m=offset_m, heading_rad=heading_rad) if tick % 3 == 0 else None
        control = made.decide(now_s, detection, state(now_s, yaw_rate_radps=yaw_radps if turning else 0.0))
        statuses.append((control.departure_status, offset_m))
        if tick == 200:
            assert control.ttlc_left_s == pytest.approx((room_m - offset_m) / 0.3, rel=0.1)
            assert control.ttlc_right_s is None
    order = list(dict.fromkeys(status for status, _ in statuses if status))
    assert order == [DepartureStatus.CENTERED, DepartureStatus.DRIFT, DepartureStatus.DEPARTURE]
    at_departure = next(offset for status, offset in statuses if status is DepartureStatus.DEPARTURE)
    assert at_departure == pytest.approx(room_m, abs=0.05)


def test_an_acceleration_towards_a_line_counts_beyond_its_doubt_and_one_away_from_it_in_full():
    parameters = DecisionParameters()
    warning = DepartureWarning(1.85, Bicycle(VehicleConfig(), parameters))
    lane = LaneState(
        offset_m=0.0,
        heading_rad=0.01,
        curvature_radpm=0.0,
        curvature_rate_radpm2=0.0,
        width_m=3.5,
        yaw_rate_radps=0.0,
        offset_sigma_m=0.02,
        heading_sigma_rad=0.002,
        curvature_sigma_radpm=2.5e-4,
        width_sigma_m=0.02,
    )  # 0.3 m/s to the left at 30 m/s

    def left_s(curvature_radpm: float) -> float | None:
        there = structs.replace(lane, curvature_radpm=curvature_radpm)
        return warning.judge(there, 30.0, 0.01, parameters, Driver()).ttlc_left_s

    straight_s = left_s(0.0)
    assert straight_s == pytest.approx(0.765 / 0.3)
    assert left_s(-4e-4) == pytest.approx(straight_s)  # within two sigma: 0.36 of 0.45 m/s²
    assert left_s(-1.5e-3) == pytest.approx(time_to_reach_s(0.765, 0.3, 900 * 1e-3))
    assert left_s(4e-4) is None  # it turns round before the line


def test_a_warning_is_an_event_that_names_the_side():
    made = keeper()
    settle(made, offset_m=-0.75)
    (event,) = [event for event in made.take_events() if event.name == "departure"]
    assert (event.level, event.text[:19]) == ("warning", "drift to the right,")


# ------------------------------------------------------------ parameters


def _final_speed(**parameters: Any) -> float:
    return drive(
        straight(400), 10.0, duration_s=10.0, noise=0.0, parameters=DecisionParameters(**parameters)
    ).speed_mps[-1]


def _steering(at_s: float = 0.8, speed_mps: float = 20.0, offset_m: float = 0.4, **parameters: Any) -> float:
    return settle(keeper(**parameters), to_s=at_s, speed_mps=speed_mps, offset_m=offset_m).steering


def _pursuit(**how: Any) -> float:
    return _steering(controller="pure_pursuit", **how)


def _pedals(at_s: float = 0.8, speed_mps: float = 13.0, **parameters: Any) -> tuple[float, float]:
    control = settle(keeper(**parameters), to_s=at_s, speed_mps=speed_mps)
    return control.throttle, control.brake


@functools.cache  # the drive that all others are held against is one
def _bend_steering(**parameters: Any) -> float:
    road = Road([(0.0, 1 / 300), (300.0, 1 / 300)])
    driven = drive(
        road, 20.0, duration_s=3.0, noise=0.0, parameters=DecisionParameters(set_speed_mps=20.0, **parameters)
    )
    return round(driven.controls[-1].steering, 6)


@functools.cache
def _after_loss(**parameters: Any) -> tuple[list[str], float]:
    driven = drive(
        straight(400),
        13.9,
        duration_s=6.0,
        lines_at=lambda t: "both" if t < 2 else "none",
        parameters=DecisionParameters(**parameters),
    )
    return [str(control.mode) for control in driven.controls], float(driven.speed_mps[-1])


def _recovery(**parameters: Any) -> list[str]:
    driven = drive(
        straight(400),
        13.9,
        duration_s=8.0,
        lines_at=lambda t: "none" if 1 < t < 5 else "both",
        parameters=DecisionParameters(**parameters),
    )
    return [str(control.mode) for control in driven.controls]


def _single_outlier(**parameters: Any) -> float | None:
    made = keeper(**parameters)
    settle(made)
    return made.decide(1.0, seen(1.0, offset_m=0.15), state(1.0)).lateral_offset_meters


def _drift(speed_mps: float = 13.9, at_s: float = 0.3, **parameters: Any) -> list[DepartureStatus | None]:
    """Pointing a little to the left all the time, 0.45 m from the line."""
    made, statuses = keeper(**parameters), []
    for tick in range(round(at_s * 100)):
        now_s = tick / 100
        detection = seen(now_s, heading_rad=0.03, offset_m=0.3)
        statuses.append(made.decide(now_s, detection, state(now_s, speed_mps)).departure_status)
    return statuses


def _rearmed(**parameters: Any) -> ControlMode:
    made = keeper(**parameters)
    made.override(True)
    settle(made)
    made.override(False)
    return settle(made, 1.0, 2.6).mode


# name: (another value, what it changes)
EFFECTS = {
    "controller": ("pure_pursuit", _steering),
    "enabled": (False, _pedals),
    "set_speed_mps": (8.0, _final_speed),
    "curve_lateral_acceleration_mps2": (
        0.5,
        lambda **p: drive(bend(125, 13.9), 13.9, duration_s=9.0, parameters=DecisionParameters(**p)).speed_mps[-1],
    ),
    "acceleration_mps2": (0.4, lambda **p: _pedals(2.5, 8.0, **p)),
    "deceleration_mps2": (0.5, lambda **p: _pedals(2.5, 20.0, **p)),
    "longitudinal_jerk_mps3": (0.5, lambda **p: _pedals(0.7, 8.0, **p)),
    "degraded_deceleration_mps2": (0.3, _after_loss),
    "minimum_risk_deceleration_mps2": (1.0, _after_loss),
    "speed_gain_per_s": (0.05, lambda **p: _pedals(0.8, 13.0, **p)),
    "speed_integral_per_s2": (0.8, lambda **p: _pedals(0.8, 13.0, **p)),
    "full_throttle_mps2": (7.0, lambda **p: _pedals(0.8, 13.0, **p)),
    "full_brake_mps2": (4.0, lambda **p: _pedals(0.8, 20.0, **p)),
    "lookahead_time_s": (2.0, _pursuit),
    "lookahead_min_m": (30.0, lambda **p: _pursuit(speed_mps=10.0, **p)),
    "correction_mps2": (0.2, _steering),
    "lqr_offset_worth_m": (1.0, lambda **p: _steering(offset_m=0.1, **p)),
    "lqr_drift_worth_mps": (0.3, lambda **p: _steering(offset_m=0.1, **p)),
    "lqr_integral_per_s3": (1.0, lambda **p: _steering(offset_m=0.05, **p)),
    "stanley_gain_per_s": (3.0, lambda **p: _steering(offset_m=0.1, controller="stanley", **p)),
    "stanley_softening_mps": (10.0, lambda **p: _steering(offset_m=0.1, controller="stanley", **p)),
    "stanley_heading_time_s": (0.8, lambda **p: _steering(offset_m=0.1, controller="stanley", **p)),
    "stanley_yaw_damping_s": (0.8, lambda **p: _bend_steering(controller="stanley", **p)),
    "pid_proportional_per_s2": (0.5, lambda **p: _steering(offset_m=0.1, controller="pid", **p)),
    "pid_integral_per_s3": (2.0, lambda **p: _steering(offset_m=0.1, controller="pid", **p)),
    "pid_derivative_per_s": (0.5, lambda **p: _bend_steering(controller="pid", **p)),
    "mpc_offset_worth_m": (1.0, lambda **p: _steering(offset_m=0.1, controller="mpc", **p)),
    "mpc_drift_worth_mps": (0.3, lambda **p: _steering(offset_m=0.1, controller="mpc", **p)),
    "mpc_lateral_acceleration_mps2": (1.0, lambda **p: _bend_steering(controller="mpc", **p)),
    "mpc_lateral_jerk_mps3": (1.0, lambda **p: _steering(offset_m=0.4, controller="mpc", **p)),
    "understeer_s2pm": (0.01, _bend_steering),
    "rear_slip_s2pm": (0.015, _bend_steering),
    "yaw_lag_s2pm": (0.015, _bend_steering),
    "steering_trim_mps2": (0.0, _bend_steering),
    "measurement_sigma_ratio": (8.0, _single_outlier),
    "hold_offset_m": (0.15, _after_loss),
    "engage_time_s": (2.0, lambda **p: settle(keeper(**p)).mode),
    "degraded_time_s": (9.0, _after_loss),
    "recovery_time_s": (2.5, _recovery),
    "rearm_time_s": (5.0, _rearmed),
    "drift_ttlc_s": (0.2, _drift),
    "warning_earliest_m": (0.1, lambda **p: _drift(drift_ttlc_s=5.0, speed_mps=6.0, **p)),
    "warning_confirm_s": (0.0, _drift),
    "warning_least_speed_mps": (30.0, _drift),
}


def test_every_parameter_is_in_the_list_of_effects():
    assert set(EFFECTS) == set(declared("decision", DecisionParameters))


@pytest.mark.parametrize("name", EFFECTS)
def test_every_parameter_has_an_effect(name):
    value, figure = EFFECTS[name]
    assert figure(**{name: value}) != figure()


def test_a_live_parameter_changes_a_running_keeper():
    made = keeper()
    fast = settle(made, speed_mps=13.0)
    made.update_parameter("set_speed_mps", 5)
    slow = settle(made, 1.0, 2.0, speed_mps=13.0)
    assert fast.throttle > 0
    assert slow.brake > 0


@pytest.mark.parametrize(("name", "value"), [("nonsense", 1.0), ("set_speed_mps", 500.0), ("hold_offset_m", 0.5)])
def test_what_can_not_be_changed_is_refused(name, value):
    with pytest.raises(ParameterError, match=name):
        keeper().update_parameter(name, value)


def test_an_unknown_controller_names_the_known_ones():
    with pytest.raises(ValueError, match="pure_pursuit"):
        create_controller(structs.replace(DecisionParameters(), controller="nobody"), None)
