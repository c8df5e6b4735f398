"""Closed loop: the keeper drives a car that differs from its model, with late and noisy measurements."""

import math

import numpy as np
import pytest
from msgspec import structs

from lkas.decision.keeper import LaneKeeper
from lkas.decision.parameters import DecisionParameters
from lkas.decision.steering_lag import SteeringLag
from lkas.integration.shared_memory.messages import ControlMode
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import Drive, drive
from tests.lkas.decision.road import Road, bend, s_bend, straight

KMH = 1 / 3.6
# name: (speed m/s, road, RMS bound m, max bound m)
ROADS = {
    "50 km/h, R 125 left": (50 * KMH, bend(125, 50 * KMH), 0.15, 0.40),
    "50 km/h, R 125 right": (50 * KMH, bend(125, 50 * KMH, -1), 0.15, 0.40),
    "50 km/h, S-bend R 125": (50 * KMH, s_bend(125, 50 * KMH), 0.15, 0.40),
    "80 km/h, S-bend R 250": (80 * KMH, s_bend(250, 80 * KMH), 0.15, 0.45),
    "110 km/h, R 500": (110 * KMH, bend(500, 110 * KMH), 0.15, 0.45),
}


def assert_within_limits(driven: Drive) -> None:
    assert driven.max_lateral_mps2 <= 3.0
    assert driven.max_jerk_mps3 <= 5.0
    assert not driven.has_departed()


@pytest.mark.parametrize("name", ROADS)
@pytest.mark.parametrize("latency_s", [0.05, 0.2])
def test_it_stays_in_the_lane(name, latency_s):
    speed_mps, road, rms_m, max_m = ROADS[name]
    driven = drive(road, speed_mps, latency_s=latency_s)
    assert driven.modes == ["standby", "lane_keeping"]
    assert driven.rms_m() < rms_m
    assert driven.max_m() < max_m
    assert_within_limits(driven)


def test_without_noise_the_error_is_a_few_centimetres():
    assert drive(s_bend(125, 13.9), 13.9, noise=0.0, latency_s=0.1).rms_m() < 0.08


def test_an_offset_decays_without_overshoot():
    driven = drive(straight(300), 13.9, noise=0.0, offset_m=0.6)
    assert driven.max_m(from_s=6.0) < 0.05
    assert driven.offset_m.min() > -0.1


def test_losing_a_third_of_the_frames_changes_little():
    driven = drive(s_bend(125, 13.9), 13.9, lost=0.33, latency_s=0.1)
    assert driven.rms_m() < 0.18
    assert_within_limits(driven)


def test_a_steering_misalignment_is_compensated():
    driven = drive(straight(400), 13.9, noise=0.0, steering_error_rad=0.008)
    assert driven.max_m(from_s=15.0) < 0.05


def test_the_mirrored_drive_gives_the_mirrored_commands():
    left = drive(bend(125, 13.9), 13.9, noise=0.0, offset_m=0.3)
    right = drive(bend(125, 13.9, -1), 13.9, noise=0.0, offset_m=-0.3)
    mirrored = [-control.steering for control in right.controls]
    assert [control.steering for control in left.controls] == pytest.approx(mirrored, abs=1e-9)
    assert max(abs(steering) for steering in mirrored) > 0.02


def test_it_starts_from_standstill_and_reaches_the_set_speed():
    parameters = DecisionParameters(set_speed_mps=10.0)
    driven = drive(straight(400), 0.0, duration_s=25.0, parameters=parameters)
    assert driven.modes == ["standby", "lane_keeping"]
    assert driven.speed_mps[-300:] == pytest.approx(10.0, abs=0.3)
    assert driven.speed_mps.max() < 10.6
    assert np.diff(driven.speed_mps).max() / 0.01 < 2.2  # comfortable


def test_it_slows_down_for_a_bend_that_is_too_sharp_for_the_set_speed():
    road = Road([(0.0, 0.0), (120.0, 0.0), (170.0, 1 / 60), (240.0, 1 / 60), (290.0, 0.0), (350.0, 0.0)])
    driven = drive(road, 15.0, duration_s=40.0)
    in_bend = driven.speed_mps[np.abs(driven.lateral_mps2) > 1.5]
    assert in_bend[-1] == pytest.approx(math.sqrt(2.0 * 60), abs=1.2)
    assert_within_limits(driven)


def test_the_pedals_exclude_each_other_and_commands_stay_in_range():
    driven = drive(bend(60, 13.9), 13.9, duration_s=8.0)
    for control in driven.controls:
        assert -1 <= control.steering <= 1
        assert 0 <= control.throttle <= 1
        assert 0 <= control.brake <= 1
        assert control.throttle * control.brake == 0


def test_the_command_keeps_the_jerk_limit_at_every_tick():
    driven = drive(bend(125, 13.9), 13.9, latency_s=0.2, offset_m=0.8, duration_s=10.0)
    angles = -np.array([control.steering for control in driven.controls]) * math.radians(35)
    curvature = np.tan(angles) / (2.7 + 0.002 * (driven.speed_mps**2 - 9))
    assert (np.abs(np.diff(curvature)) * driven.speed_mps[1:] ** 2 / 0.01).max() <= 5.0 + 0.05


# ------------------------------------------------------------ lost lanes


def test_without_lines_the_fallback_modes_lead_to_standstill_in_the_lane():
    driven = drive(straight(500), 13.9, duration_s=22.0, lines_at=lambda t: "both" if t < 5 else "none")
    assert driven.modes == ["standby", "lane_keeping", "hold", "degraded", "minimum_risk"]
    assert driven.speed_mps[-1] == 0
    assert driven.controls[-1].brake > 0
    assert not driven.has_departed()
    assert len(driven.events) == 4
    assert "no line visible" in driven.events[1]


def test_a_lost_lane_is_reported_as_unknown():
    driven = drive(straight(500), 13.9, duration_s=8.0, lines_at=lambda t: "both" if t < 5 else "blackout")
    known, lost = driven.controls[450], driven.controls[580]
    assert None not in (known.lateral_offset, known.heading_angle, known.departure_status, known.curvature)
    assert (lost.lateral_offset, lost.lateral_offset_meters, lost.heading_angle) == (None, None, None)
    assert (lost.departure_status, lost.ttlc_left_s, lost.curvature) == (None, None, None)


@pytest.mark.parametrize(("speed_mps", "radius_m", "bound_m"), [(13.9, 125.0, 0.5), (30.6, 500.0, 0.8)])
def test_after_a_second_without_frames_in_a_bend_lane_keeping_continues(speed_mps, radius_m, bound_m):
    driven = drive(
        bend(radius_m, speed_mps), speed_mps, lines_at=lambda t: "blackout" if 7 < t < 8 else "both", latency_s=0.1
    )
    assert driven.modes[:3] == ["standby", "lane_keeping", "hold"]
    assert set(driven.modes[3:]) <= {"degraded", "lane_keeping"}  # at 110 km/h the position is uncertain after 0.9 s
    assert driven.modes[-1] == "lane_keeping"
    assert driven.max_m() < bound_m


@pytest.mark.parametrize("side", ["left", "right"])
def test_one_line_is_enough(side):
    driven = drive(bend(125, 13.9), 13.9, lines_at=lambda t: side if t > 3 else "both", latency_s=0.1)
    assert driven.modes == ["standby", "lane_keeping", "single_line"]
    assert driven.rms_m() < 0.2
    assert not driven.has_departed()


def test_a_minimum_risk_stop_ends_while_rolling_when_lanes_are_valid():
    driven = drive(straight(500), 13.9, duration_s=14.0, lines_at=lambda t: "none" if 4 < t < 8.5 else "both")
    assert driven.modes[-2:] == ["minimum_risk", "lane_keeping"]
    back_s = next(i for i in range(900, 1400) if driven.controls[i].mode is ControlMode.LANE_KEEPING) / 100
    assert back_s >= 8.5 + 1.0


def test_after_standstill_only_resume_ends_a_minimum_risk_stop():
    keeper = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
    road = straight(500)
    drive(road, 8.0, duration_s=12.0, lines_at=lambda t: "both" if t < 3 else "none", keeper=keeper)
    stays = drive(road, 0.0, duration_s=4.0, keeper=keeper, start_s=12.0)
    assert stays.modes == ["minimum_risk"]
    keeper.resume()
    started = drive(road, 0.0, duration_s=4.0, keeper=keeper, start_s=16.0)
    assert started.modes == ["standby", "lane_keeping"]
    assert started.speed_mps[-1] > 2


# ------------------------------------------------------------ vehicle state


def test_a_stale_vehicle_state_leads_to_degraded_and_a_stop():
    driven = drive(
        straight(500), 13.9, duration_s=8.0, vehicle_at=lambda t, state: state if t < 4 else None, latency_s=0.05
    )
    degraded = next(i for i, control in enumerate(driven.controls) if control.mode is ControlMode.DEGRADED)
    assert degraded == pytest.approx(450, abs=3)
    assert driven.modes[-2:] == ["degraded", "minimum_risk"]
    assert all(control.throttle == 0 for control in driven.controls[degraded:])


@pytest.mark.parametrize("name", ["speed_mps", "yaw_rate_radps", "steering_angle_rad", "max_steer_rad"])
def test_nan_in_the_vehicle_state_never_reaches_the_command(name):
    driven = drive(
        bend(125, 13.9),
        13.9,
        duration_s=8.0,
        vehicle_at=lambda t, state: structs.replace(state, **{name: math.nan}) if 5 < t < 6 else state,
    )
    for control in driven.controls:
        assert all(map(math.isfinite, (control.steering, control.throttle, control.brake)))
    assert not driven.has_departed()


def test_without_a_steering_range_it_does_not_steer():
    driven = drive(
        bend(125, 13.9),
        13.9,
        duration_s=4.0,
        vehicle_at=lambda t, state: structs.replace(state, max_steer_rad=None),
    )
    assert {control.steering for control in driven.controls} == {0.0}


def test_in_a_video_without_a_yaw_rate_the_lane_is_estimated():
    """The command has no effect in a video, but the lane is estimated and reported."""
    driven = drive(
        Road([(0.0, 1 / 400), (400.0, 1 / 400)]),
        20.0,
        duration_s=8.0,
        parameters=DecisionParameters(set_speed_mps=20.0),
        vehicle_at=lambda t, state: structs.replace(state, yaw_rate_radps=None, steering_angle_rad=None, pose=None),
    )
    assert driven.controls[-1].mode is ControlMode.LANE_KEEPING
    assert driven.controls[-1].curvature == pytest.approx(1 / 400, rel=0.3)
    assert driven.controls[-1].lateral_offset_meters == pytest.approx(-driven.offset_m[-1], abs=0.15)


def test_a_steering_delay_is_compensated_whether_it_is_configured_or_estimated(monkeypatch):
    def error_m(assumed_s: float) -> float:
        vehicle = VehicleConfig(steering_delay_s=assumed_s)
        keeper = LaneKeeper(DecisionParameters(), vehicle, CameraConfig())
        return drive(bend(125, 13.9), 13.9, noise=0.0, dead_time_s=0.4, keeper=keeper).rms_m()

    assert error_m(0.4) < 0.12
    estimated_m = error_m(0.0)
    assert estimated_m < 0.12
    monkeypatch.setattr(SteeringLag, "update", lambda *_: None)
    assert error_m(0.0) > 1.05 * estimated_m
