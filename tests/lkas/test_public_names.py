"""`import lkas` offers the public names and is fast: each name is imported on first use."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import lkas

MAX_IMPORT_MS = 30.0
HEAVY = ("numpy", "cv2", "zmq", "msgspec", "yaml")


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize("name", lkas.__all__)
def test_every_public_name_is_there(name):
    assert getattr(lkas, name) is not None
    assert name in dir(lkas)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'lkas' has no attribute 'LaneChannel'"):
        lkas.LaneChannel  # noqa: B018


def test_editors_see_the_same_names():
    tree = ast.parse(Path(lkas.__file__).read_text())
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    declared = {
        (node.module, alias.name)
        for node in block.body
        if isinstance(node, ast.ImportFrom) and node.module != "typing"
        for alias in node.names
    }
    assert declared == {(module, name) for name, module in lkas._MODULE_OF.items()}
    assert set(lkas.__all__) == {name for _, name in declared} | {"__version__", "get_include"}


def test_importing_the_package_loads_nothing_heavy():
    done = python("-c", f"import sys, lkas; print([name for name in {HEAVY} if name in sys.modules])")
    assert done.stdout.strip() == "[]", done.stderr


def test_importing_the_package_is_fast():
    """The smallest processor time of five imports: on a busy machine the others measure the other programs."""
    code = "import time; start_s = time.process_time(); import lkas; print(time.process_time() - start_s)"
    times_ms = [1000 * float(python("-c", code).stdout) for _ in range(5)]
    assert min(times_ms) < MAX_IMPORT_MS
