"""The code of the documents on channels runs."""

import os
import re
from pathlib import Path

import pytest

import lkas
from lkas.integration.shared_memory import list_segments, remove_stale

PACKAGE = Path(lkas.__file__).parent
DOCUMENTS = [PACKAGE / "integration" / "shared_memory" / "README.md", PACKAGE.parent / "docs" / "channels.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_block_runs(monkeypatch, document):
    instance = f"readme-{os.getpid()}"
    monkeypatch.setenv("LKAS_INSTANCE", instance)
    blocks = re.findall(r"^```python\n(.*?)^```", document.read_text(), re.M | re.S)
    assert blocks
    for block in blocks:
        exec(compile(block, document.name, "exec"), {})
    left = list_segments(instance=instance)
    remove_stale(instance=instance)
    assert left == []
