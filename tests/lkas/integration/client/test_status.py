"""Status files: truncated, malformed, old, and not regular files."""

import os
import shutil
import time
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkas.integration.client import client as client_module
from lkas.integration.client.status import MAX_BYTES, Status, StatusError, read_status, status_path, write_status
from lkas.runtime.instance import make_runtime_directory, runtime_directory, write_whole
from tests.support.stack import wait_until

STATUS = Status(name="core", pid=1, state="running", started_ns=5, heartbeat_ns=10, versions={"program": "1"})


@pytest.fixture
def path(instance):
    return make_runtime_directory() / "status.json"


def test_a_written_status_is_read_back(path):
    write_status(STATUS)
    assert status_path() == path
    assert read_status(path) == STATUS
    assert path.stat().st_mode & 0o777 == 0o600
    assert os.listdir(path.parent) == ["status.json"]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"name": "core"}', '{"name": "core", "pid": 1, "state": "running", "started_ns"']
)
def test_truncated_and_malformed_files_are_reported(path, client, text):
    write_whole(path, text)
    with pytest.raises(StatusError, match="not a status"):
        read_status(path)
    status = client.get_status()
    assert (status["state"], status["pid"], status["fresh"]) == (None, None, False)
    assert "not a status" in status["problem"]


def test_every_prefix_of_a_status_is_an_error(path):
    text = msgspec.json.encode(STATUS)
    for end in range(len(text)):
        path.write_bytes(text[:end])
        with pytest.raises(StatusError):
            read_status(path)


@given(content=st.binary(max_size=200))
def test_any_other_content_is_a_status_error(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "status.json"
    path.write_bytes(content)
    with pytest.raises(StatusError):
        read_status(path)


def test_only_regular_files_of_the_user_are_read(path, tmp_path):
    os.mkfifo(path)  # a blocking open would wait for a writer
    with pytest.raises(StatusError, match="expected a file of user"):
        read_status(path)
    path.unlink()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StatusError, match="cannot read it"):
        read_status(path)
    path.unlink()
    path.write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(StatusError, match="longer than"):
        read_status(path)


@pytest.mark.parametrize(("age_s", "is_fresh"), [(0, True), (1.9, True), (3, False), (-1000, False)])
def test_an_old_heartbeat_or_one_from_before_a_reboot_is_not_fresh(path, client, monkeypatch, age_s, is_fresh):
    now_ns = time.monotonic_ns()
    monkeypatch.setattr(client_module, "time", SimpleNamespace(monotonic_ns=lambda: now_ns))
    write_status(msgspec.structs.replace(STATUS, heartbeat_ns=now_ns - round(age_s * 1e9)))
    status = client.get_status()
    assert (status["fresh"], status["state"]) == (is_fresh, "running" if is_fresh else "silent")


def test_a_heartbeat_written_while_the_file_is_read_is_fresh(path, client, monkeypatch):
    def written_and_read(its_path):
        write_status(msgspec.structs.replace(STATUS, heartbeat_ns=time.monotonic_ns()))
        return read_status(its_path)

    monkeypatch.setattr(client_module, "read_status", written_and_read)
    wait_until(lambda: client.get_status()["fresh"], "a run without an interruption of 2 s", 10.0)


def test_a_directory_that_other_users_may_write_to_is_refused(instance):
    directory = runtime_directory()
    directory.mkdir(parents=True, mode=0o700)
    directory.chmod(0o777)
    with pytest.raises(PermissionError, match="with mode 0700"):
        make_runtime_directory()
    directory.rmdir()
    directory.symlink_to("/tmp")
    with pytest.raises(PermissionError, match="remove it"):
        make_runtime_directory()
    directory.unlink()


def test_without_xdg_runtime_dir_the_directory_is_in_tmp(monkeypatch, instance):
    for value in ("", "relative", "/does/not/exist"):
        monkeypatch.setenv("XDG_RUNTIME_DIR", value)
        assert str(runtime_directory("x")) == f"/tmp/lkas-{os.getuid()}/x"
    shutil.rmtree(runtime_directory(instance), ignore_errors=True)
