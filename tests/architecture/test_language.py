"""The words of the field: code, documentation and tests use no private vocabulary.

Each entry is a phrase that an engineer of the field would not write, with what to write instead. A word with a second,
ordinary meaning is matched only in the phrases of its private one.
"""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.stack import ROOT

SUFFIXES = {".py", ".pyi", ".c", ".h", ".js", ".css", ".html", ".md", ".yaml", ".yml", ".toml", ".sh", ".txt"}
SKIPPED = ("viewer/static/vendor/", "tests/architecture/test_language.py")

PHRASES = {
    r"\bcan not\b": "cannot",
    r"\banew\b": "again, rebuilt",
    r"\bthe begin\b|\bbegin of\b": "the start of",
    r"\bfilms?\b": "video",
    r"\bstills?\b(?= (?:image|picture|of|from)s?\b)|\ba still\b": "single image",
    r"\bfigures\b|\bFigures\b|Figures\b|_figures\b": "metrics, statistics, numbers",
    r"\bway driven\b|\bthe way through\b|\bways? (?:that|which) can\b": "route, distance travelled",
    r"\bown code\b|\bown_code\b|OwnCode": "plugin",
    r"\bown law\b|\bown_law\b|OwnLaw|\bsteering laws?\b": "custom controller, steering controller",
    r"\bof (?:one|the user|my|his|their)(?:'s)? own\b": "custom, plugin",
    r"\bof ours\b|\bof your own\b": "of this project; custom",
    r"\bis_own_name\b|\bown_sources\b": "is_plugin_name, plugin_sources",
    r"\blens(?:es)? (?:that|which) bends?\b|\bbends nothing\b": "distortion",
    r"\bstraighten(?:s|ed|ing)?\b|\bis_straight\b": "undistort, has_distortion",
    r"\b(?:[Nn]o|[Ss]ome|[Ee]very)body\b": "no process, another process, all subscribers",
    r"\b_?MOST_\w+|\b_?LEAST_\w+|\b_?LONGEST_\w+|\b_?SHORTEST_\w+": "MAX_, MIN_",
    r"\bWish(?:es)?\b|\bLimited\b(?! to)": "ControlRequest, ControlOutput",
    r"\bBreak\b|\bvoid the\b": "Discontinuity",
    r"\bSight\b|decision/sight|decision\.sight": "LaneVisibility",
    r"\bHappenings?\b|\bhappenings?\b": "ActiveEvents",
    r"\bInfluences?\b|\binfluence\.py\b": "Disturbance",
    r"\bcurvature_felt\b|\blean_felt\b|\bfelt\b|_felt\b": "curvature_from_yaw_rate, roll_from_lateral_acceleration",
    r"\btold\b|\btells?\b(?! the (?:user|reader)\b| (?:\w+ ){0,3}apart)": "given, reported",
    r"\bstood still\b|\bstands still\b|\btaken back\b": "paused, adjusted",
    r"\bpiles?\b": "histogram",
    r"\bstrangers?\b": "unknown client, another program",
    r"\bgoes? round\b|\bgoing round\b": "runs, cycle",
    r"\blook\(\)|\bsay\(\)|\b_nothing\b|\bdef _a\(": "a verb that names the action",
    r"\bMOST\b|\bLEAST\b": "MAX, MIN",
}

PATTERNS = [(re.compile(pattern), words) for pattern, words in PHRASES.items()]


def texts() -> list[Path]:
    """Every text file of the repository that people write."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    files = [ROOT / name for name in listed if not name.startswith(SKIPPED)]
    return [path for path in files if path.is_file() and (path.suffix in SUFFIXES or path.name == "Makefile")]


def offences(path: Path) -> list[str]:
    found = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for pattern, words in PATTERNS:
            match = pattern.search(line)
            if match:
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]!r} (write: {words}): {line.strip()[:100]}")
    return found


def test_the_language_is_plain_english():
    files = texts()
    if not files:
        pytest.skip("no git checkout: the files of the project are not known")
    assert [offence for path in files for offence in offences(path)] == []


@pytest.mark.parametrize("text", ["it can not be read", "a film of the road", "OwnCodeError", "LONGEST_M = 5"])
def test_a_private_word_is_found(text, tmp_path):
    assert any(pattern.search(text) for pattern, _ in PATTERNS)
