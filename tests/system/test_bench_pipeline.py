"""`lkas bench pipeline` on a stack that drives, and where nothing runs."""

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
    """None when one is missing: where the bench was held up, it can not tell which command answered a frame first."""
    done = bench(instance, "--duration", "2", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    return report if list(report["latency_ms"]) == STAGES else None


def is_keeping(control) -> bool:
    return control is not None and control.mode is ControlMode.LANE_KEEPING


def test_it_finds_every_stage_of_a_running_stack(stack):
    stack.start("lkas", "--method", "hough")
    stack.start("simulation")
    with ControlChannel(instance=stack.instance) as controls:
        wait_until(lambda: is_keeping(controls.latest()), f"a drive\n{stack.output()}")
    report = wait_until(lambda: report_of_every_stage(stack.instance), "a report with every stage")
    assert report["frames"] > 0
    assert all(0 < stage["p50"] <= stage["p99"] for stage in report["latency_ms"].values())
    table = bench(stack.instance, "--duration", "1")
    assert "frames passed over" in " ".join(table.stdout.split())


def test_where_nothing_runs_it_says_so(monkeypatch):
    monkeypatch.setenv("LKAS_INSTANCE", "")  # which the command sets
    monkeypatch.setattr("lkas.cli.bench_pipeline.ATTACH_LIMIT_S", 0.1)
    done = CliRunner().invoke(app, ["bench", "pipeline", "--instance", "nobody-here"])
    assert done.exit_code == 3
    assert "no frame within 0.1 s on instance 'nobody-here'" in done.stderr
