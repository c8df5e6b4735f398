"""The functions for a program with one server and one client."""

import threading

import pytest

from lkas.integration import events
from lkas.integration.events import EventError
from lkas.runtime.instance import runtime_directory
from tests.support.stack import wait_until


@pytest.fixture(autouse=True)
def nothing_is_left(monkeypatch):
    monkeypatch.setenv("LKAS_INSTANCE", "events-functions")
    before = set(threading.enumerate())
    yield
    events.stop_socket_client()
    events.stop_socket_server()
    wait_until(lambda: set(threading.enumerate()) <= before, "the end of all threads")
    assert not any(runtime_directory().glob("events*"))


def test_one_server_and_one_client():
    events.start_socket_server()
    events.start_socket_client()
    at_server, at_client = [], []
    events.add_message_handler(at_server.append)
    events.add_client_message_handler(at_client.append)
    assert events.send_message({"type": "user_message"}) is True
    wait_until(lambda: events.broadcast_message("hello") == 1, "a connected client")
    wait_until(lambda: (at_server, at_client) == ([{"type": "user_message"}], ["hello"]), "both messages")
    events.stop_socket_server()
    wait_until(lambda: events.send_message("hello?") is False, "the end of the connection")
    events.start_socket_server()
    wait_until(lambda: events.send_message("hello again"), "a connection to the new server")


def test_without_a_server_or_a_client():
    assert events.broadcast_message("hello") == 0
    assert events.send_message("hello") is False
    events.stop_socket_server()
    events.stop_socket_client()
    with pytest.raises(EventError, match=r"call start_socket_server\(\) first"):
        events.add_message_handler(print)
    with pytest.raises(EventError, match=r"call start_socket_client\(\) first"):
        events.add_client_message_handler(print)


def test_a_second_one_is_refused_and_a_path_may_be_given(tmp_path):
    path = tmp_path / "page.sock"
    assert events.start_socket_server(path).path == path
    assert events.start_socket_client(str(path)).is_connected
    with pytest.raises(EventError, match=r"runs already, at .*page\.sock"):
        events.start_socket_server()
    with pytest.raises(EventError, match=r"runs already, at .*page\.sock"):
        events.start_socket_client()
    assert events.send_message("still here")


def test_a_server_that_cannot_start_is_not_kept(tmp_path):
    with pytest.raises(EventError):
        events.start_socket_server(tmp_path / "missing" / "page.sock")
    events.start_socket_server()
