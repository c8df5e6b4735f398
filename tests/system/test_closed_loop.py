"""The real objects in lock-step: camera images in, steering out, ground truth from the world. Faster than real time."""

import pytest

from lkas.config import load
from simulation.evaluation.jobs import job_of
from simulation.evaluation.run import run_job
from simulation.evaluation.scenario_file import built_in_scenarios, load_scenario, road_text
from simulation.evaluation.settings import SECTIONS

LOST_LANES = """
description: The camera stays black from second 5 on.
road:
  segments:
    - {length_m: 60}
    - {radius_m: 400, angle_deg: 40, clothoid_m: 30}
set_speed_mps: 13.9
duration_s: 22
faults: [{kind: blackout, at_s: 5, duration_s: 60}]
"""


def drive(scenario_file, folder, method):
    scenario = load_scenario(scenario_file)
    map_file = folder / "road.xodr"
    map_file.write_text(road_text(scenario), encoding="utf-8")
    configuration = load(SECTIONS, environ={}).to_json()
    job = job_of(
        scenario,
        seed=1,
        method=method,
        controller="lqr",
        latency_s=0.05,
        configuration=configuration,
        map_file=map_file,
    )
    return run_job(job)


@pytest.mark.parametrize("method", ["cv", "hybrid"])
def test_it_keeps_its_lane_in_bends_of_both_hands(tmp_path, method):
    record = drive(built_in_scenarios()["country_bends_50"], tmp_path, method)  # R = 125 m, right and left
    metrics = record.metrics
    assert metrics.departures == 0
    assert metrics.completed_ratio >= 0.99
    assert metrics.offset_rms_m < 0.25
    assert metrics.availability_ratio > 0.95
    assert metrics.lat_accel_max_mps2 <= 3
    assert metrics.lat_jerk_max_mps3 <= 5


def test_it_stops_in_its_lane_when_all_lines_are_lost(tmp_path):
    scenario_file = tmp_path / "lost_lanes.yaml"
    scenario_file.write_text(LOST_LANES)
    metrics = drive(scenario_file, tmp_path, "cv").metrics
    assert metrics.minimum_risk_stops == 1
    assert metrics.stopped_s > 1
    assert metrics.departures == 0


MODEL_ROAD = """
description: A model road at 1:10, R = 1.25 m to the left and 1 m to the right.
configuration: model_car.yaml
road:
  lane_width_m: 0.5
  segments:
    - {length_m: 2}
    - {radius_m: 1.0, angle_deg: 90, clothoid_m: 0.6}
    - {length_m: 1}
    - {radius_m: 1.25, angle_deg: -90, clothoid_m: 0.6}
    - {length_m: 1}
set_speed_mps: 1.4
start: {s_m: 0.8}
"""


@pytest.mark.parametrize("method", ["truth", "cv", "hybrid"])
def test_a_model_car_keeps_its_lane(tmp_path, method):
    scenario_file = tmp_path / "model_road.yaml"
    scenario_file.write_text(MODEL_ROAD)
    metrics = drive(scenario_file, tmp_path, method).metrics
    assert metrics.departures == 0
    assert metrics.completed_ratio >= 0.99
    assert metrics.distance_m > 6
    assert metrics.offset_rms_m < 0.05 * 0.5  # of the lane width
    assert metrics.lat_accel_max_mps2 <= 3.1
