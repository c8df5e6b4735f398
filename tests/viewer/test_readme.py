"""What the README says can be typed, can be typed."""

import re
from pathlib import Path

import httpx

import viewer as package
from tests.support.stack import wait_until
from tests.support.viewer_process import PATIENCE_S

README = Path(package.__file__).with_name("README.md").read_text(encoding="utf-8")


def opens(url: str) -> bool:
    """Not yet, where the broker has not been heard before."""
    with httpx.stream("GET", url, timeout=PATIENCE_S) as response:
        return response.status_code == 200


def test_the_doors_of_the_readme_open(viewer):
    addresses = re.findall(r"curl -s[^\n]*? '?http://localhost:8080/([^\s']+)", README)
    assert len(addresses) >= 3
    for address in addresses:
        wait_until(lambda address=address: opens(viewer.url + address), address, PATIENCE_S)


def test_every_file_of_the_package_is_in_the_readme():
    for path in Path(package.__file__).parent.glob("*.py"):
        if not path.name.startswith("__"):
            assert f"`{path.name}`" in README, path.name
