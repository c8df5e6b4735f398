"""Requester and Replier: requests and replies, and an error when no reply will come."""

import os

import pytest

from lkas.integration.shared_memory import SHMConnectionError, SHMError, SHMTimeoutError
from lkas.integration.shared_memory.sockets import Replier, Requester

WAIT_MS = 120_000


def test_request_and_reply(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    for number in range(3):
        assert client.send({"query": number})
        assert server.recv(timeout=0) == {"query": number}
        assert server.send({"status": "ok", "number": number})
        assert client.recv(timeout=0) == {"status": "ok", "number": number}


def test_without_a_replier_send_returns_false(made):
    client = made(Requester, "service")
    assert client.send("anybody?") is False
    with pytest.raises(SHMConnectionError, match="no request is open"):
        client.recv()


def test_client_first(peer):
    asking = peer("ask", first=0, count=3)
    peer("answer", count=3)
    assert asking.line() == "answered"


def test_ten_clients_each_get_their_own_replies(peer, made):
    server = made(Replier, "service")
    asking = [peer("ask", first=100 * index, count=5) for index in range(3)]
    clients = [made(Requester, "service") for _ in range(7)]
    for number, client in enumerate(clients):
        assert client.send(number)
    for _ in range(15 + 7):
        assert server.send({"echo": server.recv(timeout=WAIT_MS)})
    assert [client.recv(timeout=0) for client in clients] == [{"echo": number} for number in range(7)]
    assert [process.line() for process in asking] == ["answered"] * 3


def test_several_repliers_share_the_requests(made):
    servers, client = [made(Replier, "service") for _ in range(2)], made(Requester, "service")
    for number in range(4):
        assert client.send(number)
        assert servers[number % 2].recv(timeout=0) == number


def test_a_killed_replier_is_an_error(made, peer):
    server = peer("take_request")
    client = made(Requester, "service")
    assert client.send("request", timeout=WAIT_MS)
    assert [server.line() for _ in range(2)] == ["ready", "request"]
    with pytest.raises(SHMTimeoutError):
        client.recv(timeout=1)
    server.kill()
    with pytest.raises(SHMConnectionError, match=f"process {server.pid}"):
        client.recv()
    replacement = made(Replier, "service")
    assert client.send("again", timeout=WAIT_MS)
    assert replacement.recv(timeout=0) == "again"


def test_a_replier_that_closes_is_an_error(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    assert client.send("request")
    server.close()
    with pytest.raises(SHMConnectionError, match=f"process {os.getpid()}"):
        client.recv()


def test_a_reply_of_a_dead_replier_is_received(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    client.send("request")
    server.recv()
    server.send("reply")
    server.close()
    assert client.recv(timeout=0) == "reply"


def test_a_request_without_reply_is_an_error(made):
    server, forgotten, client = made(Replier, "service"), made(Requester, "service"), made(Requester, "service")
    forgotten.send("first")
    client.send("second")
    assert [server.recv(timeout=0), server.recv(timeout=0)] == ["first", "second"]
    with pytest.raises(SHMConnectionError, match="did not reply"):
        forgotten.recv()
    server.send("reply")
    assert client.recv(timeout=0) == "reply"


def test_a_late_reply_is_not_taken_for_the_next_one(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    client.send("first")
    assert server.recv() == "first"
    with pytest.raises(SHMTimeoutError):
        client.recv(timeout=0)
    client.send("second")
    server.send("reply to the first")
    assert server.recv() == "second"
    server.send("reply to the second")
    assert client.recv(timeout=0) == "reply to the second"
    assert client.stats().dropped == 1


def test_a_reply_to_a_closed_requester(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    client.send("request")
    assert server.recv() == "request"
    client.close()
    assert server.send("reply", timeout=WAIT_MS) is False


def test_a_reply_without_a_request(made):
    with pytest.raises(SHMError, match="no request to reply to"):
        made(Replier, "service").send("reply")
