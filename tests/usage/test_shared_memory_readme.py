"""The code of the package's README runs."""

import os
import re
from pathlib import Path

import lkas
from lkas.integration.shared_memory import list_segments, remove_stale

README = Path(lkas.__file__).parent / "integration" / "shared_memory" / "README.md"


def test_every_block_of_the_readme_runs(monkeypatch):
    instance = f"readme-{os.getpid()}"
    monkeypatch.setenv("LKAS_INSTANCE", instance)
    blocks = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.M | re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, README.name, "exec"), {})
    left = list_segments(instance=instance)
    remove_stale(instance=instance)
    assert left == []
