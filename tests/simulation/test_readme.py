"""The README of the simulation and its pages in docs/ are correct."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lkas.parameters import declared
from simulation.carla.config import CarlaConfig
from simulation.config import SimulationConfig
from simulation.status import statistics
from tests.simulation.fakes import Bench
from tests.support.commands import run_command

ROOT = Path(__file__).parents[2]
README = ROOT / "simulation" / "README.md"
SIMULATION, EVALUATION, CARLA = (ROOT / "docs" / f"{name}.md" for name in ("simulation", "evaluation", "carla"))
PAGES = (README, SIMULATION, EVALUATION, CARLA)
DEADLINE_S = 180


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize(
    ("page", "printed"),
    [(README, r"1 departure after \d+"), (SIMULATION, r"s 250.00  t -1.75  h 0.00\n2879 m")],
    ids=["README", "docs"],
)
def test_the_python_blocks_run(page, printed):
    (block,) = blocks(page, "python")
    done = subprocess.run(
        [sys.executable, "-c", block], capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, done.stderr
    assert re.match(printed, done.stdout)


@pytest.mark.parametrize("command", [[], ["eval"], ["maps"]], ids=["simulation", "eval", "maps"])
def test_every_documented_option_exists(command):
    lines = [line for page in PAGES for block in blocks(page, "bash") for line in block.splitlines()]
    words = [shlex.split(line, comments=True) for line in lines if line.startswith("simulation")]
    shown = [line for line in words if [word for word in line[1:2] if word in ("eval", "maps", "bench")] == command]
    options = {word for line in shown for word in line if word[:2] == "--"}
    assert len(options) >= 4
    done = run_command("simulation", *command, "--help", environ={**os.environ, "COLUMNS": "200"})
    assert [option for option in options if option not in done.stdout] == []


@pytest.mark.parametrize("name", [*declared("simulation", SimulationConfig), *statistics(Bench().runner, 0.0)])
def test_every_key_of_the_configuration_and_of_the_json_file_is_documented(name):
    assert f"`{name}`" in SIMULATION.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", declared("carla", CarlaConfig))
def test_every_key_of_section_carla_is_documented(name):
    assert f"`{name}`" in CARLA.read_text(encoding="utf-8")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_of_the_pages_exist(page):
    links = re.findall(r"\]\(([^)#:]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
