"""`lkas sockets`: list, echo and hz beside real sockets."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import uuid

import pytest
from typer.testing import CliRunner

from lkas.cli import socket_commands
from lkas.cli.app import app
from lkas.integration.shared_memory import list_segments
from lkas.integration.shared_memory.sockets import Publisher, Puller, Pusher, Replier, Subscriber

WAIT_S = 120.0


@pytest.fixture
def instance(monkeypatch):
    name = f"sockets-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    monkeypatch.setenv("LKAS_INSTANCE", name)
    yield name
    assert list_segments(instance=name) == []


@contextlib.contextmanager
def repeated(function):
    """Call a function again and again in a thread."""
    stopped = threading.Event()

    def call():
        while not stopped.wait(0.005):
            function()

    thread = threading.Thread(target=call)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join(WAIT_S)


def run(*words: str):
    return CliRunner().invoke(app, ["sockets", *words])


def test_list_shows_users_and_receivers(instance):
    with Subscriber("robot_commands"), Replier("control_service"):
        found = {
            item["name"]: item for item in json.loads(run("list", "--json").output) if item["instance"] == instance
        }
        assert found.keys() == {"robot_commands", "control_service"}
        assert found["robot_commands"]["users"] == [os.getpid()]
        assert found["control_service"]["receivers"][0]["role"] == "rep"
        assert "robot_commands" in run("list").output


def test_echo_prints_what_is_published_in_another_process(instance):
    command = [sys.executable, "-m", "lkas", "sockets", "echo", "robot_commands", "--count", "2"]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as echo,
        Publisher("robot_commands") as publisher,
    ):
        publisher.send({"cmd": "move", "text": "a\nb"}, timeout=WAIT_S * 1000)  # waits for the subscriber
        publisher.send("x" * 2000, timeout=WAIT_S * 1000)
        out, err = echo.communicate(timeout=WAIT_S)
    first, second = out.splitlines()
    assert first == r"{'cmd': 'move', 'text': 'a\nb'}"
    assert second.endswith("x ... (2002 characters)")
    assert echo.returncode == 0
    assert "Traceback" not in err


def test_echo_takes_no_work_from_a_worker(instance):
    with Pusher("work") as pusher, Puller("work") as puller:
        pusher.send(1)
        done = run("echo", "work", "--count", "1")
        assert done.exit_code == 2
        assert "work is a pushpull socket" in done.output
        assert "lkas sockets hz work" in done.output
        assert puller.recv(timeout=0) == 1


def test_hz_counts_without_taking_a_message(instance, monkeypatch):
    monkeypatch.setattr(socket_commands, "PERIOD_S", 0.2)
    with Subscriber("robot_commands", slots=4) as subscriber, Publisher("robot_commands") as publisher:
        with repeated(lambda: publisher.send(1)):
            lines = run("hz", "robot_commands", "--count", "3").output.splitlines()
        assert len(lines) == 3
        assert all(line.startswith(f"sub {os.getpid()}: ") for line in lines)
        assert "waiting 4 of 4" in lines[-1]
        assert int(lines[-1].rpartition("dropped ")[2]) > 0
        assert [subscriber.recv(timeout=0) for _ in range(4)] == [1] * 4
        with repeated(lambda: publisher.send(1) and subscriber.recv(timeout=0)):
            last = run("hz", "robot_commands", "--count", "2").output.splitlines()[-1]
        assert float(last.partition(": ")[2].partition(" Hz")[0]) > 0


def test_hz_of_a_name_without_a_receiver(instance, monkeypatch):
    monkeypatch.setattr(socket_commands, "PERIOD_S", 0.01)
    with Publisher("robot_commands"):
        assert run("hz", "robot_commands", "--count", "1").output == "no receiver: nothing is sent\n"


def test_names_that_do_not_exist_and_cannot_exist(instance):
    done = run("hz", "nothing")
    assert done.exit_code == 1
    assert f"there is no socket nothing in instance {instance}" in done.output
    for command in ("hz", "echo"):
        done = run(command, "a/b")
        assert done.exit_code == 2
        assert "socket name 'a/b': expected 1 to 64 letters" in done.output


def test_drops_are_logged_at_the_first_and_when_they_have_doubled(instance, caplog):
    with Publisher("robot_commands") as publisher:
        publisher.send(0)
        assert caplog.text == ""  # without a subscriber nothing is behind
        with Subscriber("robot_commands", slots=8):
            for number in range(50):
                publisher.send(number)
    texts = [record.getMessage() for record in caplog.records if "a receiver has no room" in record.getMessage()]
    assert len(texts) == 5  # of 42 drops
    assert texts[0].startswith("<Publisher 'robot_commands'>: a receiver has no room, 2 messages dropped so far: ")
