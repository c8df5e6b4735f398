"""Parameters over real sockets: checked against the table of the process, applied there, answered."""

from typing import Annotated, Literal

import pytest

from lkas.integration.zmq import ParameterClient
from lkas.parameters import ParameterError, Section, declare
from tests.lkas.integration.zmq.peers import settle, until


class Knobs(Section, frozen=True, kw_only=True):
    low: Annotated[float, declare("Lower", unit="px", minimum=1, maximum=150, live=True, used_by=("hough",))] = 50.0
    votes: Annotated[int, declare("Votes", minimum=1, maximum=150, live=True)] = 50
    fast: Annotated[bool, declare("Fast", live=True)] = False
    kind: Annotated[Literal["a", "b"], declare("Kind", live=True)] = "a"
    limit: Annotated[float | None, declare("Limit", minimum=0, live=True)] = 1.0
    method: Annotated[Literal["cv", "hough"], declare("Method")] = "cv"


KNOBS = Knobs()


class Process:
    """A process with parameters that records its changes."""

    def __init__(self, broker, section=KNOBS, active=None, category="knobs"):
        self.client = ParameterClient(category, broker.ports, section, active)
        self.client.register_callback(self._on_change)
        self.changes = []
        self.refuse = None

    def _on_change(self, name, value):
        if self.refuse:
            raise ParameterError(self.refuse)
        self.changes.append((name, value))

    def poll(self):
        self.client.poll()

    def close(self):
        self.client.close()


@pytest.fixture
def process(broker, closing, subscribe):
    process = closing(Process(broker))
    viewer = subscribe("parameters")
    until(lambda: revision(viewer) == 0, broker, process, viewer)
    return process


def revision(viewer, category="knobs"):
    tables = viewer.of("parameters")
    return tables[-1]["revisions"].get(category) if tables else None


def values(viewer):
    return {entry["name"]: entry["value"] for entry in viewer.of("parameters")[-1]["parameters"]}


def change(name, value, **more):
    return {"category": "knobs", "name": name, "value": value, **more}


@pytest.mark.parametrize(
    ("name", "value", "applied"),
    [("low", 60.0, 60.0), ("low", 60, 60.0), ("votes", 7.0, 7), ("fast", True, True), ("kind", "b", "b")],
)
def test_a_change_is_accepted_applied_and_published(broker, process, dealer, subscribe, name, value, applied):
    tool, viewer = dealer("parameters"), subscribe("parameters")
    last = tool.ask(change(name, value, request_id="one"), broker, process, answers=2)
    assert tool.answers[0] == {"request_id": "one", "ok": True, "applied": None, "active": True, "error": None}
    assert last == {"request_id": "one", "ok": True, "applied": applied, "active": True, "error": None}
    assert process.changes == [(name, applied)]
    assert type(process.changes[0][1]) is type(applied)
    until(lambda: revision(viewer) == 1 and values(viewer)[name] == applied, broker, process, viewer)


def test_a_req_socket_gets_the_final_answer_only(broker, process, requester, clock):
    tool = requester("parameters")
    assert tool.ask(change("low", 60.0), broker, process)["applied"] == 60.0
    tool.send(change("low", 70.0))
    settle(broker, tool)  # without the process
    assert len(tool.answers) == 1
    until(lambda: clock.advance(0.1) or len(tool.answers) == 2, broker, tool)
    assert not tool.answers[-1]["ok"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (change("lwo", 60.0), ["knobs.lwo", "no such parameter", "did you mean low"]),
        (change("low", "60"), ["knobs.low = '60'", "a number from 1 to 150 (px)"]),
        (change("low", True), ["knobs.low = True", "a number from 1 to 150 (px)"]),
        (change("low", None), ["knobs.low = None", "a number from 1 to 150 (px)"]),
        (change("low", 151), ["knobs.low = 151", "from 1 to 150"]),
        (change("low", 0.999), ["knobs.low = 0.999", "from 1 to 150"]),
        (change("votes", 1.5), ["knobs.votes = 1.5", "a whole number from 1 to 150"]),
        (change("fast", 1), ["knobs.fast = 1", "true or false"]),
        (change("kind", "c"), ["knobs.kind = 'c'", "one of a, b"]),
        (change("method", "hough"), ["knobs.method cannot change while the program runs", "--set knobs.method=hough"]),
        ({"category": "nobs", "name": "low", "value": 1}, ["'nobs'", "known are knobs"]),
    ],
)
def test_a_value_that_is_not_allowed_is_refused_at_once_with_the_allowed_ones(broker, process, dealer, request_, words):
    answer = dealer("parameters").ask(request_, broker)
    assert not answer["ok"]
    assert answer["applied"] is None
    for word in words:
        assert word in answer["error"]
    settle(broker, process)
    assert process.changes == []


def test_an_optional_parameter_can_be_set_to_null(broker, process, dealer):
    tool = dealer("parameters")
    assert tool.ask(change("limit", None), broker, process, answers=2)["ok"]
    assert process.changes == [("limit", None)]


def test_a_change_that_the_process_refuses_has_no_effect(broker, process, dealer, subscribe):
    viewer = subscribe("parameters")
    process.refuse = "low must stay below high"
    answer = dealer("parameters").ask(change("low", 60.0), broker, process, answers=2)
    assert (answer["ok"], answer["error"]) == (False, "low must stay below high")
    until(lambda: viewer.messages, broker, viewer)
    assert values(viewer)["low"] == 50.0


def test_a_parameter_of_another_method_is_stored_and_reported_as_inactive(broker, closing, dealer, subscribe):
    process, viewer = closing(Process(broker, active=("votes",))), subscribe("parameters")
    until(lambda: revision(viewer) == 0, broker, process, viewer)
    tool = dealer("parameters")
    last = tool.ask(change("low", 60.0), broker, process, viewer, answers=2)
    assert [answer["active"] for answer in tool.answers] == [False, False]
    assert last["applied"] == 60.0
    until(lambda: revision(viewer) == 1, broker, viewer)
    active = {entry["name"]: entry["active"] for entry in viewer.of("parameters")[-1]["parameters"]}
    assert active == {"low": False, "votes": True, "fast": False, "kind": False, "limit": False, "method": False}
    assert values(viewer)["low"] == 60.0


def test_a_process_that_does_not_answer_is_reported_after_2_s(broker, process, dealer, clock):
    tool = dealer("parameters")
    tool.ask(change("low", 60.0), broker)
    clock.advance(1.99)
    settle(broker, tool)
    assert len(tool.answers) == 1
    clock.advance(0.02)
    until(lambda: len(tool.answers) == 2, broker, tool)
    assert not tool.answers[-1]["ok"]
    assert tool.answers[-1]["error"] == "knobs did not answer within 2 s"


def test_a_value_that_was_applied_too_late_is_still_stored(broker, process, dealer, clock, subscribe):
    tool, viewer = dealer("parameters"), subscribe("parameters")
    tool.ask(change("low", 60.0), broker)
    clock.advance(3)
    until(lambda: len(tool.answers) == 2, broker, tool)
    until(lambda: revision(viewer) == 1, broker, process, viewer)
    assert values(viewer)["low"] == 60.0
    settle(broker, tool)
    assert len(tool.answers) == 2


def test_a_process_that_has_ended_is_not_connected(broker, process, dealer):
    tool = dealer("parameters")
    process.close()
    until(lambda: tool.ask(change("low", 60.0), broker)["error"] == "knobs not connected", broker)


def test_without_a_section_the_process_checks_the_values(broker, closing, dealer):
    process = closing(Process(broker, section=None, category="free"))
    request = {"category": "free", "name": "anything", "value": 3}
    tool = dealer("parameters")
    until(lambda: tool.ask(request, broker, process)["ok"], broker, process)
    until(lambda: process.changes, broker, process)
    process.refuse = "not that one"
    assert tool.ask(request, broker, process, answers=2)["error"] == "not that one"


def test_a_process_without_callback_refuses_changes(broker, closing, dealer, subscribe):
    client, viewer = closing(ParameterClient("knobs", broker.ports, Knobs())), subscribe("parameters")
    until(lambda: revision(viewer) == 0, broker, client, viewer)
    answer = dealer("parameters").ask(change("low", 60.0), broker, client, answers=2)
    assert answer["error"] == "knobs takes no parameters now"


def test_a_change_is_reported_as_an_event(broker, process, dealer, subscribe):
    viewer = subscribe("event")
    until(lambda: broker.wants("event"), broker)
    dealer("parameters").ask(change("low", 60.0), broker, process, answers=2)
    until(lambda: viewer.messages, broker, viewer)
    assert viewer.of("event")[-1]["text"] == "knobs.low = 60.0"


def test_the_published_table_contains_the_whole_declaration(broker, process, subscribe):
    viewer = subscribe("parameters")
    until(lambda: viewer.messages, broker, viewer)
    low = next(entry for entry in viewer.of("parameters")[-1]["parameters"] if entry["name"] == "low")
    assert low == {
        "category": "knobs",
        "name": "low",
        "type": "float",
        "default": 50.0,
        "unit": "px",
        "minimum": 1,
        "maximum": 150,
        "choices": [],
        "optional": False,
        "description": "Lower",
        "live": True,
        "used_by": ["hough"],
        "value": 50.0,
        "active": True,
    }
