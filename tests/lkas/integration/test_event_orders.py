"""Desktop pages give orders over the event socket: they are carried out and answered, as on the broker's ports."""

import os

import pytest

from lkas.integration.events import EventClient
from lkas.runtime.instance import runtime_directory
from tests.support.stack import wait_until


class Page:
    """A client of the event socket, and all it has received."""

    def __init__(self, path):
        self.messages = []
        self.client = EventClient(path)
        self.client.add_handler(self.messages.append)
        self.client.start()

    def ask(self, order):
        """Send an order and return its final answer."""
        wait_until(lambda: self.client.is_connected, "the socket is there")
        assert self.client.send(order)

        def found():
            acks = (m for m in self.messages if m.get("type") == "ack" and m["request_id"] == order["request_id"])
            return next((ack for ack in acks if not ack["ok"] or ack["applied"] is not None), None)

        return wait_until(found, f"the answer to {order}")


@pytest.fixture
def page(stack, monkeypatch):
    monkeypatch.setenv("LKAS_INSTANCE", stack.instance)
    path = runtime_directory() / "events.sock"
    stack.start("lkas", "--broadcast", "--set", "events.notify=true")
    stack.start("simulation", "--broadcast")
    page = Page(path)
    wait_until(lambda: stack.lkas("param", "get", "decision.set_speed_mps").returncode == 0, "parameters are known")
    wait_until(lambda: stack.pid_of("simulation") is not None, "the simulation reports")
    yield page
    page.client.stop()
    assert os.environ["LKAS_INSTANCE"] == stack.instance


def test_orders_are_carried_out_and_answered(page):
    done = page.ask({"action": "pause", "request_id": "1"})
    assert (done["ok"], done["applied"], done["error"]) == (True, True, None)
    done = page.ask({"category": "decision", "name": "set_speed_mps", "value": 9, "request_id": "2"})
    assert (done["ok"], done["applied"], done["active"]) == (True, 9.0, True)
    refused = page.ask({"action": "fly", "request_id": "3"})
    assert not refused["ok"]
    assert "fly" in refused["error"]
    refused = page.ask({"category": "decision", "name": "set_speed_mps", "value": "fast", "request_id": "4"})
    assert "expected a number" in refused["error"]
    wrong = page.ask({"action": 5, "request_id": "5"})
    assert wrong["error"].startswith("not an order: ")
    page.client.send({"type": "user_message", "message": "no order"})
    assert page.ask({"action": "resume", "request_id": "6"})["ok"]
