"""The commands of the README and the file table of docs/viewer.md."""

import re
from pathlib import Path

import httpx

import viewer as package
from lkas.page import ViewerConfig
from tests.support.stack import wait_until
from tests.support.viewer_process import TIMEOUT_S

FOLDER = Path(package.__file__).parent
README = (FOLDER / "README.md").read_text(encoding="utf-8")
DETAILS = (FOLDER.parent / "docs" / "viewer.md").read_text(encoding="utf-8")


def responds(url: str) -> bool:
    """Whether this URL answers with 200; not before the viewer has heard the broker."""
    with httpx.stream("GET", url, timeout=TIMEOUT_S) as response:
        return response.status_code == 200


def test_the_urls_of_the_readme_answer(viewer):
    addresses = re.findall(rf"curl -s[^\n]*? '?http://localhost:{ViewerConfig().port}/([^\s']+)", README)
    assert len(addresses) >= 3
    for address in addresses:
        wait_until(lambda address=address: responds(viewer.url + address), address, TIMEOUT_S)


def test_every_file_of_the_package_is_in_the_documentation():
    for path in FOLDER.glob("*.py"):
        if not path.name.startswith("__"):
            assert f"`{path.name}`" in DETAILS, path.name
