"""`simulation eval` on the command line."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from lkas.decision.parameters import CONTROLLERS, DecisionParameters
from lkas.detection.parameters import METHODS
from simulation.cli import app
from simulation.embedded.world import built_in_map
from simulation.opendrive.writer import road_xml, straight
from tests.simulation.evaluation.drives import write_short, write_too_far
from tests.simulation.evaluation.test_results import KEYS

DEADLINE_S = 180
SMALL = ["--set", "camera.width_px=160", "--set", "camera.height_px=120"]


def evaluate(*arguments):
    return CliRunner().invoke(app, ["eval", *map(str, arguments)], env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    return write_short(tmp_path_factory.mktemp("scenario"), distance_m=25)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--suite", "everything"],
            "--suite everything: expected one of smoke, standard, small, full, latency, dropout,",
        ),
        (["--scenario", "nowhere"], "--scenario nowhere: no such file; built-in scenarios are country_bends_50"),
        (["--scenario", "loop_50, nowhere"], "--scenario nowhere: no such file"),
        (["--scenario", ","], "--scenario ,: it contains no name"),
        (["--method", ","], "--method ,: it contains no name"),
        (["--suite", "smoke,nothing"], "--suite nothing: expected one of smoke, standard"),
        (["--map", "nowhere.xodr"], "nowhere.xodr: no such file; expected an OpenDRIVE file"),
        (["--route", "turns"], "--route turns: it applies to --map only; a scenario file names its route"),
        (["--method", "cv,psychic"], f"--method psychic: expected one of {', '.join(METHODS)}, truth"),
        (["--controller", "fuzzy"], f"--controller fuzzy: expected one of {', '.join(CONTROLLERS)}, zero"),
        (["--require", "offset<=1"], "--require 'offset<=1': no metric offset; known are"),
        (["--scheduler", "rubbish"], "--scheduler rubbish: expected an address such as tcp://host:8786"),
        (["--against", "nowhere"], "--against nowhere/results.json: cannot read these results"),
        (["--set", "decision.speed=1"], "--set decision.speed=1: decision.speed: no such key"),
        (["--config", "nowhere.yaml"], "nowhere.yaml: cannot read this configuration file"),
    ],
)
def test_usage_errors_are_one_sentence_and_exit_code_2(arguments, words, tmp_path):
    done = evaluate(*arguments, "--out", tmp_path / "out")
    assert done.exit_code == 2
    assert done.stderr.startswith(f"simulation eval: {words}")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_an_invalid_scenario_and_a_duplicate_name_are_usage_errors(short, tmp_path):
    bad = tmp_path / "bad.yaml"
    bad.write_text("condition: hail")
    done = evaluate("--scenario", bad)
    assert (done.exit_code, "condition = 'hail': expected one of clear" in done.stderr) == (2, True)
    other = write_short(tmp_path, distance_m=20)
    done = evaluate("--scenario", short, "--scenario", other)
    assert (done.exit_code, "another scenario is already named short" in done.stderr) == (2, True)


def test_an_error_names_an_out_folder_that_cannot_be_created(short, tmp_path):
    (tmp_path / "file").write_text("")
    done = evaluate("--scenario", short, "--out", tmp_path / "file" / "out")
    assert done.exit_code == 2
    assert "--out" in done.stderr


def test_a_drive_is_scored_stored_and_compared_with_requirements(short, tmp_path):
    command = ["--scenario", short, "--method", "truth", "--jobs", "1", "--out", tmp_path, *SMALL]
    done = evaluate(*command, "--require", "departures<=0", "--require", "offset_rms_m<=0.25")
    assert done.exit_code == 0, done.stderr
    document = json.loads((tmp_path / "results.json").read_text())
    assert list(document["runs"][0]) == KEYS
    assert document["runs"][0]["scenario"] == "short"
    assert f"truth, {DecisionParameters().controller}" in done.stdout
    assert (tmp_path / "report.html").is_file()
    assert (tmp_path / "results.csv").is_file()
    assert (tmp_path / "roads" / "short.xodr").is_file()

    again = evaluate(*command, "--against", tmp_path, "--require", "offset_rms_m<=0.00001")
    assert "all runs are already finished" in again.stderr
    assert again.exit_code == 5
    assert "required offset_rms_m <= 1e-05: found" in again.stderr
    assert f"Compared with {tmp_path}" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize("route", ["default", "turns", "1"])
def test_a_map_is_driven_along_its_route_and_the_results_name_it(tmp_path, route):
    road = tmp_path / "short.xodr"
    road.write_text(road_xml("short", [straight(70.0)], lane_width_m=3.5, is_closed=False, note=""))
    command = ["--map", road, "--route", route, "--method", "truth", "--jobs", 1, "--out", tmp_path, *SMALL]
    done = evaluate(*command)
    assert done.exit_code == 0, done.stderr
    (run,) = json.loads((tmp_path / "results.json").read_text())["runs"]
    name = "named" if route == "1" else route
    assert run["route"] == f"{name}: roads 1, lane -1, 70 m, ends at the road's end"
    assert (run["map"], run["scenario"], run["departures"], run["completed_ratio"]) == ("short.xodr", "short", 0, 1.0)
    assert run["distance_m"] == pytest.approx(70.0 - 10.0 - 5.0 - 5.0, abs=0.5)


def test_a_map_that_cannot_be_driven_is_a_usage_error_before_the_first_run(tmp_path):
    bad = tmp_path / "bad.xodr"
    bad.write_text("<OpenDRIVE/>")
    done = evaluate("--map", bad, "--out", tmp_path / "out")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"simulation eval: {bad}: OpenDRIVE: it contains no road")
    scenario = tmp_path / "lost.yaml"
    scenario.write_text("{map: loop, route: '1,77'}")
    done = evaluate("--scenario", scenario, "--out", tmp_path / "out")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"simulation eval: {scenario}: ")
    assert "77" in done.stderr
    done = evaluate("--map", built_in_map(), "--route", "99", "--out", tmp_path / "out")
    assert (done.exit_code, "there is no road 99" in done.stderr) == (2, True)
    assert not (tmp_path / "out").exists()


def test_of_several_maps_those_that_cannot_be_driven_are_named_and_the_others_driven(tmp_path):
    good, bad, tiny = (tmp_path / f"{name}.xodr" for name in ("good", "bad", "tiny"))
    good.write_text(road_xml("good", [straight(70.0)], lane_width_m=3.5, is_closed=False, note=""))
    tiny.write_text(road_xml("tiny", [straight(7.0)], lane_width_m=3.5, is_closed=False, note=""))
    bad.write_text("<OpenDRIVE/>")
    command = ["--map", bad, "--map", good, "--map", tiny, "--method", "truth", "--jobs", 1, "--out", tmp_path, *SMALL]
    done = evaluate(*command)
    assert done.exit_code == 1
    first, second = done.stderr.strip().splitlines()[-2:]
    assert first.startswith(f"simulation eval: bad, route default: not driven: {bad}: OpenDRIVE: it contains no road")
    assert second.startswith(f"simulation eval: tiny, route default: not driven: {tiny}: the longest stretch")
    (run,) = json.loads((tmp_path / "results.json").read_text())["runs"]
    assert run["map"] == "good.xodr"
    done = evaluate("--map", bad, "--map", tiny, "--out", tmp_path / "out")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "out").exists()


def test_a_failed_run_gives_exit_code_1_and_its_reason(short, tmp_path):
    command = ["--scenario", write_too_far(tmp_path), "--scenario", short, "--method", "truth", "--seeds", 2]
    done = evaluate(*command, "--jobs", 1, "--out", tmp_path, *SMALL)
    assert done.exit_code == 1
    assert done.stderr.count("too short to drive from 500 m on") == 1
    assert "too_far.clear.truth.lqr.50ms.seed1 and 1 more: WorldError: " in done.stderr
    assert len(json.loads((tmp_path / "results.json").read_text())["runs"]) == 2


@pytest.mark.parametrize(("number", "code", "jobs"), [(signal.SIGINT, 130, 2), (signal.SIGTERM, 143, 1)])
def test_an_interrupt_keeps_finished_runs(short, tmp_path, number, code, jobs):
    """The first drives are short, the last one takes ten hours of world time."""
    endless = tmp_path / "endless.yaml"
    endless.write_text("map: loop\nduration_s: 36000\nset_speed_mps: 10\n")
    command = [sys.executable, "-m", "simulation", "eval", "--scenario", short, "--scenario", endless]
    command += ["--method", "truth", "--jobs", str(jobs), "--out", tmp_path, *SMALL]
    process = subprocess.Popen(
        list(map(str, command)), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
    )
    try:
        deadline_s = time.monotonic() + DEADLINE_S
        while not list(tmp_path.glob("runs/short.*")):
            assert process.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.05)
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        _, errors = process.communicate(timeout=DEADLINE_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == code, errors
    assert "1 of 2 runs are missing" in errors
    assert "Traceback" not in errors
    (run,) = json.loads((tmp_path / "results.json").read_text())["runs"]
    assert run["scenario"] == "short"
