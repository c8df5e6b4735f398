"""The functions for programs with one server and one client."""

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
    wait_until(lambda: set(threading.enumerate()) <= before, "the threads have ended")
    assert not any(runtime_directory().glob("events*"))


def test_one_server_and_one_client():
    events.start_socket_server()
    events.start_socket_client()
    at_server, at_client = [], []
    events.add_message_handler(at_server.append)
    events.add_client_message_handler(at_client.append)
    assert events.send_message({"type": "user_message"}) is True
    wait_until(lambda: events.broadcast_message("hello") == 1, "the client is connected")
    wait_until(lambda: (at_server, at_client) == ([{"type": "user_message"}], ["hello"]), "both have heard")
    events.stop_socket_server()
    wait_until(lambda: events.send_message("anybody?") is False, "the server has gone")
    events.start_socket_server()
    wait_until(lambda: events.send_message("you again"), "the client has found the new one")


def test_without_a_server_or_a_client():
    assert events.broadcast_message("nobody") == 0
    assert events.send_message("nobody") is False
    events.stop_socket_server()
    events.stop_socket_client()
    with pytest.raises(EventError, match=r"start_socket_server\(\) first"):
        events.add_message_handler(print)
    with pytest.raises(EventError, match=r"start_socket_client\(\) first"):
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


def test_a_server_that_can_not_start_is_none(tmp_path):
    with pytest.raises(EventError):
        events.start_socket_server(tmp_path / "missing" / "page.sock")
    events.start_socket_server()
