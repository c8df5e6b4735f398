"""The installed package is complete."""

import re
import subprocess
import sys
import tarfile
import tomllib
from importlib import resources

from lkas.config import config_folder
from scripts.oldest import oldest_versions
from tests.support.stack import PATIENCE_S, ROOT

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_is_listed():
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in ("lkas", "simulation", "viewer")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(SETTINGS["tool"]["setuptools"]["packages"]) == found


def test_the_configuration_the_map_the_scenarios_and_the_page_are_found():
    for name in ("default.yaml", "maps/loop.xodr", "scenarios/town_bends_30.yaml"):
        assert (config_folder() / name).is_file()
    assert resources.files("viewer").joinpath("static", "index.html").is_file()


def test_every_dependency_has_a_lower_bound_that_is_tried():
    bounds = oldest_versions()
    assert set(bounds) >= {"numpy", "opencv-python-headless", "pyzmq", "typer", "uvicorn"}
    assert len(bounds) == len(SETTINGS["project"]["dependencies"])


def test_the_source_distribution_has_the_pictures_of_the_readme_and_the_configuration(tmp_path):
    code = f"from setuptools import build_meta; build_meta.build_sdist({str(tmp_path)!r})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stderr
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()}
    pictures = re.findall(r"!\[[^]]*\]\(([^)]+)\)", (ROOT / "README.md").read_text())
    assert pictures
    assert names >= {*pictures, "configs/default.yaml", "configs/maps/loop.xodr", "scripts/build_with_configs.py"}
