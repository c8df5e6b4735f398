"""Malformed messages in both directions: to a core in C, and to a client."""

import re
import threading
from pathlib import Path

import numpy as np
import pytest

import lkas
from lkas.integration.client import LKASClient
from lkas.integration.client.commands import MAX_BYTES, SOCKET_NAME
from lkas.integration.client.receiver import CAPACITY_BYTES, SLOTS
from lkas.integration.shared_memory.sockets import Replier, Requester
from lkas.integration.zmq.messages import decode_ack
from tests.lkas.integration.client.conftest import WAIT_S
from tests.support.stack import wait_until

MALFORMED = {
    b"": "not a JSON object",
    b"\x00\xff{": "not a JSON object",
    b'{"action": "PING"': "not a JSON object",
    b'["PING"]': "not a JSON object",
    b"{}": 'no "action"',
    b'{"action": ""}': 'no "action"',
    b'{"action": 5}': 'no "action"',
    b'{"action": "' + b"x" * 65 + b'"}': 'no "action"',
    b'{"action": "PING", "params": 5}': '"params" is not an object',
    b'{"action": "PI\\u0000NG"}': 'no "action"',
    b'{"action": "\xff\xfe"}': "no such command",
    b" " * (MAX_BYTES + 1): "longer than 8192 bytes",
}


def test_both_languages_have_the_same_name_and_limits():
    header = (Path(lkas.get_include()) / "lkas_commands.h").read_text()
    defined = dict(re.findall(r"#define LKAS_(\w+) ([^/\n]+?)\s*(?:/\*|\n)", header))
    assert defined["COMMANDS_NAME"] == f'"{SOCKET_NAME}"'
    assert defined["COMMANDS_SLOTS"] == f"{SLOTS}u"
    assert defined["COMMANDS_BYTES"] == f"(UINT64_C({CAPACITY_BYTES >> 10}) << 10)"
    assert defined["COMMAND_BYTES"] == f"{MAX_BYTES}u"


def test_a_core_refuses_malformed_commands_with_a_reason_and_continues(start, client):
    core = start()
    wait_until(lambda: client.send_command("PING"), "a running core", WAIT_S)
    with Requester(SOCKET_NAME, serializer="raw") as requester:
        for command, reason in MALFORMED.items():
            assert requester.send(command)
            answer = decode_ack(bytes(requester.recv(timeout=60_000)))
            assert not answer.ok
            assert reason in (answer.error or "")
    with Requester(SOCKET_NAME) as requester:
        assert requester.send({"action": "PING"})  # a pickle
        assert b"not raw bytes" in requester.recv(timeout=60_000)
    for _ in range(100):  # commands whose sender closes before the answer
        with Requester(SOCKET_NAME, serializer="raw") as requester:
            requester.send(b'{"action": "PING"}')
    assert client.send_command("PING", timeout=60_000)
    assert client.get_status()["pid"] == core.pid


@pytest.mark.parametrize("answer", [np.zeros(3), b"", b"yes", b'{"ok": "maybe"}', b"\xff" * 1000])
def test_a_malformed_answer_is_no_acknowledgement(client, answer, caplog):
    with Replier(SOCKET_NAME, serializer="raw") as replier:
        assert ping(client, replier, answer) is False
    assert client.get_stats()["commands"]["unanswered"] == 1
    assert "PING was not acknowledged" in caplog.text


def test_a_command_is_acknowledged_only_by_an_answer(client):
    with Replier(SOCKET_NAME, serializer="raw") as replier:
        assert ping(client, replier, b'{"request_id": "", "ok": true}') is True
        assert ping(client, replier, None) is False


def ping(client: LKASClient, replier: Replier, answer: bytes | np.ndarray | None) -> bool:
    """Send PING to a publisher in Python that gives this answer, or none. Returns the client's result."""

    def serve() -> None:
        assert replier.recv(timeout=WAIT_S * 1000) == b'{"action":"PING","params":{},"request_id":""}'
        if answer is not None:
            replier.send(answer)

    server = threading.Thread(target=serve)
    server.start()
    try:
        return client.send_command("PING", timeout=100 if answer is None else 60_000)
    finally:
        server.join(WAIT_S)
