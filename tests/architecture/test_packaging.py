"""What is installed is what is there."""

import subprocess
import sys
import tomllib
from importlib import resources
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_package_is_listed():
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in ("lkas", "simulation", "viewer")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert listed == found | {"lkas.configs"}


def test_the_installed_configuration_is_found_from_anywhere(tmp_path):
    code = "from importlib import resources; print(sorted(p.name for p in resources.files('lkas.configs').iterdir()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "default.yaml" in done.stdout


def test_the_map_the_scenarios_and_the_page_are_installed():
    assert resources.files("lkas.configs").joinpath("maps", "loop.xodr").is_file()
    assert resources.files("lkas.configs").joinpath("scenarios", "town_bends_30.yaml").is_file()
    assert resources.files("viewer").joinpath("static", "index.html").is_file()
