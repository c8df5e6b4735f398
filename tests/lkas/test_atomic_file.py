"""Files written as a whole."""

import os
import threading
from pathlib import Path

import pytest

from lkas.atomic_file import write_atomically


def test_a_file_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("old")
    write_atomically(path, "new")
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_write_leaves_the_old_content_and_no_half_file(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    path.write_text("old")
    monkeypatch.setattr(
        "pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device"))
    )
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_device_is_written_and_stays_a_device():
    with pytest.raises(OSError, match="No space left"):
        write_atomically(Path("/dev/full"), "text")
    assert os.path.exists("/dev/full")


def test_a_pipe_is_written(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    found = []
    reader = threading.Thread(target=lambda: found.append(path.read_text()))
    reader.start()
    write_atomically(path, "text")
    reader.join(60)
    assert found == ["text"]
