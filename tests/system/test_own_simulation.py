"""The example of a custom simulator, as its user runs it: lkas keeps its car in the lane."""

import re
import subprocess
import sys

from tests.support.stack import PATIENCE_S, ROOT


def test_lkas_keeps_the_car_of_a_custom_simulator_in_its_lane(stack, tmp_path):
    lkas = stack.start("lkas", "--method", "cv", settings=False)
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "own_simulation.py", "--seconds", "20", "--instance", stack.instance],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 0, done.stderr + stack.output()
    found = re.search(r"offset RMS ([\d.]+) m, max ([\d.]+) m, distance (\d+) m", done.stdout)
    assert found, done.stdout
    rms_m, max_m, distance_m = map(float, found.groups())
    assert rms_m < 0.15
    assert max_m < 0.4
    assert distance_m > 200
    assert "lane_keeping" in done.stdout
    assert lkas.poll() is None
