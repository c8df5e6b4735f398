"""Presets of running parameters, and the list of stacks, against real processes."""

import json
import subprocess
import sys

import pytest
import yaml

import lkas
from lkas.cli.presets import PresetError, differences, read_preset
from tests.support.stack import wait_until


@pytest.fixture
def running(stack):
    stack.start("lkas", "--broadcast")
    wait_until(lambda: stack.lkas("param", "get", "decision.set_speed_mps").returncode == 0, "parameters are known")
    return stack


def test_values_are_saved_reset_and_loaded(running, tmp_path):
    preset = tmp_path / "preset.yaml"
    assert running.lkas("param", "set", "decision.set_speed_mps", "9").returncode == 0
    done = running.lkas("param", "save", str(preset))
    assert (done.returncode, done.stdout) == (0, f"wrote 1 parameters to {preset}\n")
    assert yaml.safe_load(preset.read_text()) == {"decision": {"set_speed_mps": 9.0}}
    assert running.lkas("param", "diff", str(preset)).returncode == 0
    assert "decision.set_speed_mps = " in running.lkas("param", "reset").stdout
    done = running.lkas("param", "diff", str(preset), "--json")
    assert done.returncode == 1
    (row,) = json.loads(done.stdout)
    assert (row["parameter"], row["file"]) == ("decision.set_speed_mps", 9.0)
    assert running.lkas("param", "load", str(preset)).stdout == "decision.set_speed_mps = 9.0\n"
    done = subprocess.run([sys.executable, "-m", "lkas", "ls", "--json"], capture_output=True, text=True, timeout=120)
    listed = json.loads(done.stdout)
    assert "vehicle_control" in {row["channel"] for row in listed if row["instance"] == running.instance}


def test_what_is_refused_is_said_and_the_rest_is_set(running, tmp_path):
    preset = tmp_path / "preset.yaml"
    preset.write_text("decision: {set_speed_mps: 8, no_such: 1}\ndetection: {canny_low: 1.0e+9}\n")
    done = running.lkas("param", "load", str(preset))
    assert done.returncode == 1
    assert done.stdout == "decision.set_speed_mps = 8.0\n"
    assert "decision.no_such: no such parameter" in done.stderr
    assert "canny_low = 1000000000.0: expected a number from 1 to 150" in done.stderr


@pytest.mark.parametrize("text", ["- 1", "decision: 5", "a: {b: 1, b: 2}", "{"])
def test_a_file_that_is_no_preset_is_named(tmp_path, text):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(PresetError, match=r"bad\.yaml: "):
        read_preset(path)


def test_differences_name_both_values():
    assert differences({("a", "x"): 1, ("a", "y"): 2}, {("a", "x"): 1, ("a", "y"): 3, ("b", "z"): 4}) == [
        ("a.y", 2, 3),
        ("b.z", None, 4),
    ]


@pytest.mark.parametrize("program", ["lkas", "simulation", "viewer"])
def test_every_program_states_its_version(program):
    done = subprocess.run([sys.executable, "-m", program, "--version"], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, f"{program} {lkas.__version__}\n")
