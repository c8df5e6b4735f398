"""What the README of the simulation shows is true."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lkas.parameters import declared
from simulation.config import SimulationConfig
from simulation.status import statistics
from tests.simulation.fakes import Bench
from tests.support.commands import run_command

README = Path(__file__).parents[2] / "simulation" / "README.md"
DEADLINE_S = 180


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


def test_the_python_blocks_run():
    for block, printed in zip(
        blocks("python"), (r"s 250.00  t -1.75  h 0.00\n2879 m", r"1 departure after \d+"), strict=True
    ):
        done = subprocess.run(
            [sys.executable, "-c", block], capture_output=True, text=True, timeout=DEADLINE_S, check=False
        )
        assert done.returncode == 0, done.stderr
        assert re.match(printed, done.stdout)


@pytest.mark.parametrize("command", [[], ["eval"], ["maps"]], ids=["simulation", "eval", "maps"])
def test_every_option_shown_is_one_of_the_command(command):
    words = [shlex.split(line, comments=True) for block in blocks("bash") for line in block.splitlines()]
    shown = [line for line in words if [word for word in line[1:2] if word in ("eval", "maps")] == command]
    options = {word for line in shown for word in line if word[:2] == "--"}
    assert len(options) >= 4
    done = run_command("simulation", *command, "--help", environ={**os.environ, "COLUMNS": "200"})
    assert [option for option in options if option not in done.stdout] == []


@pytest.mark.parametrize("name", [*declared("simulation", SimulationConfig), *statistics(Bench().runner, 0.0)])
def test_every_key_of_the_configuration_and_of_the_json_is_explained(name):
    assert f"`{name}`" in README.read_text(encoding="utf-8")
