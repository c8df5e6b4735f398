"""The score of drives with known metrics."""

import math

import pytest

from lkas.integration.shared_memory.messages import ControlMode, VehicleState
from simulation.score import DriveScore
from simulation.world import Tick
from tests.simulation.fakes import SESSION, control, truth

TICK_S = 0.01


def drive(seconds, *, score=None, start_s=0.0, applied=lambda t: control(), **of_time):
    """Add ticks for `seconds`; `applied` gives the control at world time t, each keyword a field of the truth."""
    score = score or DriveScore()
    for n in range(1, round(seconds / TICK_S) + 1):
        now_s = start_s + n * TICK_S
        state = VehicleState(session=SESSION, timestamp=now_s, tick_s=TICK_S)
        fields = {name: function(now_s) for name, function in of_time.items()}
        score.add_tick(Tick(state=state, truth=truth(now_s, **fields)), applied(now_s))
    return score


def test_twenty_metres_a_second_for_two_seconds_are_forty_metres():
    card = drive(2.0).card()
    assert card.distance_m == pytest.approx(40.0)
    assert card.duration_s == pytest.approx(2.0)
    assert card.mean_speed_mps == pytest.approx(20.0)
    assert (card.departures, card.offset_rms_m, card.offset_max_m) == (0, 0.0, 0.0)
    assert card.engaged_ratio == 1.0


def test_the_rms_of_a_constant_offset_is_its_magnitude():
    left, right = drive(2.0, offset_m=lambda t: 0.3).card(), drive(2.0, offset_m=lambda t: -0.3).card()
    assert left.offset_rms_m == right.offset_rms_m == pytest.approx(0.3)
    assert left.offset_max_m == right.offset_max_m == pytest.approx(0.3)


def test_a_sine_offset_has_the_rms_of_a_sine():
    card = drive(4.0, offset_m=lambda t: 0.4 * math.sin(math.pi * t)).card()
    assert card.offset_rms_m == pytest.approx(0.4 / math.sqrt(2), rel=1e-3)
    assert card.offset_max_m == pytest.approx(0.4)


def test_offset_is_weighted_by_distance_so_a_standing_car_does_not_change_it():
    score = drive(2.0, offset_m=lambda t: 0.3)
    drive(8.0, score=score, start_s=2.0, offset_m=lambda t: 0.0, distance_m=lambda t: 40.0)
    card = score.card()
    assert card.offset_rms_m == pytest.approx(0.3)
    assert card.mean_speed_mps == pytest.approx(4.0)


def test_a_departure_counts_once_until_all_tyres_are_inside_for_half_a_second():
    beyond = [(1.0, 1.2), (1.5, 1.6), (3.0, 3.4)]  # the second comes 0.3 s after the first: the same departure

    def margin(t):
        return -0.05 if any(start < t <= end for start, end in beyond) else 0.4

    assert drive(5.0, margin_m=margin).card().departures == 2


def test_touching_the_line_is_no_departure():
    assert drive(2.0, margin_m=lambda t: 0.0).card().departures == 0


def test_counting_starts_with_the_first_applied_control():
    score = drive(3.0, applied=lambda t: None, margin_m=lambda t: -0.5, offset_m=lambda t: 1.5)
    before = score.card()
    assert before.duration_s == 0.0
    assert before.departures is None
    assert before.offset_max_m is None
    drive(2.0, score=score, start_s=3.0)
    card = score.card()
    assert card.duration_s == pytest.approx(2.0)
    assert card.distance_m == pytest.approx(40.0)
    assert (card.departures, card.offset_max_m) == (0, 0.0)


def test_engaged_is_the_share_of_time_with_a_valid_lane_keeping_control():
    def applied(t):
        if t <= 1.0:
            return control(mode=ControlMode.HOLD)
        if t <= 2.0:
            return control(mode=ControlMode.SINGLE_LINE)
        if t <= 3.0:
            return control(mode=ControlMode.LANE_KEEPING)
        return control(mode=ControlMode.LANE_KEEPING, valid_until=3.0)

    assert drive(4.0, applied=applied).card().engaged_ratio == pytest.approx(0.5)


def test_bends_are_weighted_by_distance_left_positive():
    card = drive(4.0, curvature_radpm=lambda t: 0.01 if t <= 1.0 else -0.01 if t <= 3.0 else 0.0001).card()
    assert card.left_curve_ratio == pytest.approx(0.25)
    assert card.right_curve_ratio == pytest.approx(0.5)


def test_a_respawn_does_not_reduce_the_distance():
    score = drive(2.0)
    drive(1.0, score=score, start_s=2.0, distance_m=lambda t: 20.0 * (t - 2.0))
    assert score.card().distance_m == pytest.approx(60.0 - 0.2)


def publish(score, frame_id, now_s, answer=None):
    score.add_frame(SESSION, frame_id, now_s)
    state = VehicleState(timestamp=now_s, tick_s=0.1)
    score.add_tick(Tick(state=state), answer or control())


def test_a_frame_is_missed_when_no_control_answers_it_in_time():
    score = DriveScore()
    publish(score, 1, 0.0)  # before the first control: not counted
    for n in range(2, 22):
        publish(score, n, n * 0.1, control(frame_id=n if n % 4 else 0))
    card = score.card()
    assert card.frames == 20
    # Of frames 2 to 16, old enough, 4, 8, 12 and 16 were never answered.
    assert card.missed_frames_ratio == pytest.approx(4 / 15, abs=1e-6)


def test_a_control_of_another_session_answers_no_frame():
    score = DriveScore()
    score.add_tick(Tick(state=VehicleState(timestamp=0.0)), control())
    for n in range(1, 11):
        publish(score, n, n * 0.1, control(frame_id=n, session=SESSION + 1))
    assert score.card().missed_frames_ratio == 1.0


def test_controls_between_ticks_answer_frames():
    score = DriveScore()
    score.add_tick(Tick(state=VehicleState(timestamp=0.0)), control())
    for n in range(1, 11):
        publish(score, n, n * 0.1)
        score.add_control(control(frame_id=n))
    assert score.card().missed_frames_ratio == 0.0


def test_without_truth_the_metrics_of_truth_are_none():
    score = DriveScore()
    for n in range(1, 101):
        state = VehicleState(timestamp=n * 0.04, tick_s=0.04)
        score.add_tick(Tick(state=state), control())
        score.add_frame(SESSION, n, n * 0.04)
    card = score.card()
    assert (card.fps, card.engaged_ratio, card.duration_s) == (pytest.approx(25.0), 1.0, pytest.approx(4.0))
    truth_metrics = ("departures", "distance_m", "offset_rms_m", "offset_max_m", "mean_speed_mps", "left_curve_ratio")
    assert [getattr(card, name) for name in truth_metrics] == [None] * len(truth_metrics)
