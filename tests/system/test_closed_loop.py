"""The real objects in lock-step: camera images in, steering out, ground truth from the world. Faster than real time."""

import pytest

from lkas.config import load
from simulation.evaluation.jobs import job_of, run_job
from simulation.evaluation.scenarios import gallery, load_scenario, road_text
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
def test_it_keeps_its_lane_in_left_and_right_bends(tmp_path, method):
    record = drive(gallery()["country_bends_50"], tmp_path, method)  # R = 125 m to the right, then to the left
    figures = record.figures
    assert figures.departures == 0
    assert figures.completed_ratio >= 0.99
    assert figures.offset_rms_m < 0.25
    assert figures.availability_ratio > 0.95
    assert figures.lat_accel_max_mps2 <= 3
    assert figures.lat_jerk_max_mps3 <= 5


def test_it_stops_in_its_lane_when_all_lines_are_lost(tmp_path):
    scenario_file = tmp_path / "lost_lanes.yaml"
    scenario_file.write_text(LOST_LANES)
    figures = drive(scenario_file, tmp_path, "cv").figures
    assert figures.minimum_risk_stops == 1
    assert figures.stopped_s > 1
    assert figures.departures == 0
