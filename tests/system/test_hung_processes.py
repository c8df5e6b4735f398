"""A process that hangs without ending: it is named with the time, killed, replaced, and each step is an event."""

import os
import signal
import subprocess
import sys

import pytest

from lkas.integration.zmq import BrokerClient, Ports
from tests.support.stack import PATIENCE_S, wait_until
from tests.system.test_drive import start_demo, wait_for_lane_keeping


@pytest.mark.parametrize("name", ["detection", "decision", "viewer"])
def test_a_hung_process_is_named_and_replaced(stack, name):
    start_demo(stack)
    viewer = BrokerClient(Ports(stack.port_base), topics=("event",))
    try:
        wait_for_lane_keeping(stack)
        pid = wait_until(lambda: stack.pid_of(name), f"{name} runs")
        os.kill(pid, signal.SIGSTOP)

        def state() -> str:
            return next(row["state"] for row in stack.health()["processes"] if row["name"] == name)

        wait_until(lambda: state().startswith("not responding for"), "the status names it")

        def texts() -> list[str]:
            viewer.poll()
            return [event["text"] for event in viewer.events if event["name"] == "process"]

        wait_until(lambda: any(text.startswith(f"{name} is back after") for text in texts()), "it is replaced")
        assert [text.split("(")[0].split(" for ")[0].split(" after ")[0].strip() for text in texts()][-3:] == [
            f"{name} does not respond",
            f"{name} did not respond",
            f"{name} is back",
        ]
        wait_until(lambda: stack.pid_of(name) not in (None, pid), "another process runs")
    finally:
        viewer.close()


def test_a_drive_that_does_not_start_ends_all_the_same(stack, tmp_path):
    plugin = tmp_path / "stuck.py"
    plugin.write_text(
        "import time\n"
        "class Stuck:\n"
        "    width_px, height_px, tick_s = 64, 64, 0.02\n"
        "    def tick(self, control):\n"
        "        from simulation.world import WorldUnavailable\n"
        "        raise WorldUnavailable('it never starts')\n"
    )
    program = "import lkas.runtime.run_limit as limit\nlimit.START_S = 1.0\nfrom simulation.cli import main\nmain()\n"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            program,
            "--backend",
            f"{plugin}:Stuck",
            "--duration",
            "1",
            "--instance",
            stack.instance,
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 1
    assert "--duration 1: the world did not reach this time within 3 s of real time" in done.stderr
