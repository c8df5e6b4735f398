"""`lkas bench pipeline` on a running stack, and without one."""

import json
import subprocess
import sys

from typer.testing import CliRunner

from lkas.cli.app import app
from lkas.integration.shared_memory import ControlChannel
from lkas.integration.shared_memory.messages import ControlMode
from tests.support.stack import PATIENCE_S, ROOT, wait_until

STAGES = [
    "exposure to frame",
    "frame to detection",
    "detect()",
    "detection to control",
    "frame to control",
    "exposure to control",
]


def bench(instance, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "lkas", "bench", "pipeline", "--instance", instance, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


def report_of_every_stage(instance):
    """The report, or None without some stage: a delayed bench cannot know which command was the first on a frame."""
    done = bench(instance, "--duration", "2", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return report if list(report["latency_ms"]) == STAGES else None


def is_keeping(control) -> bool:
    return control is not None and control.mode is ControlMode.LANE_KEEPING


def test_every_stage_of_a_running_stack_is_measured(stack):
    stack.start("lkas", "--method", "hough")
    stack.start("simulation")
    with ControlChannel(instance=stack.instance) as controls:
        wait_until(lambda: is_keeping(controls.latest()), f"a drive\n{stack.output()}")
    report = wait_until(lambda: report_of_every_stage(stack.instance), "a report with every stage")
    assert report["frames"] > 0
    assert all(0 < stage["p50"] <= stage["p99"] for stage in report["latency_ms"].values())
    table = bench(stack.instance, "--duration", "1")
    assert "frames skipped" in " ".join(table.stdout.split())


def test_without_a_running_stack_it_fails_with_the_reason(monkeypatch):
    monkeypatch.setenv("LKAS_INSTANCE", "")  # the command sets it
    monkeypatch.setattr("lkas.cli.bench_pipeline.ATTACH_LIMIT_S", 0.1)
    done = CliRunner().invoke(app, ["bench", "pipeline", "--instance", "not-running"])
    assert done.exit_code == 3
    assert "no frame within 0.1 s on instance 'not-running'" in done.stderr
