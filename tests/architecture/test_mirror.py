"""The tests mirror the packages: the tests of lkas/decision lie in tests/lkas/decision."""

from pathlib import Path

import pytest

from tests.support.stack import ROOT

PACKAGES = ("lkas", "simulation", "viewer", "training", "benchmarks")
# Folders of tests that no package corresponds to.
OTHER = {"architecture", "browser", "support", "system", "usage"}
# Packages whose tests lie one folder up, because their behaviour is only visible there.
COVERED_ABOVE = {"lkas/bench/ipc", "lkas/decision/controllers", "lkas/detection/net", "simulation/embedded/renderer"}


def folders(root: Path) -> set[str]:
    """Folders with an __init__.py below a root, as paths relative to it."""
    return {str(path.parent.relative_to(root)) for path in root.rglob("__init__.py")}


def test_every_folder_of_tests_belongs_to_a_package():
    code = {f"{top}/{folder}" if folder != "." else top for top in PACKAGES for folder in folders(ROOT / top)}
    tests = {folder for folder in folders(ROOT / "tests") if folder != "." and folder.partition("/")[0] not in OTHER}
    assert tests - code == set()


@pytest.mark.parametrize("top", ["lkas", "simulation", "viewer"])
def test_every_package_has_a_folder_of_tests(top):
    missing = [
        f"{top}/{folder}"
        for folder in sorted(folders(ROOT / top) - {"."})
        if not list((ROOT / "tests" / top / folder).glob("test_*.py")) and f"{top}/{folder}" not in COVERED_ABOVE
    ]
    assert [name for name in missing if _has_code(ROOT / name)] == []


def _has_code(folder: Path) -> bool:
    return any(path.name != "__init__.py" for path in folder.glob("*.py"))
