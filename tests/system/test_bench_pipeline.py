"""`lkas bench pipeline` on a stack that drives, and where nothing runs."""

import json
import subprocess
import sys

import pytest

from tests.support.stack import ROOT, wait_until

pytestmark = pytest.mark.timeout(120)


def bench(instance, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "lkas", "bench", "pipeline", "--instance", instance, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_it_finds_every_stage_of_a_running_stack(stack):
    stack.start("lkas", "--method", "hough")
    stack.start("simulation")
    wait_until(lambda: "lane_keeping" in stack.output(), f"a drive\n{stack.output()}", limit_s=40)
    done = bench(stack.instance, "--duration", "2", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["frames"] > 10
    stages = report["latency_ms"]
    assert list(stages) == [
        "exposure to frame",
        "frame to detection",
        "detect()",
        "detection to control",
        "frame to control",
        "exposure to control",
    ]
    assert all(0 < stage["p50"] <= stage["p99"] for stage in stages.values())
    parts_ms = stages["exposure to frame"]["p50"] + stages["frame to control"]["p50"]
    assert parts_ms == pytest.approx(stages["exposure to control"]["p50"], rel=0.5)
    table = bench(stack.instance, "--duration", "1")
    assert "frames passed over" in " ".join(table.stdout.split())


def test_where_nothing_runs_it_says_so():
    done = bench("nobody-here")
    assert done.returncode == 3
    assert "no frame within 3 s on instance 'nobody-here'" in done.stderr
