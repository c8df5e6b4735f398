"""Servers and clients of the event socket: killed and restarted processes, slow readers, malformed messages."""

import contextlib
import json
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from lkas.integration.events import EventClient, EventError, EventServer, MalformedEventError
from lkas.integration.events.messages import MAX_LINE_BYTES
from lkas.integration.events.server import MAX_CLIENTS
from tests.support.stack import wait_until

WAIT_S = 120.0


def until(condition, what):
    return wait_until(condition, what, WAIT_S, period_s=0.005)


@pytest.fixture
def server(path):
    with EventServer(path) as server:
        server.start()
        yield server


@pytest.fixture
def client(path, server):
    with EventClient(path) as client:
        client.start()
        until(lambda: server.clients == 1, "a connected client")
        yield client


def connected(path: str) -> socket.socket:
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(path)
    raw.settimeout(WAIT_S)
    return raw


def received_by(endpoint) -> list:
    messages: list = []
    endpoint.add_handler(messages.append)
    return messages


@pytest.mark.parametrize(
    "message",
    ["left line crossed", "", "zwei\nZeilen ü\0", {}, {"type": "departure", "side": ["left", None, 1.5, True]}],
)
def test_messages_in_both_directions(server, client, message):
    at_client, at_server = received_by(client), received_by(server)
    assert server.broadcast(message) == 1
    assert client.send(message) is True
    until(lambda: (at_client, at_server) == ([message], [message]), "both messages")


def test_every_client_receives_all_messages_in_order(path, server):
    clients = [EventClient(path) for _ in range(3)]
    received = [received_by(client) for client in clients]
    for client in clients:
        client.start()
    until(lambda: server.clients == 3, "all clients")
    for number in range(500):
        assert server.broadcast({"n": number}) == 3
    until(lambda: all(len(messages) == 500 for messages in received), "all messages at all clients")
    assert received[0] == received[1] == received[2] == [{"n": number} for number in range(500)]
    for client in clients:
        client.stop()
    until(lambda: server.clients == 0, "no client")
    assert server.broadcast("hello") == 0


def test_only_its_user_can_open_the_socket(path, server):
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize("message", [None, 5, ["a"], b"bytes", {"a": object()}, "x" * MAX_LINE_BYTES, "\ud800"])
def test_a_malformed_message_is_an_error_at_the_sender(server, client, message):
    for send in (server.broadcast, client.send):
        with pytest.raises(MalformedEventError):
            send(message)
    assert (server.stats.sent, client.stats.sent) == (0, 0)


def test_malformed_lines_are_counted_and_ignored(path, server, client, caplog):
    received = received_by(server)
    with connected(path) as raw:
        for line in (b"", b"not json", b"5", b'{"a": ', b"\xff\xfe", b"[" * 60_000, b'{"a": NaN}'):
            raw.sendall(line + b"\n")
        raw.sendall(b'{"type":\t"ok"}\r\n')
        until(lambda: received == [{"type": "ok"}], "the valid message")
    assert server.stats.malformed == 7
    assert caplog.text.count("not a message") == 1
    until(lambda: server.clients == 1, "the end of the raw connection")


def test_a_line_that_is_too_long_ends_the_connection(path, server, client):
    with connected(path) as raw:
        raw.sendall(b"x" * MAX_LINE_BYTES)
        assert raw.recv(1) == b""
    assert client.send("still here")


def test_a_client_that_does_not_read_misses_messages_and_delays_no_other(path, server, client):
    received = received_by(client)
    with connected(path) as sleeper:
        until(lambda: server.clients == 2, "two clients")
        text, count = "x" * 10_000, 0
        while server.stats.dropped < 3:
            count += 1
            assert server.broadcast({"n": count, "text": text}) >= 1
            until(lambda: received and received[-1]["n"] == count, "the message at the client that reads")  # noqa: B023
            assert count < 500
        data = b""
        while data.count(b"\n") < count - 3:
            data += sleeper.recv(1 << 20)
        assert [json.loads(line)["n"] for line in data.splitlines()] == list(range(1, count - 2))
        assert server.broadcast("hello again") == 2
        assert sleeper.recv(1 << 20) == b'"hello again"\n'


def test_an_exception_in_a_handler_is_logged_and_the_next_one_called(server, client, caplog):
    def fail(message):
        raise RuntimeError(f"cannot handle {message}")

    server.add_handler(fail)
    received = received_by(server)
    client.send("one")
    client.send("two")
    until(lambda: received == ["one", "two"], "both messages")
    assert "cannot handle two" in caplog.text


def test_a_handler_may_answer_and_may_stop_its_endpoint(path, server, client):
    received = received_by(client)
    server.add_handler(lambda message: server.broadcast({"re": message}))
    server.add_handler(lambda message: server.stop())
    client.send("bye")
    until(lambda: received == [{"re": "bye"}], "the answer")
    until(lambda: not Path(path).exists() and not client.is_connected, "the end of the server")
    assert client.send("hello?") is False


def test_a_client_that_starts_first_connects_to_a_later_server(path):
    with EventClient(path) as client:
        received = received_by(client)
        client.start()
        assert not client.is_connected
        assert client.send("hello") is False
        with EventServer(path) as server:
            server.start()
            until(lambda: server.broadcast("hello") == 1, "a connected client")
            until(lambda: received == ["hello"], "the message")
        until(lambda: not client.is_connected, "the end of the connection")


def test_a_killed_server_is_replaced_and_the_client_reconnects(path, peer):
    first = peer("serve", path=path)
    assert first.line() == "serving"
    with EventClient(path) as client:
        received = received_by(client)
        client.start()
        assert client.send("one")
        assert first.line() == '"one"'
        until(lambda: received == [{"echo": "one"}], "the answer")
        first.kill()
        until(lambda: client.send("two") is False, "the end of the connection")
        assert Path(path).exists()  # the socket of the killed server
        second = peer("serve", path=path)
        assert second.line() == "serving"
        until(lambda: client.send("three"), "a connection to the new server")
        assert second.line() == '"three"'
        until(lambda: received == [{"echo": "one"}, {"echo": "three"}], "the answer")
        second.release()
        assert second.wait() == 0


def test_killed_clients_are_removed(path, server, peer):
    listener = peer("listen", path=path)
    assert listener.line() == "True"
    until(lambda: server.clients == 1, "a connected client")
    assert server.broadcast({"n": 1}) == 1
    assert listener.line() == '{"n": 1}'
    listener.kill()
    until(lambda: server.clients == 0, "no client")
    assert server.broadcast("hello") == 0


def test_a_second_server_is_refused_with_the_pid_of_the_first(path, server, client, peer):
    assert peer("serve", path=path).line() == (
        f"{path}: process {os.getpid()} serves this socket; stop it or use another path"
    )
    with pytest.raises(EventError, match="serves this socket"):
        EventServer(path).start()
    with pytest.raises(EventError, match="started before"):
        server.start()
    assert client.send("still here")


def test_a_path_that_is_no_socket_is_not_replaced(path):
    Path(path).write_text("kept")
    with pytest.raises(EventError, match="it is not replaced"):
        EventServer(path).start()
    assert Path(path).read_text() == "kept"
    Path(path).unlink()
    Path(path).symlink_to("/etc/passwd")
    with pytest.raises(EventError, match="it is not replaced"):
        EventServer(path).start()
    Path(path).unlink()
    with pytest.raises(EventError, match="at most 107"):
        EventServer(path + "x" * 100).start()
    with pytest.raises(EventError, match="cannot open it"):
        EventServer(path + "/events.sock").start()


def test_the_number_of_clients_is_limited(path, server):
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_CLIENTS):
            stack.enter_context(connected(path))
        until(lambda: server.clients == MAX_CLIENTS, "all clients")
        assert stack.enter_context(connected(path)).recv(1) == b""
    until(lambda: server.clients == 0, "no client")


def test_messages_of_many_threads_are_not_mixed(server, client):
    received = received_by(server)
    threads = [
        threading.Thread(target=lambda name=name: [client.send({"from": name, "n": n}) for n in range(200)])
        for name in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    until(lambda: len(received) == client.stats.sent, "all messages that were sent")
    assert client.stats.sent + client.stats.dropped == 800
    for name in range(4):
        numbers = [message["n"] for message in received if message["from"] == name]
        assert numbers == sorted(set(numbers))
