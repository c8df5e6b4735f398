"""The README's code runs, and names only what exists."""

import re
from pathlib import Path

from lkas.decision.parameters import DecisionParameters
from lkas.parameters import declared

PACKAGE = Path(__file__).parents[3] / "lkas" / "decision"
TEXT = (PACKAGE / "README.md").read_text()


def test_code_blocks_run():
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})


def test_files_and_parameters_exist():
    for name in re.findall(r"`([\w/]+\.py)`", TEXT):
        assert (PACKAGE / name).exists(), name
    table = declared("decision", DecisionParameters)
    rows = re.findall(r"^\| (`[\w`, ]+`) \| ([\d., ]+) \| [a-z]", TEXT, re.MULTILINE)
    assert rows
    for names, defaults in rows:
        for name, default in zip(re.findall(r"\w+", names), defaults.split(","), strict=True):
            assert table[name].default == float(default)
