"""The folder for temporary files, where the usual ones cannot be written."""

import tempfile
from pathlib import Path

import pytest

from lkas.runtime.scratch import scratch_folder


def test_it_is_removed_on_exit():
    with scratch_folder() as folder:
        assert Path(folder).is_dir()
    assert not Path(folder).exists()


def test_without_a_usual_place_it_lies_in_shared_memory(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/no/such/folder")
    with scratch_folder() as folder:
        assert Path(folder).parent == Path("/dev/shm")
    assert not Path(folder).exists()


def test_without_any_place_the_error_names_them(monkeypatch):
    def refuse(*args, **options):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    with pytest.raises(OSError, match=r"neither .* nor /dev/shm can be written: Read-only"):
        scratch_folder()
