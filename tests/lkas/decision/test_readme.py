"""README and docs/decision.md: their code runs, and the files, links and parameters they name exist."""

import re

import pytest

from lkas.decision.parameters import DecisionParameters
from lkas.parameters import declared
from tests.support.stack import ROOT

PACKAGE = ROOT / "lkas" / "decision"
PAGES = {"README": PACKAGE / "README.md", "docs": ROOT / "docs" / "decision.md"}
TEXTS = {name: path.read_text(encoding="utf-8") for name, path in PAGES.items()}
every_page = pytest.mark.parametrize("page", PAGES)


@every_page
def test_code_blocks_run(page):
    blocks = re.findall(r"```python\n(.*?)```", TEXTS[page], re.DOTALL)
    assert blocks
    for block in blocks:
        exec(compile(block, page, "exec"), {})


@every_page
def test_files_and_links_exist(page):
    for name in re.findall(r"`([\w/]+\.py)`", TEXTS[page]):
        assert (PACKAGE / name).exists(), name
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", TEXTS[page]):
        assert (PAGES[page].parent / link).exists(), link


@every_page
def test_parameters_exist_with_these_defaults(page):
    table = declared("decision", DecisionParameters)
    rows = re.findall(r"^\| (`[\w`, ]+`) \| ([\d., ]+) \| [a-z]", TEXTS[page], re.MULTILINE)
    assert rows
    for names, defaults in rows:
        for name, default in zip(re.findall(r"\w+", names), defaults.split(","), strict=True):
            assert table[name].default == float(default)
