"""Prints the oldest allowed version of every dependency, as constraints for pip: `numpy==1.23.2`, one a line.

`make test-oldest` installs these.
"""

import re
import tomllib
from pathlib import Path

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"(?P<name>[A-Za-z0-9._-]+)>=(?P<version>[0-9.]+)(,<[0-9.]+)?")


def oldest_versions() -> dict[str, str]:
    """Return the lower bound of each dependency by name. Raises ValueError for a dependency without one."""
    bounds = {}
    for requirement in tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]["dependencies"]:
        match = REQUIREMENT.fullmatch(requirement)
        if match is None:
            raise ValueError(f"{PYPROJECT}: dependency {requirement!r}: expected NAME>=VERSION")
        bounds[match["name"]] = match["version"]
    return bounds


if __name__ == "__main__":
    for name, version in oldest_versions().items():
        print(f"{name}=={version}")
