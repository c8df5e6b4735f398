"""Detector and controller plugins in closed-loop evaluations: the examples, names, reuse of results, and failures."""

import json
import shutil
import sys

import pytest
from typer.testing import CliRunner

from lkas.plugins.guard import PluginError
from lkas.plugins.names import absolute_name
from simulation.cli import app
from simulation.evaluation.executors import Processes
from simulation.evaluation.run import run_job
from simulation.evaluation.sweep import Sweep
from tests.simulation.evaluation.drives import write_short
from tests.simulation.evaluation.test_sweep import plan, run
from tests.support.stack import ROOT

DETECTOR = """
from lkas.detection import DetectionResult
class Detector:
    def __init__(self, parameters, camera): pass
    def detect(self, image, timestamp=None, vehicle=None):
        {body}
        return DetectionResult()
    def update_parameter(self, name, value): pass
    def reset(self): pass
"""
CONTROLLER = """
from examples.own_controller import PreviewPursuit
class Controller(PreviewPursuit):
    def __init__(self, parameters, bicycle): self.steps = 0
    def update(self, lane, speed_mps, dt_s, *, is_limited=False):
        self.steps += 1
        assert self.steps < {limit}, "enough"
        return super().update(lane, speed_mps, dt_s)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(ROOT)])
    (tmp_path / "my.py").write_text(DETECTOR.format(body="pass"))
    (tmp_path / "controller.py").write_text(CONTROLLER.format(limit=10_000))
    return tmp_path


def evaluate(*arguments):
    small = ["--set", "camera.width_px=160", "--set", "camera.height_px=120"]
    return CliRunner().invoke(app, ["eval", *map(str, arguments), *small], env={"COLUMNS": "200", "NO_COLOR": "1"})


def test_the_example_plugins_are_scored_like_built_in_methods(folder):
    shutil.copy(ROOT / "examples" / "own_detector.py", folder / "own_detector.py")
    scenario = write_short(folder, distance_m=30)
    command = ["--scenario", scenario, "--method", "cv,own_detector.py:Detector", "--jobs", 1, "--out", "out"]
    command += ["--controller", f"{ROOT}/examples/own_controller.py:create", "--set", "camera.width_px=400"]
    done = CliRunner().invoke(app, ["eval", *map(str, command), "--set", "camera.height_px=300"])
    assert done.exit_code == 0, done.output
    runs = json.loads((folder / "out" / "results.json").read_text())["runs"]
    assert [(one["method"], one["controller"]) for one in runs] == [
        (method, "own_controller.py:create") for method in ("cv", "own_detector.py:Detector")
    ]
    assert all(one["departures"] == 0 and one["completed_ratio"] == 1.0 for one in runs)
    assert max(one["offset_rms_m"] for one in runs) < 0.3
    report = (folder / "out" / "report.html").read_text()
    assert "own_detector.py:Detector, own_controller.py:create" in report
    assert str(ROOT) not in report + done.stdout


def test_only_a_changed_plugin_is_driven_again(folder):
    def sweep():
        methods = (absolute_name("my.py:Detector"),)
        return Sweep(plan(write_short(folder, distance_m=10), methods=methods), folder / "out")

    first = sweep()
    run(first)
    assert sweep().open == []
    (folder / "unrelated.py").write_text("")
    assert sweep().open == []
    (folder / "my.py").write_text(DETECTOR.format(body="x = 1"))
    (again,) = sweep().open
    assert again.method == f"{folder}/my.py:Detector"
    assert again.name.startswith("short.clear.my.py:Detector.pure_pursuit.")
    (folder / "elsewhere").mkdir()
    shutil.copy(folder / "my.py", folder / "elsewhere" / "my.py")
    moved = Sweep(
        plan(write_short(folder, distance_m=10), methods=(f"{folder}/elsewhere/my.py:Detector",)), folder / "out"
    )
    assert [job.inputs for job in moved.open] == [again.inputs], "a plugin is identified by its content"
    (folder / "my.py").write_text(DETECTOR.format(body="x = 2"))
    with pytest.raises(PluginError, match=r"my.py:Detector has changed since the evaluation was started"):
        run_job(again)


def test_plugin_files_of_the_same_name_get_distinct_labels(folder):
    for name in ("old", "new"):
        (folder / name).mkdir()
        (folder / name / "my.py").write_text(DETECTOR.format(body=f"x = '{name}'"))
    methods = tuple(f"{folder}/{name}/my.py:Detector" for name in ("old", "new"))
    sweep = Sweep(plan(write_short(folder, distance_m=10), methods=methods), folder / "out")
    run(sweep)
    assert [record.metrics.method for record in sweep.records()] == ["old/my.py:Detector", "new/my.py:Detector"]


def test_worker_processes_load_the_plugin_and_return_its_failure(folder):
    (folder / "controller.py").write_text(CONTROLLER.format(limit=20))
    controllers = (absolute_name("controller.py:Controller"),)
    sweep = Sweep(plan(write_short(folder, distance_m=10), controllers=controllers), folder / "out")
    sweep.run(Processes(1), lambda job: None)
    ((_, error),) = sweep.failed.values()
    assert str(error).endswith("AssertionError: enough (controller.py, line 7, in update)")
    assert "controller.py:Controller failed, its fallback steers: update: " in str(error)


def test_a_failing_detector_is_scored_without_its_lanes_and_gives_exit_code_1(folder):
    (folder / "my.py").write_text(DETECTOR.format(body="assert not 0.2 < timestamp < 0.3, 'not now'"))
    command = ["--scenario", write_short(folder, distance_m=10), "--jobs", 1, "--out", "out"]
    for _ in range(2):  # the second time from the stored runs
        done = evaluate(*command, "--method", "my.py:Detector")
        assert done.exit_code == 1
        assert (
            "simulation eval: my.py:Detector: detect: AssertionError: not now (my.py, line 6, in detect); "
            "2 frames without lanes because of it, in 1 run"
        ) in done.stderr
        assert (folder / "out" / "results.json").is_file()


def test_a_failing_controller_has_no_score(folder):
    (folder / "controller.py").write_text(CONTROLLER.format(limit=20))
    command = ["--scenario", write_short(folder, distance_m=10), "--method", "truth", "--jobs", 1, "--out", "out"]
    done = evaluate(*command, "--controller", "controller.py:Controller")
    assert done.exit_code == 1
    assert "update: AssertionError: enough (controller.py, line 7, in update)" in done.stderr
    assert not (folder / "out" / "results.json").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--method", "cv,nowhere.py:A"], "eval: {folder}/nowhere.py:A: there is no file {folder}/nowhere.py"),
        (["--method", "my.py:Other"], "defines no Other; it defines Detector"),
        (["--controller", "my.py:Detector"], "an object of type Detector without update(), models_lag; expected an"),
        (["--set", "decision.controller=my.py:nothing"], "defines no nothing"),
        (["--method", "cvv"], "--method cvv: expected one of cv, hybrid, hough, onnx, truth, or FILE.py:NAME"),
    ],
)  # fmt: skip
def test_an_unusable_plugin_is_reported_before_the_first_run(folder, arguments, words):
    done = evaluate(*arguments, "--scenario", write_short(folder, distance_m=10), "--out", "out")
    assert done.exit_code == 2
    assert words.format(folder=folder) in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (folder / "out").exists()
