"""Events of a scenario: when they are active, and their effect on the drive."""

import itertools

import pytest
from msgspec import structs

from lkas.config import load
from simulation.evaluation.active_events import ActiveEvents
from simulation.evaluation.jobs import job_of
from simulation.evaluation.run import run_job
from simulation.evaluation.run_end import Goal
from simulation.evaluation.run_score import RunScore
from simulation.evaluation.scenario_events import Blackout, DroppedFrames, FrozenSpeed, Grip, SideWind, SteeringOffset
from simulation.evaluation.scenario_file import load_scenario, road_text
from simulation.evaluation.settings import SECTIONS, TRUTH
from tests.simulation.evaluation.drives import TICK_S, keeping, tick_at, write_short


def events_at(events, now_s, distance_m=0.0):
    active = ActiveEvents(events)
    active.update(now_s, distance_m)
    return active


def test_an_event_starts_at_its_time_and_ends_after_its_duration():
    events = ActiveEvents([Blackout(at_s=2.0, duration_s=1.0)])
    seen = []
    for tick in range(500):
        events.update(tick * TICK_S, 0.0)
        seen.append(events.active(Blackout) is not None)
    assert (seen.index(True), sum(seen)) == (200, 100)
    assert events.active(Blackout, at_s=2.5) is not None  # for a frame exposed at that time
    assert events.active(DroppedFrames) is None


def test_an_event_starts_at_its_distance_and_stays_active_without_a_duration():
    grip = [Grip(at_m=50.0, friction_ratio=0.4)]
    assert events_at(grip, 9.0, 49.9).disturbance().friction_ratio == 1.0
    events = events_at(grip, 9.0, 50.0)
    assert events.disturbance().friction_ratio == 0.4
    events.update(9999.0, 51.0)
    assert events.disturbance().friction_ratio == 0.4


def test_an_event_without_time_and_distance_starts_at_once():
    assert events_at([SteeringOffset(offset_deg=-2.0)], 0.01).disturbance().steering_offset_deg == -2.0


def test_a_side_wind_rises_and_falls_and_several_winds_add_up():
    events = ActiveEvents([SideWind(at_s=1.0, duration_s=1.0, speed_mps=10.0), SideWind(speed_mps=2.0)])
    wind_mps = []
    for tick in range(300):
        events.update(tick * TICK_S, 0.0)
        wind_mps.append(events.disturbance().side_wind_mps)
    assert wind_mps[100] == pytest.approx(2.0)
    assert wind_mps[110] == pytest.approx(7.0)
    assert wind_mps[150] == pytest.approx(12.0)
    assert wind_mps[190] == pytest.approx(7.0)
    assert wind_mps[250] == pytest.approx(2.0)
    assert max(abs(b - a) for a, b in itertools.pairwise(wind_mps)) < 0.6


def test_a_frozen_speed_is_the_speed_before_the_fault():
    events = ActiveEvents([FrozenSpeed(at_s=1.0, duration_s=1.0)])
    reported = []
    for tick in range(300):
        events.update(tick * TICK_S, 0.0)
        reported.append(events.reported_speed_mps(20.0 - tick * TICK_S))
    assert reported[50] == pytest.approx(19.5)
    assert reported[100] == reported[150] == pytest.approx(19.01)
    assert reported[250] == pytest.approx(17.5)


def test_a_departure_on_an_excused_stretch_does_not_count():
    score = RunScore(Goal(distance_m=None, duration_s=10.0, excused=((20.0, 60.0),)))
    for n in range(1, 500):
        t = n * TICK_S  # at 20 m/s: beyond the line from 22 m to 38 m, then from 80 m to 84 m
        is_beyond = 1.1 <= t <= 1.9 or 4.0 <= t <= 4.2
        score.add_tick(tick_at(t, margin_left_m=-0.2 if is_beyond else 0.5), keeping(t))
    assert score.metrics()["departures"] == 1
    assert score.details().departures[0].distance_m == pytest.approx(80.0, abs=0.5)


def drive(folder, **keys):
    scenario = load_scenario(write_short(folder, distance_m=45, **keys))
    map_file = folder / "road.xodr"
    map_file.write_text(road_text(scenario))
    job = job_of(
        scenario,
        seed=1,
        method=TRUTH,
        controller="lqr",
        latency_s=0.05,
        configuration=load(SECTIONS, environ={}, assignments=("camera.width_px=64", "camera.height_px=64")).to_json(),
        map_file=map_file,
    )
    record = run_job(job)
    return structs.replace(record.metrics, real_time_factor=0.0), record.details


def test_every_event_changes_the_drive_and_the_same_seed_repeats_it(tmp_path):
    baseline = drive(tmp_path)
    assert drive(tmp_path) == baseline
    for key, event in (
        ("disturbances", "{kind: side_wind, at_m: 20, speed_mps: 20}"),
        ("disturbances", "{kind: steering_offset, at_s: 1, offset_deg: -0.5}"),
        ("disturbances", "{kind: grip, friction_ratio: 0.3}"),
        ("disturbances", "{kind: set_speed, at_s: 2, speed_mps: 7}"),
        ("faults", "{kind: dropped_frames, ratio: 0.7}"),
        ("faults", "{kind: blackout, at_s: 3, duration_s: 0.4}"),
        ("faults", "{kind: detector_dead, at_s: 3, duration_s: 0.4}"),
        ("faults", "{kind: late_detections, delay_s: 0.15}"),
        ("faults", "{kind: frozen_speed, at_s: 0.2}"),
    ):
        metrics, details = drive(tmp_path, **{key: f"[{event}]"})
        assert (metrics, details) != baseline, event
        if "detector_dead" in event:
            assert details.withheld_frame_ratio > baseline[1].withheld_frame_ratio == 0
        if "set_speed" in event:
            assert details.mean_speed_mps < baseline[1].mean_speed_mps - 0.5
        if "late" in event:
            assert metrics.latency_ms.p50 == pytest.approx(baseline[0].latency_ms.p50 + 150, abs=15)
