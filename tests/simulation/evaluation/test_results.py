"""The keys of results.json, its summary, and requirements on the summary."""

import csv
import json

import pytest
from msgspec import structs

from lkas.health import Percentiles
from simulation.evaluation.metrics import RunMetrics, summarize
from simulation.evaluation.requirements import parse_requirement, unmet
from simulation.evaluation.results import read_digest, read_runs, write_results

KEYS = [
    "scenario", "map", "route", "condition", "seed", "method", "controller", "latency_s", "truth_hz",
    "distance_m", "completed_ratio", "mean_speed_ratio", "stopped_s", "departures", "minimum_risk_stops",
    "offset_rms_m", "offset_p95_m", "offset_max_m", "heading_rms_deg", "lat_accel_max_mps2",
    "lat_jerk_max_mps3", "availability_ratio", "lost_frame_ratio", "wrong_confident_ratio",
    "detection_offset_p95_m", "detection_heading_p95_deg", "latency_ms", "real_time_factor",
]  # fmt: skip


def run(**fields):
    known = RunMetrics(
        scenario="a", map="loop.xodr", route="default", condition="clear", seed=1, method="cv",
        controller="pure_pursuit", latency_s=0.05, truth_hz=100.0, distance_m=100.0, completed_ratio=1.0,
        mean_speed_ratio=1.0, stopped_s=0.0, departures=0, minimum_risk_stops=0, offset_rms_m=0.1, offset_p95_m=0.2,
        offset_max_m=0.3, heading_rms_deg=0.5, lat_accel_max_mps2=2.0, lat_jerk_max_mps3=1.5, availability_ratio=0.99,
        lost_frame_ratio=0.0, wrong_confident_ratio=0.0, detection_offset_p95_m=0.02, detection_heading_p95_deg=0.1,
        latency_ms=Percentiles(50.0, 51.0), real_time_factor=3.0,
    )  # fmt: skip
    return structs.replace(known, **fields)


def test_results_have_the_documented_keys(tmp_path):
    write_results(tmp_path, [run()])
    document = json.loads((tmp_path / "results.json").read_text())
    assert list(document) == ["digest", "summary", "runs"]
    assert list(document["summary"]) == list(document["runs"][0]) == KEYS
    assert document["runs"][0]["latency_ms"] == {"p50": 50.0, "p99": 51.0}


def test_results_are_read_as_they_were_written(tmp_path):
    runs = [run(), run(scenario="b", method="truth", detection_offset_p95_m=None, latency_ms=None)]
    write_results(tmp_path, runs)
    assert read_runs(tmp_path) == runs


def test_the_digest_is_that_of_the_drives(tmp_path):
    def digest_of(*runs):
        write_results(tmp_path, runs)
        return read_digest(tmp_path)

    first, second = run(), run(scenario="b")
    digest = digest_of(first, second)
    assert len(digest) == 64
    assert digest_of(second, first) == digest, "the order does not matter"
    slower = structs.replace(second, real_time_factor=0.5, latency_ms=Percentiles(60.0, 70.0))
    assert digest_of(first, slower) == digest, "nor do times of the machine"
    assert digest_of(first, structs.replace(second, offset_rms_m=0.100001)) != digest
    assert digest_of(first) != digest


def test_the_csv_has_one_line_per_run(tmp_path):
    write_results(tmp_path, [run(), run(scenario="b", mean_speed_ratio=None, latency_ms=None)])
    with (tmp_path / "results.csv").open() as file:
        first, second = csv.DictReader(file)
    assert (first["scenario"], first["latency_p99_ms"], second["scenario"]) == ("a", "51.0", "b")
    assert second["mean_speed_ratio"] == second["latency_p50_ms"] == ""


@pytest.mark.parametrize("text", ["", "{}", '{"runs": [{}]}', "[1]"])
def test_invalid_results_raise_an_error_with_the_file(tmp_path, text):
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(ValueError, match=r"results\.json: cannot read these results"):
        read_runs(tmp_path)


def test_the_summary_pools_and_takes_the_worst():
    summary = summarize(
        [
            run(offset_rms_m=0.3, distance_m=100.0, departures=2, real_time_factor=2.0, wrong_confident_ratio=0.1),
            run(offset_rms_m=0.1, distance_m=300.0, departures=1, seed=2, latency_ms=Percentiles(80.0, 90.0),
                offset_max_m=0.9, completed_ratio=0.5, mean_speed_ratio=None, detection_offset_p95_m=None),
        ]
    )  # fmt: skip
    assert (summary.departures, summary.distance_m) == (3, 400.0)
    assert summary.offset_rms_m == pytest.approx(((0.09 * 100 + 0.01 * 300) / 400) ** 0.5)
    assert (summary.offset_max_m, summary.completed_ratio, summary.real_time_factor) == (0.9, 0.5, 2.0)
    assert (summary.wrong_confident_ratio, summary.mean_speed_ratio, summary.detection_offset_p95_m) == (0.1, 1.0, 0.02)
    assert summary.latency_ms == Percentiles(80.0, 90.0)
    assert (summary.scenario, summary.seed) == ("a", None)


@pytest.mark.parametrize(
    ("text", "is_met"),
    [
        ("offset_rms_m<=0.1", True),
        (" offset_rms_m < 0.1 ", False),
        ("departures<=0", True),
        ("availability_ratio>=0.995", False),
        ("availability_ratio>0.98", True),
        ("lat_jerk_max_mps3<=1.5e0", True),
    ],
)
def test_a_requirement_is_checked_against_the_summary(text, is_met):
    assert (unmet([parse_requirement(text)], summarize([run()]), [run()]) == []) is is_met


def test_an_unknown_metric_meets_no_requirement():
    runs = [run(detection_offset_p95_m=None)]
    assert unmet([parse_requirement("detection_offset_p95_m<=9")], summarize(runs), runs) == [
        "detection_offset_p95_m <= 9: unknown"
    ]


@pytest.mark.parametrize("fields", [{"completed_ratio": 0.98}, {"mean_speed_ratio": 0.89}])
def test_an_incomplete_run_fails_every_requirement_but_needs_one_to_fail(fields):
    runs = [run(**fields)]
    assert not runs[0].counts
    assert len(unmet([parse_requirement("departures<=0")], summarize(runs), runs)) == 1
    assert unmet([], summarize(runs), runs) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("offset_rms_m=0.1", "expected METRIC<=NUMBER"),
        ("ofset_rms_m<=0.1", "no metric ofset_rms_m; known are seed, latency_s"),
        ("scenario<=1", "no metric scenario"),
        ("departures<=none", "'none' is not a number"),
        ("departures<=nan", "'nan' is not a number"),
    ],
)
def test_an_invalid_requirement_names_what_is_allowed(text, words):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        parse_requirement(text)
    assert words in str(caught.value)
