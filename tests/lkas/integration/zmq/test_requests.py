"""Requests: framing, repetition, floods and memory limits."""

import json

import pytest
import zmq

from lkas.integration.zmq import request_port
from tests.lkas.integration.zmq.peers import Dealer, settle, until


@pytest.fixture
def calls(broker):
    """Calls of the registered action `count`."""
    calls = []
    broker.register_action("count", lambda: calls.append("count"))
    return calls


def test_a_request_without_id_is_executed_and_answered(broker, dealer, calls):
    tool = dealer("actions")
    tool.send({"action": "count"})
    tool.send({"action": "count"})
    until(lambda: len(tool.answers) == 2, broker, tool)
    assert len(calls) == 2
    assert len({answer["request_id"] for answer in tool.answers}) == 2


def test_a_req_socket_is_answered_in_its_own_framing(broker, requester):
    broker.register_action("count", lambda: None)
    tool = requester("actions")
    assert tool.ask({"action": "count"}, broker)["applied"] is True
    assert tool.ask({"action": "fly"}, broker)["ok"] is False
    assert len(tool.answers) == 2


def test_a_sender_that_does_not_wait_for_the_answer_is_served(broker, context, calls):
    tool = Dealer(context, broker.ports.actions)
    tool.send({"action": "count"})
    tool.socket.close(linger=1000)
    until(lambda: calls, broker)
    settle(broker)
    assert len(calls) == 1


def test_a_repeated_request_is_not_executed_again(broker, dealer, calls):
    first, second = dealer("actions"), dealer("actions")
    request = {"action": "count", "request_id": "one"}
    answer = first.ask(request, broker)
    assert second.ask(request, broker) == answer
    assert len(calls) == 1


def test_an_id_used_for_another_request_is_refused(broker, dealer, calls):
    tool = dealer("actions")
    tool.ask({"action": "count", "request_id": "one"}, broker)
    tool.send({"action": "pause", "request_id": "one"})
    until(lambda: len(tool.answers) == 2, broker, tool)
    assert not tool.answers[-1]["ok"]
    assert "used before for another request" in tool.answers[-1]["error"]


def test_an_id_may_be_used_again_after_a_minute(broker, dealer, calls, clock):
    tool = dealer("actions")
    tool.ask({"action": "count", "request_id": "one"}, broker)
    clock.advance(61)
    broker.poll()
    tool.send({"action": "count", "request_id": "one"})
    until(lambda: len(calls) == 2, broker)


@pytest.mark.parametrize("port", ["actions", "parameters"])
def test_malformed_requests_are_refused_counted_and_logged_once(broker, dealer, calls, caplog, port):
    tool = dealer(port)
    for _ in range(50):
        tool.send_bytes(b"{not json")
        tool.send_bytes(b"\x80\x04\x95 pickled")
        tool.send_bytes(b"[1, 2]")
        tool.send_bytes(b"one", b"two", b"three")
    until(lambda: broker.malformed[port] == 200, broker)
    until(lambda: len(tool.answers) == 150, broker, tool)
    assert all(not answer["ok"] and "not a" in answer["error"] for answer in tool.answers)
    assert len([record for record in caplog.records if "malformed" in record.message]) == 1
    assert calls == []


@pytest.mark.parametrize("endpoint", ["from_processes", "broadcast", "to_servers", "to_simulation"])
def test_malformed_messages_on_the_other_ports_are_only_counted(broker, context, closing, caplog, endpoint):
    kind = zmq.PUSH if endpoint == "from_processes" else zmq.XSUB
    peer = closing(Dealer(context, getattr(broker.ports, endpoint), kind))
    for _ in range(100):
        peer.send_bytes(b"{not json")
    peer.send_bytes(b"two", b"parts")
    until(lambda: sum(broker.malformed.values()) == 101, broker)
    assert len([record for record in caplog.records if "malformed" in record.message]) == 1


def test_a_message_above_64_kb_ends_only_that_connection(broker, dealer, calls):
    huge, tool = dealer("actions"), dealer("actions")
    huge.send_bytes(json.dumps({"action": "count", "more": "x" * 70_000}).encode())
    assert tool.ask({"action": "count"}, broker)["ok"]
    settle(broker)
    assert len(calls) == 1


def test_a_flood_of_requests_is_served_in_bounded_memory(broker, dealer, calls):
    tool = dealer("actions")
    for number in range(3000):
        tool.send({"action": "count", "request_id": f"flood {number}"})
        if number % 50 == 0:
            broker.poll()
            tool.poll()
    until(lambda: len(calls) == 3000, broker, tool)
    assert len(broker._actions._port._entries) <= request_port.MAX_REMEMBERED


def test_too_many_requests_without_a_result_are_refused(broker, closing, dealer):
    from lkas.integration.zmq import ParameterClient

    # Connected but not polled: every change waits for its answer.
    process = closing(ParameterClient("free", broker.ports))
    tool = dealer("parameters")
    request = {"category": "free", "name": "a", "value": 1}
    until(lambda: tool.ask(request, broker, process)["ok"], broker, process)
    accepted = tool.answers[-1]["request_id"]
    until(lambda: [answer["request_id"] for answer in tool.answers].count(accepted) == 2, broker, process, tool)
    tool.answers.clear()
    for number in range(request_port.MAX_WAITING + 10):
        tool.send({**request, "request_id": f"waiting {number}"})
        if number % 20 == 0:
            broker.poll()
            tool.poll()
    until(lambda: len(tool.answers) == request_port.MAX_WAITING + 10, broker, tool)
    refused = [answer for answer in tool.answers if not answer["ok"]]
    assert len(refused) == 10
    assert "the broker is busy" in refused[0]["error"]
