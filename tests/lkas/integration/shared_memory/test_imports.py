"""What an import loads: commands that only read messages must not load arrays."""

import subprocess
import sys

import pytest

import lkas.integration.shared_memory as package


def loaded_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    return set(done.stdout.split())


def test_messages_load_neither_numpy_nor_the_core():
    loaded = loaded_after("import lkas.integration.shared_memory.messages, lkas.integration.shared_memory.errors")
    assert not loaded & {"numpy", "lkas.integration.shared_memory._core"}


def test_segments_are_listed_without_numpy():
    loaded = loaded_after("from lkas.integration.shared_memory import list_segments; list_segments()")
    assert "numpy" not in loaded


def test_control_channels_work_without_numpy():
    assert "numpy" not in loaded_after("from lkas.integration.shared_memory import ControlChannel; ControlChannel()")


@pytest.mark.parametrize("name", package.__all__)
def test_every_public_name_is_there(name):
    assert getattr(package, name).__name__ == name


def test_unknown_names_are_attribute_errors():
    with pytest.raises(AttributeError, match="has no attribute 'NoChannel'"):
        _ = package.NoChannel
