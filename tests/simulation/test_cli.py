"""The command line in real processes: output, errors and exit codes."""

import os
import subprocess
import sys

import pytest

from tests.simulation.video.files import write_folder
from tests.support.commands import run_command

DEADLINE_S = 120


def simulation(*arguments, **environ):
    environ = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", **environ}
    return run_command("simulation", *arguments, environ=environ)


def test_help_has_examples_and_loads_no_heavy_library():
    probe = """
import sys
from simulation.cli import main
try:
    main()
except SystemExit as end:
    print("heavy:", sorted({"numpy", "cv2", "zmq"} & set(sys.modules)), "code:", end.code)
"""
    done = subprocess.run(
        [sys.executable, "-c", probe, "--help"], capture_output=True, text=True, timeout=DEADLINE_S, check=True
    )
    assert "heavy: [] code: 0" in done.stdout
    assert "simulation --source drive.mp4 --loop" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--backend", "embedded", "--host", "far"], "--host does not apply to the embedded world"),
        (["--backend", "carla", "--source", "a.mp4"], "--source does not apply to the carla world"),
        (["--source", "a.mp4", "--autopilot"], "--autopilot does not apply to the video world"),
        (["--set", "carla.port=0"], "carla.port = 0: expected a whole number from 1 to 65534"),
        (["--backend", "video"], "the video world needs --source"),
        (["--backend", "embedded", "--source", "a.mp4"], "--source does not apply to the embedded world"),
        (["--source", "a.mp4", "--map", "a.xodr"], "--map does not apply to the video world"),
        (["--source", "missing.mp4"], "missing.mp4: no such video file or folder of images"),
        (["--source", "97"], "camera 97: not found"),
        (["--instance", "a/b"], "instance 'a/b': expected 1 to 64 letters"),
        (["--seed", "-1"], "simulation.seed = -1: expected a whole number of at least 0"),
        (["--speed", "100"], "simulation.start_speed_mps = 100.0: expected a number from 0 to 60 (m/s)"),
        (["--set", "simulation.sed=1"], "simulation.sed: no such key; did you mean seed?"),
        (["--config", "missing.yaml"], "missing.yaml: cannot read this configuration file"),
        (["--json", "missing/drive.json"], "no such folder"),
        (["--broadcast", "--set", "zmq.port_base=0"], "zmq.port_base = 0"),
    ],
)
def test_usage_errors_are_one_sentence_and_exit_code_2(arguments, words):
    done = simulation(*arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.startswith("simulation: ")
    assert done.stderr.count("\n") == 1


def test_an_error_names_an_empty_folder(tmp_path):
    done = simulation("--source", write_folder(tmp_path / "images", []))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert f"{tmp_path / 'images'}: no images in this folder" in done.stderr


def test_an_unknown_option_and_an_unknown_world_are_usage_errors():
    for arguments in (["--bakend", "video"], ["--backend", "unreal"]):
        done = simulation(*arguments)
        assert done.returncode == 2
        assert arguments[-1 if "unreal" in arguments else 0] in done.stderr
        assert "Traceback" not in done.stderr


def test_a_flag_overrides_the_environment_which_overrides_the_file(tmp_path):
    (tmp_path / "my.yaml").write_text("simulation:\n  source: from_file.mp4\n  loop: true\n")
    done = simulation("--config", tmp_path / "my.yaml", LKAS_SIMULATION__SOURCE="from_environment.mp4")
    assert "from_environment.mp4: no such video file" in done.stderr
    done = simulation("--config", tmp_path / "my.yaml", "--source", "from_flag.mp4")
    assert "from_flag.mp4: no such video file" in done.stderr
