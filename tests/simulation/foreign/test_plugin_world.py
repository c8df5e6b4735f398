"""Worlds of others by their names: run, checked tick by tick, and named in errors."""

import textwrap
import time

import pytest

from lkas.integration.shared_memory import ControlChannel, VehicleChannel
from lkas.integration.shared_memory.messages import ControlMessage
from simulation.foreign.plugin_world import PluginWorld
from simulation.world import WorldEnded, WorldError
from tests.support.commands import run_command
from tests.support.stack import wait_until

WORLD = """
import numpy as np
from lkas.integration.shared_memory.messages import VehicleState
from simulation.world import Tick, WorldEnded

class Straight:
    width_px, height_px, tick_s, max_steer_rad = 64, 48, 0.02, 0.5

    def __init__(self, speed=5.0, end=None):
        self.time_s, self.speed_mps, self.end = 0.0, speed, end
        self.closed = 0

    def tick(self, control):
        self.time_s += self.tick_s
        if self.end and self.time_s > self.end:
            raise WorldEnded("the road is over")
        if control is not None:
            self.speed_mps += (control.throttle - control.brake) * self.tick_s
        image = np.zeros((48, 64, 3), np.uint8)
        return Tick(state=VehicleState(timestamp=self.time_s, speed_mps=self.speed_mps), frame=image)

    def close(self):
        self.closed += 1
"""


@pytest.fixture
def world(tmp_path):
    def make(text=WORLD, name="Straight", **options):
        file = tmp_path / "own.py"
        file.write_text(textwrap.dedent(text))
        return PluginWorld(f"{file}:{name}", options)

    return make


def test_a_custom_world_ticks(world):
    made = world(speed=3)
    tick = made.tick(ControlMessage(steering=0.0, throttle=1.0, brake=0.0))
    assert tick.state.speed_mps == pytest.approx(3.02)
    assert tick.state.max_steer_rad == 0.5
    assert tick.frame.frame_id == 1
    assert tick.frame.timestamp == tick.state.timestamp
    assert made.name == "own.py:Straight"
    with pytest.raises(WorldError, match="defines no respawn"):
        made.respawn()
    made.close()
    made.close()
    assert made._world.closed == 1


def test_its_end_is_an_end(world):
    made = world(end=0.03)
    made.tick(None)
    with pytest.raises(WorldEnded):
        made.tick(None)


@pytest.mark.parametrize(
    ("before", "after", "text"),
    [
        ("tick_s, max", "tick, max", "tick_s: expected a number from 0.001 to 1, found None"),
        ("= 64, 48,", "= 64, 'x',", "height_px: expected a number"),
        ("def tick", "def tock", r"has no tick\(control\)"),
        ("return Tick(", "return 3 or Tick(", r"tick\(\)\.state: expected a VehicleState, found None"),
        ("timestamp=self.time_s", "timestamp=float('nan')", r"timestamp: expected s, finite"),
        ("(48, 64, 3)", "(48, 60, 3)", r"uint8 array of shape \(48, 64, 3\), found 'uint8 \(48, 60, 3\)'"),
        (
            "self.time_s += self.tick_s",
            "1 / 0",
            r"tick: ZeroDivisionError: division by zero \(own\.py, line 14, in tick\)",
        ),
    ],
)
def test_what_it_does_wrong_is_named(world, before, after, text):
    assert before in WORLD
    with pytest.raises(WorldError, match=text):
        world(WORLD.replace(before, after)).tick(None)


def test_time_that_goes_back_is_named(world):
    made = world(WORLD.replace("self.time_s += self.tick_s", "self.time_s = 1.0 - self.time_s"))
    made.tick(None)
    with pytest.raises(WorldError, match="from 1 on, found 0"):
        made.tick(None)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--backend", "nowhere.py:World"], "there is no file"),
        (["--backend", "own.py:World"], "defines no World; did you mean"),
        (["--backend", "own.py:Straight", "--world-option", "length=3"], "TypeError"),
        (["--backend", "own.py:Straight", "--world-option", "speed"], "expected KEY=VALUE"),
        (["--backend", "own.py:Straight", "--map", "a.xodr"], "--map does not apply to the own.py:Straight world"),
        (["--backend", "embedded", "--world-option", "a=1"], "only a world FILE.py:NAME takes options"),
        (["--backend", "embeded"], "expected one of auto, embedded, carla, video, or FILE.py:NAME"),
    ],
)
def test_a_wrong_name_or_option_is_a_usage_error(tmp_path, options, text):
    (tmp_path / "own.py").write_text(WORLD.replace("class Straight", "class Worlds: pass\nclass Straight"))
    done = run_command("simulation", *options, "--duration", "1", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert text in " ".join(done.stderr.split())


def test_it_runs_in_the_program_and_obeys_commands_without_stamps(stack, tmp_path):
    file = tmp_path / "own.py"
    file.write_text(WORLD)
    stack.start("simulation", "--backend", f"{file}:Straight", "--world-option", "speed=1.0", settings=False)
    states = VehicleChannel(instance=stack.instance)
    controls = ControlChannel(create=True, instance=stack.instance)
    try:

        def speed_mps() -> float:
            controls.write(steering=0.0, throttle=1.0, brake=0.0)
            time.sleep(0.02)
            state = states.latest()
            return 0.0 if state is None else state.speed_mps

        wait_until(lambda: speed_mps() > 1.5, "the world of its own obeys")
    finally:
        states.close()
        controls.close()
        controls.unlink()


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("camera", "3", "camera: expected a CameraGeometry, found 3"),
        ("vehicle", "{}", "vehicle: expected a VehicleFacts, found {}"),
        ("max_steer_rad", "'much'", "max_steer_rad: expected a float, found 'much'"),
    ],
)
def test_a_fact_of_another_type_is_named(world, name, value, text):
    with pytest.raises(WorldError, match=text):
        world(WORLD.replace("    def __init__", f"    {name} = {value}\n\n    def __init__"))


def test_its_facts_reach_every_state(world):
    facts = (
        "    from lkas.integration.shared_memory.messages import VehicleFacts\n"
        "    vehicle = VehicleFacts(wheelbase_m=4)"
    )
    made = world(WORLD.replace("    def __init__", f"{facts}\n\n    def __init__"))
    assert made.tick(None).state.vehicle.wheelbase_m == 4
    assert made.tick(None).state.tick_s == 0.02
