"""The process table: which processes each command starts, and with what."""

import json
import sys

import pytest

from lkas.runtime.processes import PROCESS_TABLE, Restart, RunsWith, processes_of


def start(*commands: RunsWith, **arguments):
    return processes_of(commands, instance="a", configuration="{}", **arguments)


@pytest.mark.parametrize(
    ("commands", "names"),
    [
        ([RunsWith.LKAS], ["decision", "detection"]),
        ([RunsWith.LKAS, RunsWith.BROADCAST], ["broker", "decision", "detection"]),
        (list(RunsWith), ["broker", "decision", "detection", "simulation", "viewer"]),
    ],
)
def test_each_command_starts_its_processes_in_the_order_of_the_table(commands, names):
    assert [process.name for process in start(*commands)] == names


def test_a_child_gets_its_settings_and_sends_heartbeats():
    broker = start(*RunsWith)[0]
    assert broker.heartbeat_limit_s == 3.0
    assert broker.child_environment(7)["LKAS_HEARTBEAT"] == "7"
    settings = json.loads(broker.child_environment(7)["LKAS_CHILD"])
    assert settings == {
        "name": "broker", "instance": "a", "configuration": "{}", "broadcast": True,
        "verbose": False, "log_format": "text"
    }  # fmt: skip


def test_a_program_gets_command_line_options_and_only_its_supervisors_pid():
    simulation = start(*RunsWith, options={"simulation": ["--seed", "3"]})[3]
    assert simulation.command[0] == sys.executable
    assert simulation.command[-2:] == ("--seed", "3")
    assert list(simulation.child_environment(None)) == ["LKAS_PARENT"]


def test_only_the_end_of_the_simulation_ends_a_run():
    assert [row.name for row in PROCESS_TABLE if row.restart is Restart.ON_FAILURE] == ["simulation"]
