"""LKASClient beside the broker: commands become parameters and actions; the status file."""

import errno
import itertools
import threading
import uuid

import pytest

from lkas.integration.client import CommandRefusedError, LKASClient
from lkas.integration.client.broker_port import ClientPort
from lkas.integration.client.status import read_status, status_path
from lkas.integration.shared_memory.sockets import Requester
from lkas.integration.zmq import ParameterClient
from lkas.integration.zmq.messages import ParameterRequest
from lkas.parameters import ParameterError
from tests.lkas.integration.zmq.peers import DEADLINE_S, until
from tests.lkas.integration.zmq.test_parameters import Knobs


@pytest.fixture
def instance(monkeypatch):
    name = f"test-{uuid.uuid4().hex[:8]}"
    monkeypatch.setenv("LKAS_INSTANCE", name)
    return name


@pytest.fixture
def port(broker, instance, closing):
    return closing(ClientPort(broker))


@pytest.fixture
def knobs(broker, closing):
    """A process with parameters that records its changes."""
    client = closing(ParameterClient("knobs", broker.ports, Knobs()))
    client.changes = []
    client.register_callback(lambda name, value: client.changes.append((name, value)))
    until(lambda: is_declared(broker), broker, client)
    return client


def is_declared(broker) -> bool:
    try:
        broker.check_parameter(ParameterRequest(category="knobs", name="low", value=1.0))
    except ParameterError:
        return False
    return True


@pytest.fixture
def send(broker, port, closing):
    """`send("PING")` from an LKASClient in another thread while the broker is polled: True, False or the refusal."""

    def send(name, params=None, *polled):
        answers: list[bool | str] = []

        def send_in_thread():
            with LKASClient() as client:
                try:
                    answers.append(client.send_command(name, params, timeout=DEADLINE_S * 1000))
                except CommandRefusedError as error:
                    answers.append(str(error))

        thread = threading.Thread(target=send_in_thread)
        thread.start()
        until(lambda: not thread.is_alive(), broker, port, *polled)
        return answers[0]

    return send


def test_a_ping_is_answered(send):
    assert send("PING") is True


def test_parameters_are_checked_and_set(send, broker, knobs):
    assert send("CONFIG_UPDATE", {"knobs.low": 60.0, "knobs.fast": True}, knobs) is True
    until(lambda: knobs.changes == [("low", 60.0), ("fast", True)], broker, knobs)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        ({"knobs.low": 7.0, "knobs.votes": 1000}, "expected a whole number from 1 to 150"),
        ({"knobs.low": 7.0, "knobs.lower": 1}, "knobs.lower: no such parameter"),
        ({"threshold": 0.7}, "no process has declared parameters of 'threshold'"),
    ],
)
def test_one_bad_parameter_refuses_the_whole_command(send, knobs, params, reason):
    assert reason in send("CONFIG_UPDATE", params, knobs)
    assert knobs.changes == []


@pytest.mark.parametrize("name", ["honk", "HONK"])
def test_other_commands_are_actions(send, broker, name):
    calls = []
    broker.register_action("honk", calls.append)
    broker.register_action("fail", lambda: 1 / 0)
    assert send(name, {"times": 2}) is True
    assert calls == [{"times": 2}]
    assert "division by zero" in send("FAIL")
    assert "no such action 'fly'" in send("FLY")
    assert "simulation not connected" in send("PAUSE")


def test_malformed_commands_are_refused(broker, port):
    with Requester("lkas_commands", serializer="raw") as requester:
        requester.send(b"{")
        port.poll()
        assert b'"ok":false' in requester.recv(timeout=DEADLINE_S * 1000)
    with Requester("lkas_commands") as requester:
        requester.send({"a": "pickle"})
        port.poll()
        port.poll()


def test_the_status_file(port, instance):
    port.write_status("running")
    status = read_status(status_path(instance))
    assert (status.name, status.state) == ("lkas", "running")
    port.write_status("x" * 5000)
    assert read_status(status_path(instance)).state == "x" * 1000
    port.close()
    assert read_status(status_path(instance)).state == "stopped"


def test_a_status_file_that_cannot_be_written_is_logged_once(port, instance, caplog):
    status_path(instance).parent.mkdir(parents=True)
    status_path(instance).mkdir()
    for _ in range(3):
        port.write_status("running")
    assert caplog.text.count("no status file") == 1
    status_path(instance).rmdir()


def test_a_status_file_without_a_descriptor_is_logged_once(port, instance, caplog, monkeypatch):
    names = itertools.count()  # the text names another temporary file each time

    def refuse(*args):
        raise OSError(errno.EMFILE, "Too many open files", f"status.json{next(names)}")

    with monkeypatch.context() as patch:
        patch.setattr("lkas.integration.client.broker_port.write_status", refuse)
        for _ in range(3):
            port.write_status("running")
    assert caplog.text.count("no status file") == 1
