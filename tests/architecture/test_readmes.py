"""The READMEs are correct: their Python runs, their links exist, their flags exist, the first page is short."""

import os
import re
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from tests.support.commands import run_command
from tests.support.stack import ROOT, segments

READMES = [
    path
    for path in sorted([*ROOT.rglob("README.md"), *(ROOT / "docs").glob("*.md")])
    if not {".venv", "build", "vendor"} & set(path.relative_to(ROOT).parts)
]
PAGES = [*READMES, *sorted((ROOT / "docs").rglob("*.md"))]
MAX_WORDS = 900  # of the README at the top
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)[^):]*\)")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


def blocks(path: Path, language: str) -> list[str]:
    return [text for kind, text in BLOCK.findall(path.read_text(encoding="utf-8")) if kind == language]


def identify(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("readme", READMES, ids=identify)
def test_python_blocks_run(readme, tmp_path):
    code = "\n".join(blocks(readme, "python"))
    if not code:
        pytest.skip("no Python in this README")
    instance = f"readme-{uuid.uuid4().hex[:8]}"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=tmp_path,
        env={**os.environ, "LKAS_INSTANCE": instance},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert segments(instance) == []


@pytest.mark.parametrize("page", PAGES, ids=identify)
def test_links_lead_to_files_that_exist(page):
    missing = [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()]
    assert missing == []


def test_the_first_page_is_short():
    assert len((ROOT / "README.md").read_text().split()) < MAX_WORDS


@pytest.fixture(scope="module")
def help_texts() -> str:
    known = ""
    for command in (
        ["lkas"],
        ["lkas", "demo"],
        ["lkas", "detect"],
        ["lkas", "doctor"],
        ["lkas", "calibrate"],
        ["lkas", "status"],
        ["simulation"],
        ["simulation", "eval"],
        ["simulation", "maps"],
        ["viewer"],
    ):
        known += run_command(*command, "--help", environ={**os.environ, "COLUMNS": "200"}).stdout
    return known


@pytest.mark.parametrize("page", [ROOT / "README.md", ROOT / "docs" / "commands.md"], ids=identify)
def test_every_flag_exists(page, help_texts):
    mentioned = set(FLAG.findall(page.read_text())) - {"--help"}
    assert mentioned, "the page names no flag: is the pattern still right?"
    assert {flag for flag in mentioned if flag not in help_texts} == set()
