"""Actions over real sockets: for the simulation, for registered functions, for decision."""

import pytest

from lkas.integration.zmq import ParameterClient, SimulationClient
from tests.lkas.integration.zmq.peers import arrived, settle, until


class World:
    """A simulation that performs actions, refuses them, or does not answer."""

    def __init__(self, broker):
        self.client = SimulationClient(broker.ports)
        self.done = []
        self.answer = "yes"

    def poll(self):
        for action in self.client.poll():
            self.done.append((action.name, action.params))
            if self.answer is not None:
                self.client.reply(action, self.answer == "yes", None if self.answer == "yes" else self.answer)

    def close(self):
        self.client.close()


@pytest.fixture
def world(broker, closing, subscribe):
    """A simulation that is connected to the broker."""
    world, viewer = closing(World(broker)), subscribe("health", "event")

    def is_known():
        world.client.send_status("running", rate_hz=30.0)
        broker.broadcast_health()
        return any(health["processes"] for health in viewer.of("health"))

    until(is_known, broker, world, viewer)
    until(lambda: broker._to_simulation.has_receiver("simulation") and broker.wants("event"), broker)
    arrived(broker, viewer, world.client)
    return world


@pytest.mark.parametrize("action", ["pause", "resume", "respawn"])
def test_the_simulation_performs_it_and_the_sender_gets_two_answers(broker, world, dealer, action):
    tool = dealer("actions")
    tool.ask({"action": action, "params": {"at": 3}, "request_id": "one"}, broker, world, answers=2)
    accepted = {"request_id": "one", "ok": True, "applied": None, "active": None, "error": None}
    assert tool.answers == [accepted, {**accepted, "applied": True}]
    assert world.done == [(action, {"at": 3})]


def test_the_reason_of_a_refusal_reaches_the_sender(broker, world, dealer):
    world.answer = "no free place to spawn"
    answer = dealer("actions").ask({"action": "respawn"}, broker, world, answers=2)
    assert (answer["ok"], answer["applied"], answer["error"]) == (False, None, "no free place to spawn")


@pytest.mark.parametrize("action", ["pause", "resume", "respawn"])
def test_without_a_simulation_it_is_refused_and_reaches_no_process(broker, closing, dealer, action):
    decision, received = closing(ParameterClient("decision", broker.ports)), []
    decision.register_action(lambda action, params: received.append(action))
    until(lambda: broker._to_servers.has_receiver("decision"), broker, decision)
    answer = dealer("actions").ask({"action": action}, broker)
    assert (answer["ok"], answer["error"]) == (False, "simulation not connected")
    settle(broker, decision)
    assert received == []


def test_a_simulation_without_a_status_for_2_s_is_not_connected(broker, world, dealer, clock):
    tool = dealer("actions")
    clock.advance(1.9)
    assert tool.ask({"action": "pause"}, broker, world, answers=2)["ok"]
    clock.advance(0.2)
    assert tool.ask({"action": "pause"}, broker, world)["error"] == "simulation not connected"


@pytest.mark.parametrize(("action", "limit_s"), [("pause", 2), ("resume", 2), ("respawn", 30)])
def test_a_missing_result_is_reported_after_its_time_limit(broker, world, dealer, clock, action, limit_s):
    world.answer = None
    tool = dealer("actions")
    tool.ask({"action": action}, broker, world)
    clock.advance(limit_s - 0.01)
    settle(broker, tool)
    assert len(tool.answers) == 1
    clock.advance(0.02)
    until(lambda: len(tool.answers) == 2, broker, tool)
    assert tool.answers[-1]["error"] == f"the simulation did not answer within {limit_s} s"


def test_an_unknown_action_is_refused_with_the_known_ones(broker, world, dealer):
    broker.register_action("snapshot", lambda: None)
    answer = dealer("actions").ask({"action": "fly"}, broker)
    assert answer["error"] == "no such action 'fly'; known are indicator, override, pause, respawn, resume, snapshot"
    settle(broker, world)
    assert world.done == []


def test_a_registered_function_is_called_and_the_simulation_gets_the_action_too(broker, world, dealer):
    calls = []
    broker.register_action("pause", lambda: calls.append("pause"))
    broker.register_action("snapshot", lambda params: calls.append(params))
    tool = dealer("actions")
    assert tool.ask({"action": "pause"}, broker, world, answers=2)["applied"] is True
    assert tool.ask({"action": "snapshot", "params": {"name": "a"}}, broker, world)["applied"] is True
    assert calls == ["pause", {"name": "a"}]
    until(lambda: world.done == [("pause", {}), ("snapshot", {"name": "a"})], broker, world)


def test_a_registered_function_needs_no_simulation(broker, dealer):
    broker.register_action("pause", lambda: None)
    assert dealer("actions").ask({"action": "pause"}, broker)["applied"] is True


def test_an_exception_in_a_function_is_a_refusal_and_the_broker_continues(broker, world, dealer, caplog):
    def fail():
        raise RuntimeError("disk full")

    broker.register_action("pause", fail)
    tool = dealer("actions")
    answer = tool.ask({"action": "pause"}, broker, world)
    assert (answer["ok"], answer["error"]) == (False, "pause: disk full")
    assert "action pause failed" in caplog.text
    assert tool.ask({"action": "respawn"}, broker, world, answers=2)["ok"]
    assert world.done == [("respawn", {})]


def test_resume_also_reaches_decision_whose_result_does_not_count(broker, world, closing, dealer):
    decision, received = closing(ParameterClient("decision", broker.ports)), []

    def refuse(action, params):
        received.append((action, params))
        raise ValueError("still rolling")

    decision.register_action(refuse)
    until(lambda: broker._to_servers.has_receiver("decision"), broker, decision)
    world.answer = None
    tool = dealer("actions")
    tool.ask({"action": "resume"}, broker, world, decision)
    until(lambda: received == [("resume", {})], broker, world, decision)
    settle(broker, decision, tool)
    assert len(tool.answers) == 1
    tool.ask({"action": "pause"}, broker, world, decision)
    settle(broker, decision)
    assert received == [("resume", {})]


def test_actions_of_the_driver_go_to_decision_whose_result_counts(broker, world, closing, dealer):
    decision, received = closing(ParameterClient("decision", broker.ports)), []

    def perform(action, params):
        received.append((action, params))
        if params.get("side") == "up":
            raise ValueError("expected left, right or off")

    decision.register_action(perform)
    until(lambda: broker._to_servers.has_receiver("decision"), broker, decision)
    tool = dealer("actions")
    assert tool.ask({"action": "override"}, broker, decision, answers=2)["applied"] is True
    refused = tool.ask({"action": "indicator", "params": {"side": "up"}}, broker, decision, answers=2)
    assert (refused["ok"], refused["error"]) == (False, "expected left, right or off")
    assert received == [("override", {}), ("indicator", {"side": "up"})]
    assert world.done == []


def test_without_decision_actions_of_the_driver_are_refused(broker, dealer):
    assert dealer("actions").ask({"action": "override"}, broker)["error"] == "decision not connected"


def test_a_missing_result_of_decision_is_reported_after_2_s(broker, closing, dealer, clock):
    decision = closing(ParameterClient("decision", broker.ports))
    until(lambda: broker._to_servers.has_receiver("decision"), broker, decision)
    tool = dealer("actions")
    tool.ask({"action": "override"}, broker)
    clock.advance(2.01)
    until(lambda: len(tool.answers) == 2, broker, tool)
    assert tool.answers[-1]["error"] == "decision did not answer within 2 s"
