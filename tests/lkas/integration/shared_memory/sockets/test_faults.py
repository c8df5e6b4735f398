"""Processes killed at any moment, forks, closing from other threads, leftover files."""

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lkas.integration.shared_memory import SHMConnectionError, list_segments, remove_stale
from lkas.integration.shared_memory.sockets import Publisher, Puller, Pusher, Replier, Requester, Subscriber

WAIT_MS = 120_000
EVERY_KIND = [Publisher, Subscriber, Pusher, Puller, Requester, Replier]


@pytest.mark.parametrize("comes_later", [False, True], ids=["another one", "one that takes its place"])
def test_a_sender_killed_while_writing_blocks_no_other(made, peer, comes_later):
    subscriber = made(Subscriber, "topic", serializer="raw")
    publisher = None if comes_later else made(Publisher, "topic", serializer="raw")
    assert publisher is None or publisher.send(b"before")
    dying = peer("die_mid_write")
    assert dying.line() == "dying"
    assert dying.wait() == -signal.SIGBUS  # half of the message is in the inbox
    publisher = publisher or made(Publisher, "topic", serializer="raw")
    assert publisher.send(b"after")
    expected = [b"whole", b"after"] if comes_later else [b"before", b"whole", b"after"]
    assert [subscriber.recv(timeout=WAIT_MS) for _ in expected] == expected


@pytest.mark.parametrize("size", [100, 300_000])
def test_senders_killed_at_any_moment_tear_nothing(made, peer, size):
    subscriber = made(Subscriber, "topic", serializer="raw", copy=False)
    publisher = made(Publisher, "topic", serializer="raw")
    for _ in range(4):
        senders = [peer("flood", size=size) for _ in range(2)]
        assert [sender.line() for sender in senders] == ["sending", "sending"]
        for sender in senders:
            for _ in range(40):
                check(subscriber.recv(timeout=WAIT_MS), size)
            sender.kill()
    last = bytes(size - 1)
    while publisher.send(last) is False:
        check(subscriber.recv(timeout=WAIT_MS), size)
    while len(message := subscriber.recv(timeout=WAIT_MS)) == size:
        check(message, size)
        del message
    assert message == last


def check(message, size):
    array = np.frombuffer(message, np.uint8)
    assert len(array) == size
    assert (array == array[0]).all()


def test_closing_ends_the_waits_of_other_threads(made):
    waits = [made(Subscriber, "topic"), made(Puller, "topic"), made(Replier, "topic")]
    errors = []

    def receive(socket):
        with pytest.raises(SHMConnectionError) as caught:
            socket.recv()
        errors.append(caught.value)

    def send(socket):
        with pytest.raises(SHMConnectionError) as caught:
            socket.send(1, timeout=None)
        errors.append(caught.value)

    sender = made(Publisher, "unused")
    threads = [threading.Thread(target=receive, args=(socket,)) for socket in waits]
    threads.append(threading.Thread(target=send, args=(sender,)))
    for thread in threads:
        thread.start()
    for socket in (*waits, sender):
        socket.close()
    for thread in threads:
        thread.join(120)
    assert len(errors) == 4


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_a_closed_socket_raises(instance, kind):
    socket = kind("name")
    socket.close()
    socket.close()
    assert socket.closed
    assert "closed" in repr(socket)
    assert socket.stats().sent == 0
    with pytest.raises((SHMConnectionError, RuntimeError)):
        socket.send(1) if hasattr(socket, "send") and kind is not Replier else socket.recv()


def test_ctrl_c_gets_through(peer):
    waiting = peer("wait_for_message")
    assert waiting.line() == "waiting"
    waiting.signal(signal.SIGINT)
    assert waiting.line() == "interrupted"
    assert waiting.wait() == 0


def test_a_child_of_a_fork_needs_new_sockets(made):
    subscriber, publisher = made(Subscriber, "topic", copy=False), made(Publisher, "topic")
    publisher.send(np.arange(5))
    array = subscriber.recv(timeout=0)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for use in (lambda: subscriber.recv(timeout=0), lambda: publisher.send(1)):
                with pytest.raises(SHMConnectionError, match="before a fork"):
                    use()
            assert array.tolist() == [0, 1, 2, 3, 4]
            del array
            subscriber.close()
            publisher.close()
            with Publisher("topic") as own:
                assert own.send("from the child")
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert subscriber.recv(timeout=0) == "from the child"
    assert publisher.send("from the parent")


def test_a_child_does_not_keep_its_dead_parent_alive(instance, made):
    ready, notify = os.pipe()
    end, hold = os.pipe()
    parent = os.fork()
    if parent == 0:
        socket = Subscriber("topic")
        if os.fork() == 0:
            os.close(hold)
            os.write(notify, b"x")
            os.read(end, 1)  # until the end of the test
            os._exit(0)
        os.read(end, 1)
        socket.close()
        os._exit(0)
    os.read(ready, 1)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    assert made(Publisher, "topic").send(1) is False
    assert [info.name for info in list_segments(instance=instance)] == ["topic-pubsub"]
    for descriptor in (ready, notify, end, hold):
        os.close(descriptor)


def test_no_file_is_left(instance):
    sockets = [kind("name") for kind in EVERY_KIND]
    assert len(list_segments(instance=instance)) == 3 + 4
    for socket in sockets:
        socket.close()
    assert list_segments(instance=instance) == []


def test_unclosed_sockets_remove_their_files(instance):
    for kind in EVERY_KIND:
        kind("name")
    assert list_segments(instance=instance) == []


def test_files_of_killed_processes_are_removed_by_the_next_user(peer, instance):
    dying = [peer("idle", kind=kind, name="name") for kind in ("Subscriber", "Puller", "Replier")]
    for process in dying:
        process.line()
    for process in dying:
        process.kill()
    assert len(list_segments(instance=instance)) == 6
    unfinished = Path(list_segments(instance=instance)[0].path + f".new-{dying[0].pid}-1")
    unfinished.touch()
    for kind in (Publisher, Pusher, Requester):
        kind("name").close()
    assert list_segments(instance=instance) == []


def test_stale_files_are_listed_and_removable_without_a_user(peer, instance):
    dying = peer("idle", kind="Subscriber", name="name")
    dying.line()
    assert all(info.stale is None for info in list_segments(instance=instance))
    assert remove_stale(instance=instance) == []
    dying.kill()
    assert len(remove_stale(instance=instance)) == 2


def test_only_the_user_may_read(made, instance):
    made(Subscriber, "topic")
    for info in list_segments(instance=instance):
        status = os.stat(info.path)
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o600, os.getuid())


@pytest.mark.parametrize("kind", EVERY_KIND)
@pytest.mark.parametrize("name", ["", "a/b", "a.b", "ä", "x" * 65])
def test_names_that_are_no_file_names(instance, kind, name):
    with pytest.raises(ValueError, match="expected 1 to 64 letters"):
        kind(name)


def test_invalid_timeouts(made):
    with pytest.raises(ValueError, match="milliseconds"):
        made(Publisher, "topic").send(1, timeout=-1)
    with pytest.raises(ValueError, match="milliseconds"):
        made(Subscriber, "topic").recv(timeout=-1)


def test_a_full_directory_is_no_crash(tmp_path, instance):
    """In a file system of 512 kB: messages that find no memory are dropped and counted, a new receiver is an error."""
    mount = f"mount -t tmpfs -o size=512k tmpfs {tmp_path}"
    own_mounts = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*own_mounts, mount], timeout=300).returncode:
        pytest.skip("a small file system cannot be mounted here")
    fill = f"{sys.executable} -m tests.lkas.integration.shared_memory.sockets.fill_directory {tmp_path}"
    done = subprocess.run([*own_mounts, f"{mount} && exec {fill}"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert re.search(r"needs \d+ bytes, free are \d+", done.stdout)


def test_another_directory(tmp_path, instance):
    with Subscriber("topic", directory=tmp_path) as subscriber, Publisher("topic", directory=tmp_path) as publisher:
        assert publisher.send("on disk")
        assert subscriber.recv(timeout=0) == "on disk"
        assert len(list_segments(tmp_path)) == 2
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_file(tmp_path, instance):
    (tmp_path / f"lkas.{os.getuid()}.{instance}.topic-pubsub").write_bytes(b"something else")
    with pytest.raises(Exception, match="not made by sockets of this version"):
        Publisher("topic", directory=tmp_path)
