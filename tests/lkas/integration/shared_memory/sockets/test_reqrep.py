"""Requester and Replier: questions and answers, and an error where no answer will come."""

import os

import pytest

from lkas.integration.shared_memory import SHMConnectionError, SHMError, SHMTimeoutError
from lkas.integration.shared_memory.sockets import Replier, Requester

WAIT_MS = 120_000


def test_question_and_answer(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    for number in range(3):
        assert client.send({"query": number})
        assert server.recv(timeout=0) == {"query": number}
        assert server.send({"status": "ok", "number": number})
        assert client.recv(timeout=0) == {"status": "ok", "number": number}


def test_nobody_answers_the_name(made):
    client = made(Requester, "service")
    assert client.send("anybody?") is False
    with pytest.raises(SHMConnectionError, match="no request is open"):
        client.recv()


def test_client_first(peer):
    asking = peer("ask", first=0, count=3)
    peer("answer", count=3)
    assert asking.line() == "answered"


def test_ten_clients_each_get_their_own_answers(peer, made):
    server = made(Replier, "service")
    asking = [peer("ask", first=100 * index, count=5) for index in range(3)]
    clients = [made(Requester, "service") for _ in range(7)]
    for number, client in enumerate(clients):
        assert client.send(number)
    for _ in range(15 + 7):
        assert server.send({"echo": server.recv(timeout=WAIT_MS)})
    assert [client.recv(timeout=0) for client in clients] == [{"echo": number} for number in range(7)]
    assert [process.line() for process in asking] == ["answered"] * 3


def test_several_repliers_share_the_questions(made):
    servers, client = [made(Replier, "service") for _ in range(2)], made(Requester, "service")
    for number in range(4):
        assert client.send(number)
        assert servers[number % 2].recv(timeout=0) == number


def test_a_killed_replier_is_an_error(made, peer):
    server = peer("take_question")
    client = made(Requester, "service")
    assert client.send("question", timeout=WAIT_MS)
    assert [server.line() for _ in range(2)] == ["ready", "question"]
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
    assert client.send("question")
    server.close()
    with pytest.raises(SHMConnectionError, match=f"process {os.getpid()}"):
        client.recv()


def test_an_answer_counts_though_the_replier_is_gone(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    client.send("question")
    server.recv()
    server.send("answer")
    server.close()
    assert client.recv(timeout=0) == "answer"


def test_a_question_that_is_passed_over_is_an_error(made):
    server, forgotten, client = made(Replier, "service"), made(Requester, "service"), made(Requester, "service")
    forgotten.send("first")
    client.send("second")
    assert [server.recv(timeout=0), server.recv(timeout=0)] == ["first", "second"]
    with pytest.raises(SHMConnectionError, match="did not reply"):
        forgotten.recv()
    server.send("answer")
    assert client.recv(timeout=0) == "answer"


def test_a_late_answer_is_not_taken_for_the_next_one(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    client.send("first")
    assert server.recv() == "first"
    with pytest.raises(SHMTimeoutError):
        client.recv(timeout=0)
    client.send("second")
    server.send("answer to the first")
    assert server.recv() == "second"
    server.send("answer to the second")
    assert client.recv(timeout=0) == "answer to the second"
    assert client.stats().dropped == 1


def test_an_answer_to_somebody_who_left(made):
    server, client = made(Replier, "service"), made(Requester, "service")
    client.send("question")
    assert server.recv() == "question"
    client.close()
    assert server.send("answer", timeout=WAIT_MS) is False


def test_an_answer_without_a_question(made):
    with pytest.raises(SHMError, match="no request to reply to"):
        made(Replier, "service").send("answer")
