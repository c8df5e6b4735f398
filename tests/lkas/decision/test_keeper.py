"""The keeper: fields and signs of its messages, which detections it uses, terms and events."""

import math

import pytest
from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.parameters import DecisionParameters
from lkas.frames import lane_message
from lkas.integration.shared_memory.messages import (
    ControlMode,
    DetectionMessage,
    LineOrigin,
    asdict,
)
from lkas.vehicle import VehicleConfig
from tests.lkas.decision.plant import MAX_STEER_RAD, SESSION
from tests.lkas.decision.situations import GEOMETRY, detection_at, make_keeper, settle, vehicle_state

# ------------------------------------------------------------ the message


def test_a_car_left_of_the_centre_has_a_negative_offset_and_steers_right():
    control = settle(make_keeper(), offset_m=0.5)
    assert control.lateral_offset_meters == pytest.approx(-0.5, abs=0.05)
    assert control.lateral_offset == pytest.approx(-0.5 / 3.5, abs=0.02)
    assert control.steering > 0


def test_a_car_pointing_left_has_a_negative_heading_angle():
    keeper = make_keeper()
    keeper.decide(0.0, None, vehicle_state(0.0))
    control = keeper.decide(0.0, detection_at(0.0, heading_rad=0.03), vehicle_state(0.0))
    assert control.heading_angle == pytest.approx(-math.degrees(0.03), abs=0.1)


def test_the_command_carries_the_stamps_of_the_newest_detection():
    keeper = make_keeper()
    keeper.decide(1.0, None, vehicle_state(1.0))
    control = keeper.decide(1.01, detection_at(1.0, capture_ns=123), vehicle_state(1.01))
    assert (control.session, control.frame_id, control.timestamp, control.capture_ns) == (SESSION, 100, 1.0, 123)
    assert control.valid_until == pytest.approx(1.21)


def test_without_inputs_the_mode_is_standby():
    keeper = make_keeper()
    for tick in range(10):
        control = keeper.decide(tick * 0.01, None, None)
    assert control.mode is ControlMode.STANDBY
    assert (control.steering, control.throttle, control.brake) == (0.0, 0.0, 0.0)


def test_lane_width_in_pixels_is_measured_in_the_lowest_row_that_both_lines_reach():
    model = detection_at(0.0).lane_model
    left, right = (lane_message(line, GEOMETRY, 600) for line in (model.left, model.right))
    control = make_keeper().decide(0.0, detection_at(0.0, left_lane=left, right_lane=right), vehicle_state(0.0))
    assert control.lane_width_pixels == pytest.approx(right.x1 - left.x1, abs=1.0)


# ------------------------------------------------------------ which detections are used


@pytest.mark.parametrize("session", [0, SESSION])
def test_a_detection_with_image_lines_only_is_used(session):
    keeper = make_keeper()
    for tick in range(300):
        now_s = tick / 100
        model = detection_at(now_s, offset_m=0.4).lane_model
        left, right = (lane_message(line, GEOMETRY, 600) for line in (model.left, model.right))
        detection = DetectionMessage(session=session, timestamp=now_s, left_lane=left, right_lane=right)
        control = keeper.decide(now_s, detection if tick % 3 == 0 else None, vehicle_state(now_s))
    assert control.mode is ControlMode.LANE_KEEPING
    assert control.lateral_offset_meters == pytest.approx(-0.4, abs=0.05)


def test_a_detection_with_the_stamps_of_the_channel_is_used():
    """Its timestamp is monotonic time, which is unrelated to world time."""
    keeper = make_keeper()
    for tick in range(100):
        now_s = tick / 100
        detection = detection_at(now_s, session=0, timestamp=5000 + now_s, capture_ns=round((5000 + now_s) * 1e9))
        control = keeper.decide(now_s, detection if tick % 3 == 0 else None, vehicle_state(now_s))
    assert control.mode is ControlMode.LANE_KEEPING


@pytest.mark.parametrize(("exposed_s", "session"), [(0.4, SESSION), (1.2, SESSION), (1.0, SESSION + 1)])
def test_old_future_and_foreign_detections_are_ignored(exposed_s, session):
    keeper = make_keeper()
    for tick in range(101):
        keeper.decide(tick / 100, None, vehicle_state(tick / 100))
    control = keeper.decide(1.0, detection_at(exposed_s, session=session), vehicle_state(1.0))
    assert control.lateral_offset is None


@pytest.mark.parametrize("origin", [LineOrigin.PREDICTED, LineOrigin.OTHER_LINE])
def test_lines_that_were_not_measured_are_ignored(origin):
    detection = detection_at(0.0)
    model = detection.lane_model
    model = structs.replace(model, left=structs.replace(model.left, origin=origin))
    keeper = make_keeper()
    for tick in range(100):
        now_s = tick / 100
        given = structs.replace(detection_at(now_s), lane_model=model)
        control = keeper.decide(now_s, given if tick % 3 == 0 else None, vehicle_state(now_s))
    assert control.mode is ControlMode.SINGLE_LINE


@pytest.mark.parametrize("name", ["c0", "c1", "c2", "c3", "sigma_c0", "confidence"])
def test_lines_that_are_not_finite_are_ignored(name):
    model = detection_at(0.0).lane_model
    broken = structs.replace(model, left=None, right=structs.replace(model.right, **{name: math.nan}))
    control = make_keeper().decide(0.0, detection_at(0.0, lane_model=broken), vehicle_state(0.0))
    assert control.lateral_offset is None
    assert math.isfinite(control.steering)


# ------------------------------------------------------------ terms and events


def test_the_terms_add_up_to_the_commanded_curvature():
    keeper = make_keeper()
    assert keeper.decide(0.0, None, vehicle_state(0.0)).terms is None
    control = settle(keeper, offset_m=0.2)
    assert control.terms is not None
    assert control.terms.offset < 0 < control.lateral_offset * -1  # left of the centre: towards the right
    sum_radpm = sum(asdict(control.terms).values())
    wheelbase_m = Bicycle(VehicleConfig(), DecisionParameters()).effective_wheelbase_m(13.9)
    assert -control.steering * MAX_STEER_RAD == pytest.approx(math.atan(sum_radpm * wheelbase_m), abs=1e-6)


def test_events_are_returned_once():
    keeper = make_keeper()
    settle(keeper)
    assert [event.name for event in keeper.take_events()] == ["mode"]
    assert keeper.take_events() == []
