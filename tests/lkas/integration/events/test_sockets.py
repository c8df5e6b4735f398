"""Servers and clients of the event socket: processes that die and come back, slow readers, rubbish."""

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
    with EventServer(path) as made:
        made.start()
        yield made


@pytest.fixture
def client(path, server):
    with EventClient(path) as made:
        made.start()
        until(lambda: server.clients == 1, "the client is connected")
        yield made


def connected(path: str) -> socket.socket:
    raw = socket.socket(socket.AF_UNIX)
    raw.connect(path)
    raw.settimeout(WAIT_S)
    return raw


def heard_by(endpoint) -> list:
    messages: list = []
    endpoint.add_handler(messages.append)
    return messages


@pytest.mark.parametrize(
    "message",
    ["left line crossed", "", "zwei\nZeilen ü\0", {}, {"type": "departure", "side": ["left", None, 1.5, True]}],
)
def test_both_ways(server, client, message):
    at_client, at_server = heard_by(client), heard_by(server)
    assert server.broadcast(message) == 1
    assert client.send(message) is True
    until(lambda: (at_client, at_server) == ([message], [message]), "both have it")


def test_every_client_has_it_and_in_order(path, server):
    clients = [EventClient(path) for _ in range(3)]
    heard = [heard_by(client) for client in clients]
    for client in clients:
        client.start()
    until(lambda: server.clients == 3, "all are connected")
    for number in range(500):
        assert server.broadcast({"n": number}) == 3
    until(lambda: all(len(messages) == 500 for messages in heard), "all have all")
    assert heard[0] == heard[1] == heard[2] == [{"n": number} for number in range(500)]
    for client in clients:
        client.stop()
    until(lambda: server.clients == 0, "all have gone")
    assert server.broadcast("nobody") == 0


def test_the_socket_is_its_users_only(path, server):
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


@pytest.mark.parametrize("message", [None, 5, ["a"], b"bytes", {"a": object()}, "x" * MAX_LINE_BYTES, "\ud800"])
def test_what_is_no_message_is_told_at_once(server, client, message):
    for send in (server.broadcast, client.send):
        with pytest.raises(MalformedEventError):
            send(message)
    assert (server.stats.sent, client.stats.sent) == (0, 0)


def test_rubbish_changes_nothing(path, server, client, caplog):
    heard = heard_by(server)
    with connected(path) as raw:
        for line in (b"", b"rubbish", b"5", b'{"a": ', b"\xff\xfe", b"[" * 60_000, b'{"a": NaN}'):
            raw.sendall(line + b"\n")
        raw.sendall(b'{"type":\t"ok"}\r\n')
        until(lambda: heard == [{"type": "ok"}], "the good one is heard")
    assert server.stats.malformed == 7
    assert caplog.text.count("not a message") == 1
    until(lambda: server.clients == 1, "the raw one has gone, the other one is there")


def test_a_line_without_end_ends_the_connection(path, server, client):
    with connected(path) as raw:
        raw.sendall(b"x" * MAX_LINE_BYTES)
        assert raw.recv(1) == b""
    assert client.send("still here")


def test_a_client_that_does_not_read_misses_messages_and_stalls_nobody(path, server, client):
    heard = heard_by(client)
    with connected(path) as sleeper:
        until(lambda: server.clients == 2, "both are connected")
        text, count = "x" * 10_000, 0
        while server.stats.dropped < 3:
            count += 1
            assert server.broadcast({"n": count, "text": text}) >= 1
            until(lambda: heard and heard[-1]["n"] == count, "the one that reads has it")  # noqa: B023
            assert count < 500
        data = b""
        while data.count(b"\n") < count - 3:
            data += sleeper.recv(1 << 20)
        assert [json.loads(line)["n"] for line in data.splitlines()] == list(range(1, count - 2))
        assert server.broadcast("you again") == 2
        assert sleeper.recv(1 << 20) == b'"you again"\n'


def test_handlers_that_fail_are_logged_and_the_next_is_called(server, client, caplog):
    def fail(message):
        raise RuntimeError(f"can not cope with {message}")

    server.add_handler(fail)
    heard = heard_by(server)
    client.send("one")
    client.send("two")
    until(lambda: heard == ["one", "two"], "both are heard")
    assert "can not cope with two" in caplog.text


def test_a_handler_may_answer_and_may_stop_its_endpoint(path, server, client):
    heard = heard_by(client)
    server.add_handler(lambda message: server.broadcast({"re": message}))
    server.add_handler(lambda message: server.stop())
    client.send("bye")
    until(lambda: heard == [{"re": "bye"}], "the answer")
    until(lambda: not Path(path).exists() and not client.is_connected, "the server has ended")
    assert client.send("anybody?") is False


def test_a_client_that_starts_first_connects_when_there_is_a_server(path):
    with EventClient(path) as client:
        heard = heard_by(client)
        client.start()
        assert not client.is_connected
        assert client.send("nobody") is False
        with EventServer(path) as server:
            server.start()
            until(lambda: server.broadcast("hello") == 1, "the client is there")
            until(lambda: heard == ["hello"], "it has heard")
        until(lambda: not client.is_connected, "it has noticed")


def test_a_killed_server_is_taken_over_and_found_again(path, peer):
    first = peer("serve", path=path)
    assert first.line() == "serving"
    with EventClient(path) as client:
        heard = heard_by(client)
        client.start()
        assert client.send("one")
        assert first.line() == '"one"'
        until(lambda: heard == [{"heard": "one"}], "the answer")
        first.kill()
        until(lambda: client.send("two") is False, "nobody is there")
        assert Path(path).exists()  # what the dead one left
        second = peer("serve", path=path)
        assert second.line() == "serving"
        until(lambda: client.send("three"), "it is connected again")
        assert second.line() == '"three"'
        until(lambda: heard == [{"heard": "one"}, {"heard": "three"}], "the answer")
        second.release()
        assert second.wait() == 0


def test_killed_clients_are_forgotten(path, server, peer):
    listener = peer("listen", path=path)
    assert listener.line() == "True"
    until(lambda: server.clients == 1, "it is there")
    assert server.broadcast({"n": 1}) == 1
    assert listener.line() == '{"n": 1}'
    listener.kill()
    until(lambda: server.clients == 0, "it is gone")
    assert server.broadcast("nobody") == 0


def test_a_second_server_is_refused_with_the_pid_of_the_first(path, server, client, peer):
    assert peer("serve", path=path).line() == (
        f"{path}: process {os.getpid()} serves this socket; stop it or give a path"
    )
    with pytest.raises(EventError, match="serves this socket"):
        EventServer(path).start()
    with pytest.raises(EventError, match="started before"):
        server.start()
    assert client.send("unharmed")


def test_what_is_not_its_socket_is_left_alone(path):
    Path(path).write_text("precious")
    with pytest.raises(EventError, match="it is left alone"):
        EventServer(path).start()
    assert Path(path).read_text() == "precious"
    Path(path).unlink()
    Path(path).symlink_to("/etc/passwd")
    with pytest.raises(EventError, match="it is left alone"):
        EventServer(path).start()
    Path(path).unlink()
    with pytest.raises(EventError, match="at most 107"):
        EventServer(path + "x" * 100).start()
    with pytest.raises(EventError, match="can not open it"):
        EventServer(path + "/events.sock").start()


def test_there_is_a_limit_to_clients(path, server):
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_CLIENTS):
            stack.enter_context(connected(path))
        until(lambda: server.clients == MAX_CLIENTS, "all are connected")
        assert stack.enter_context(connected(path)).recv(1) == b""
    until(lambda: server.clients == 0, "all are gone")


def test_many_threads_send_whole_messages(server, client):
    heard = heard_by(server)
    threads = [
        threading.Thread(target=lambda name=name: [client.send({"from": name, "n": n}) for n in range(200)])
        for name in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    until(lambda: len(heard) == client.stats.sent, "all that were handed over are heard")
    assert client.stats.sent + client.stats.dropped == 800
    for name in range(4):
        numbers = [message["n"] for message in heard if message["from"] == name]
        assert numbers == sorted(set(numbers))
