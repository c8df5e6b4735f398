"""`simulation eval --world`: a custom world is driven in lock-step and scored with its own truth."""

import json

import pytest
from typer.testing import CliRunner

from simulation.cli import app
from tests.support.stack import ROOT

SLALOM = f"{ROOT / 'examples' / 'own_world.py'}:Slalom"
DRIVE = ["--method", "cv", "--jobs", "1", "--set", "decision.set_speed_mps=8"]


def evaluate(*arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)], env={"COLUMNS": "200", "NO_COLOR": "1"})


def run_of(folder):
    (run,) = json.loads((folder / "results.json").read_text())["runs"]
    return run


def test_it_is_driven_and_scored_with_its_own_truth(tmp_path):
    done = evaluate("--world", SLALOM, "--duration", 25, *DRIVE, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    run = run_of(tmp_path)
    assert (run["scenario"], run["map"], run["condition"]) == ("own_world.py:Slalom", "own_world.py:Slalom", None)
    assert (run["departures"], run["completed_ratio"], run["truth_hz"]) == (0, 1.0, 50.0)
    assert 0.001 < run["offset_rms_m"] < 0.15
    assert run["distance_m"] > 180
    assert run["availability_ratio"] > 0.9
    assert run["detection_offset_p95_m"] < 0.1
    assert "unknown" not in done.stderr
    again = evaluate("--world", SLALOM, "--duration", 25, *DRIVE, "--out", tmp_path)
    assert "all runs are already finished" in again.stderr
    other = evaluate(
        "--world", SLALOM, "--world-option", "steering_delay_s=0.1", "--duration", 5, *DRIVE, "--out", tmp_path
    )
    assert "all runs are already finished" not in other.stderr


def test_without_truth_the_rest_is_scored_and_the_missing_part_named(tmp_path):
    done = evaluate("--world", SLALOM, "--world-option", "truth=false", "--duration", 10, *DRIVE, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    run = run_of(tmp_path)
    assert run["distance_m"] > 60
    assert run["availability_ratio"] > 0.9
    assert run["lost_frame_ratio"] is not None
    assert [run[name] for name in ("departures", "offset_rms_m", "lat_accel_max_mps2", "wrong_confident_ratio")] == (
        [None] * 4
    )
    assert "its ticks carry no truth, so departures, offset" in done.stderr
    assert "departures unknown" in (tmp_path / "report.html").read_text()
    refused = evaluate(
        "--world", SLALOM, "--world-option", "truth=false", "--duration", 10, *DRIVE, "--out", tmp_path,
        "--require", "departures<=0",
    )  # fmt: skip
    assert (refused.exit_code, "departures <= 0: unknown" in refused.stderr) == (5, True)


def test_a_world_that_ends_has_completed_its_road(tmp_path):
    file = tmp_path / "short.py"
    file.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'examples')!r})\n"
        "from own_world import Slalom\nfrom simulation.world import WorldEnded\n"
        "class Short(Slalom):\n    def tick(self, control):\n"
        "        tick = super().tick(control)\n"
        "        if tick.state.timestamp > 4.0:\n            raise WorldEnded('over')\n        return tick\n"
    )
    done = evaluate("--world", f"{file}:Short", *DRIVE, "--out", tmp_path)
    assert done.exit_code == 0, done.output
    assert run_of(tmp_path)["completed_ratio"] == 1.0
    assert "the world ended" in (tmp_path / "report.html").read_text()


def test_a_car_that_steers_to_the_wrong_side_does_not_pass(tmp_path):
    done = evaluate("--world", SLALOM, "--world-option", "steering_sign=-1.0", "--duration", 25, *DRIVE,
                    "--out", tmp_path, "--require", "departures<=0")  # fmt: skip
    assert done.exit_code == 5
    assert run_of(tmp_path)["completed_ratio"] < 1


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--world", "nowhere.py:World"], "there is no file"),
        (["--world", "embedded"], "--world embedded: expected FILE.py:NAME"),
        (["--world", SLALOM, "--world-option", "truth"], "--world-option truth: expected KEY=VALUE"),
        (["--world", SLALOM, "--suite", "smoke"], "--world and --suite: both choose what is driven"),
        (["--world", SLALOM, "--seeds", "2"], "--world and --seeds: a custom world takes its seed"),
        (["--world", SLALOM, "--method", "truth"], "--method truth: perfect perception needs the embedded world"),
        (["--duration", "20"], "--world-option and --duration apply to --world only"),
    ],
)
def test_what_does_not_fit_is_a_usage_error(arguments, words, tmp_path):
    done = evaluate(*arguments, "--out", tmp_path / "out")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_wrong_option_fails_the_run_with_the_place_of_the_error(tmp_path):
    done = evaluate("--world", SLALOM, "--world-option", "lenght=2", *DRIVE, "--out", tmp_path)
    assert done.exit_code == 1
    assert "unexpected keyword argument 'lenght'" in done.stderr


@pytest.mark.parametrize("option", ["steering_sign=-1", "yaw_rate_sign=-1"])
def test_a_car_with_a_wrong_sign_is_stopped_in_its_lane(tmp_path, option):
    evaluate("--world", SLALOM, "--world-option", option, "--duration", 15, *DRIVE, "--out", tmp_path)
    run = run_of(tmp_path)
    assert (run["departures"], run["minimum_risk_stops"]) == (0, 1)
    assert run["offset_max_m"] < 0.6
    assert run["distance_m"] < 45  # from 8 m/s
