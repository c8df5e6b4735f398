"""The programs under examples/sockets and the code of the README work as described."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from lkas.integration.shared_memory import sockets

ROOT = Path(__file__).parents[5]
EXPECTED = {
    "publish_subscribe.py": r"robot \d does \{'cmd': 'move', 'pos': \[1\.0, 2\.0, 3\.0\]\}",
    "push_pull.py": re.escape(str({number: number**2 for number in range(10)})),
    "request_reply.py": r"\{'status': 'ok', 'to': 'status'\}",
    "share_arrays.py": r"\(600, 800, 3\) uint8 mean 128\.0",
}


def test_every_example_is_run():
    assert sorted(path.name for path in (ROOT / "examples" / "sockets").glob("*.py")) == sorted(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_example(instance, name):
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "sockets" / name],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert re.search(EXPECTED[name], done.stdout)


def test_readme(instance):
    blocks = re.findall(r"^```python\n(.*?)^```", (Path(sockets.__path__[0]) / "README.md").read_text(), re.M | re.S)
    assert len(blocks) == 1
    names: dict = {}
    exec(compile(blocks[0], "README.md", "exec"), names)
    assert names["msg"] == {"cmd": "move", "pos": [1.0, 2.0, 3.0]}
    assert (names["request"], names["response"]) == ({"query": "status"}, {"status": "ok"})
    for name in ("pub", "sub", "server", "client"):
        names[name].close()
