"""The score of runs with known metrics."""

import math

import pytest
from msgspec import structs

from lkas.integration.shared_memory.messages import ControlMode, DetectionMessage, LineOrigin
from simulation.evaluation.line_errors import line_errors
from simulation.evaluation.run_end import Goal
from simulation.evaluation.run_score import RunScore
from tests.simulation.evaluation.drives import CAMERA, TICK_S, driven, keeping, tick_at
from tests.simulation.evaluation.models import model_of


def test_a_constant_offset_is_rms_p95_and_max():
    metrics = driven(3.0, offset_m=lambda t: -0.3).metrics()
    assert [metrics[f"offset_{name}_m"] for name in ("rms", "p95", "max")] == pytest.approx([0.3] * 3)
    assert metrics["truth_hz"] == 100.0


def test_p95_is_exceeded_on_a_twentieth_of_the_distance():
    metrics = driven(20.0, offset_m=lambda t: t / 20).metrics()
    assert metrics["offset_p95_m"] == pytest.approx(0.95, abs=0.002)
    assert metrics["heading_rms_deg"] == 0.0


def test_heading_is_in_degrees():
    assert driven(2.0, heading_error_rad=lambda t: 0.01).metrics()["heading_rms_deg"] == pytest.approx(0.573, abs=1e-3)


def test_acceleration_and_jerk_of_a_ramp():
    metrics = driven(4.0, lateral_acceleration_mps2=lambda t: 0.6 * t).metrics()
    assert metrics["lat_jerk_max_mps3"] == pytest.approx(0.6)
    assert metrics["lat_accel_max_mps2"] == pytest.approx(0.6 * 3.955)


def test_departures_are_counted_and_located():
    score = driven(6.0, margin_right_m=lambda t: -0.02 if 1.0 < t <= 1.3 or 4.0 < t <= 4.2 else 0.5)
    assert score.metrics()["departures"] == 2
    assert [round(place.x_m, 1) for place in score.details().departures] == [20.2, 80.2]
    assert score.end == "completed"


def test_a_departure_of_three_seconds_ends_the_run():
    score = driven(10.0, margin_left_m=lambda t: -0.1 if t > 2.0 else 0.5)
    assert score.end == "outside its lane for more than 3 s"
    assert score.driven_s == pytest.approx(5.01)
    assert score.metrics()["completed_ratio"] == pytest.approx(0.501)


def test_an_offset_of_half_a_lane_ends_the_run():
    score = driven(10.0, offset_m=lambda t: 0.5 * t, margin_left_m=lambda t: 0.8 - 0.5 * t)
    assert score.end == "more than 1.75 m off the lane centre"
    assert score.driven_s == pytest.approx(3.51)


def test_a_standing_car_ends_the_run():
    score = driven(20.0, distance_m=lambda t: 20 * min(t, 4.0), speed_mps=lambda t: 20.0 if t <= 4.0 else 0.0)
    assert score.end == "came to a stop"
    assert score.metrics()["stopped_s"] == pytest.approx(3.01, abs=0.011)


def test_a_car_that_has_not_started_does_not_end_the_run():
    score = driven(6.0, distance_m=lambda t: 0.0, speed_mps=lambda t: 0.0)
    assert score.end == "completed"
    assert score.metrics()["stopped_s"] == 0.0


def test_a_run_is_completed_at_its_distance():
    score = RunScore(Goal(distance_m=50.0, duration_s=None))
    for n in range(1, 1000):
        score.add_tick(tick_at(n * TICK_S), keeping(n * TICK_S))
        if score.end:
            break
    assert score.end == "completed"
    assert score.driven_s == pytest.approx(2.5)


def test_minimum_risk_counts_each_time_it_is_entered():
    score = RunScore(Goal(distance_m=None, duration_s=10.0))
    for n in range(1, 601):
        t = n * TICK_S
        mode = ControlMode.MINIMUM_RISK if 1 < t <= 2 or 4 < t <= 5 else ControlMode.LANE_KEEPING
        score.add_tick(tick_at(t), keeping(t, mode=mode))
    assert score.metrics()["minimum_risk_stops"] == 2
    assert score.details().modes == pytest.approx({"lane_keeping": 4.0, "minimum_risk": 2.0}, abs=0.02)


def test_latency_is_from_the_exposure_to_the_start_of_the_tick_with_the_control():
    score = RunScore(Goal(distance_m=None, duration_s=10.0))
    for n in range(1, 301):
        frame_id = n // 10
        exposed_s = (frame_id * 10 - 4) * TICK_S
        control = structs.replace(keeping(exposed_s), frame_id=frame_id)
        score.add_tick(tick_at(n * TICK_S), control)
    latency_ms = score.metrics()["latency_ms"]
    assert (latency_ms.p50, latency_ms.p99) == pytest.approx((30.0, 30.0))


def test_frames_without_a_control_are_lost():
    score = RunScore(Goal(distance_m=None, duration_s=10.0))
    for n in range(1, 401):
        answered = max(f for f in range(n // 10 + 1) if f % 4 == 0)  # one frame in four
        score.add_tick(tick_at(n * TICK_S, frame_id=n // 10 if n % 10 == 0 else None), keeping(0.0, answered))
    assert score.metrics()["lost_frame_ratio"] == pytest.approx(0.75, abs=0.03)


def test_steering_reversals_are_counted_and_noise_is_not():
    steady = driven(10.0, steer_rad=lambda t: 1e-3 * math.sin(50 * t))
    weaving = driven(10.0, steer_rad=lambda t: 0.02 * math.sin(math.pi * t))
    assert steady.details().steering_reversals_per_min == 0.0
    assert weaving.details().steering_reversals_per_min == pytest.approx(60.0, abs=6)


def test_time_to_line_crossing_is_margin_over_lateral_speed():
    heading = math.asin(0.4 / 20)
    details = driven(2.0, heading_error_rad=lambda t: heading, margin_left_m=lambda t: 0.6).details()
    assert details.ttlc_min_s == pytest.approx(1.5)
    assert driven(2.0).details().ttlc_min_s is None


def test_offset_over_curvature_is_positive_on_the_inside_of_a_bend():
    def bend(t):
        return 0.01 if t < 2 else -0.01

    inside = driven(4.0, curvature_radpm=bend, offset_m=lambda t: 20 * bend(t)).details()
    assert inside.offset_per_curvature_m2 == pytest.approx(20.0)
    assert driven(4.0).details().offset_per_curvature_m2 is None


# ---------------------------------------------------------------- detection


def metrics_with(*models):
    """Metrics after frames in which these lane models were reported, at an offset of 0.2 m."""
    score = RunScore(Goal(distance_m=None, duration_s=100.0))
    for n, model in enumerate(models, 1):
        score.add_tick(tick_at(n * TICK_S, offset_m=0.2), keeping(n * TICK_S))
        score.add_detection(DetectionMessage(lane_model=model))
    return score.metrics()


def test_a_correct_detection_is_available_and_not_wrong():
    metrics = metrics_with(*[model_of(offset_m=0.2)] * 10)
    assert (metrics["availability_ratio"], metrics["wrong_confident_ratio"]) == (1.0, 0.0)
    assert metrics["detection_offset_p95_m"] == pytest.approx(0.0, abs=1e-9)


def test_availability_needs_both_lines():
    both, one = model_of(offset_m=0.2), structs.replace(model_of(offset_m=0.2), left=None)
    assert metrics_with(both, both, one, None)["availability_ratio"] == pytest.approx(0.5)


def test_only_a_confident_line_can_be_confidently_wrong():
    confident, uncertain = model_of(offset_m=-0.2), model_of(offset_m=-0.2, confidence=0.4)
    metrics = metrics_with(confident, uncertain, model_of(offset_m=0.2), model_of(offset_m=0.2))
    assert metrics["wrong_confident_ratio"] == pytest.approx(0.25)
    assert metrics["detection_offset_p95_m"] == pytest.approx(0.4)


def test_a_predicted_line_does_not_count_as_detected():
    model = model_of(offset_m=0.2)
    predicted = structs.replace(model, left=structs.replace(model.left, origin=LineOrigin.PREDICTED))
    assert len(line_errors(tick_at(1.0).truth, predicted, None, None, CAMERA)) == 1


def test_counting_starts_with_the_first_control():
    score = RunScore(Goal(distance_m=None, duration_s=10.0))
    score.add_tick(tick_at(TICK_S, offset_m=1.9, margin_left_m=-0.5), None)
    score.add_detection(DetectionMessage())
    assert score.end is None
    metrics = score.metrics()
    assert (metrics["departures"], metrics["offset_max_m"], metrics["availability_ratio"]) == (0, None, None)
