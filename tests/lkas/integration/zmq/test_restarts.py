"""Any side may start first, end and restart: values survive as long as one side has them."""

import pytest
import zmq

from lkas.integration.zmq import BrokerClient, LKASBroker, Ports
from lkas.integration.zmq.instructions import MAX_RECEIVERS
from tests.lkas.integration.zmq.peers import Dealer, Subscriber, settle, until
from tests.lkas.integration.zmq.test_actions import World
from tests.lkas.integration.zmq.test_parameters import Knobs, Process, change, revision, values


@pytest.fixture
def restart(broker, clock, closing):
    def restart(old=broker):
        old.close()
        return closing(LKASBroker(broker.ports, clock=clock))

    return restart


def test_a_restarted_process_gets_the_brokers_values(broker, closing, dealer, subscribe):
    viewer, tool = subscribe("parameters"), dealer("parameters")
    first = Process(broker)
    until(lambda: revision(viewer) == 0, broker, first, viewer)
    tool.ask(change("low", 60.0), broker, first, answers=2)
    tool.ask(change("votes", 7), broker, first, answers=2)
    first.close()
    second = closing(Process(broker))
    until(lambda: len(second.changes) == 2, broker, second)
    assert dict(second.changes) == {"low": 60.0, "votes": 7}
    until(lambda: revision(viewer) == 2, broker, second, viewer)
    settle(broker, second, viewer)
    assert len(second.changes) == 2
    assert revision(viewer) == 2
    assert values(viewer)["low"] == 60.0


def test_a_value_that_the_restarted_process_no_longer_allows_is_dropped(broker, closing, dealer, subscribe):
    viewer, tool = subscribe("parameters"), dealer("parameters")
    first = Process(broker)
    until(lambda: revision(viewer) == 0, broker, first, viewer)
    tool.ask(change("low", 60.0), broker, first, answers=2)
    tool.ask(change("votes", 7), broker, first, answers=2)
    first.close()
    second = closing(Process(broker))
    second.refuse = "not any more"
    until(lambda: revision(viewer) == 2 and values(viewer)["low"] == 50.0, broker, second, viewer)
    assert values(viewer)["votes"] == 50
    assert tool.ask(change("votes", 8), broker, second, answers=2)["error"] == "not any more"


def test_a_restarted_broker_takes_the_processes_values(broker, closing, dealer, context, restart):
    process = closing(Process(broker))
    tool = dealer("parameters")
    until(lambda: tool.ask(change("low", 60.0), broker, process)["ok"], broker, process)
    until(lambda: process.changes, broker, process)
    second = restart()
    viewer = closing(Subscriber(context, second.ports.broadcast, ["parameters"]))
    until(lambda: (revision(viewer) or 0) >= 1, second, process, viewer)
    assert values(viewer)["low"] == 60.0
    tool = closing(Dealer(context, second.ports.parameters))
    assert tool.ask(change("low", 61.0), second, process, answers=2)["applied"] == 61.0
    until(lambda: values(viewer)["low"] == 61.0, second, process, viewer)


def test_a_process_may_start_before_the_broker(closing, clock):
    early = LKASBroker(Ports(0), clock=clock)
    ports = early.ports
    early.close()
    process, tool = closing(Process(early)), closing(BrokerClient(ports, ["parameters"]))
    settle(process)
    broker = closing(LKASBroker(ports, clock=clock))
    tables = []

    def known():
        tables.extend(tool.poll().values())
        return tables and tables[-1]["revisions"] == {"knobs": 0}

    until(known, broker, process)


def test_a_lost_change_is_detected_by_the_status(broker, closing, dealer, subscribe):
    """The process has an older (or newer) revision than the broker: its status shows it, and tables are exchanged."""
    process, viewer, tool = closing(Process(broker)), subscribe("parameters"), dealer("parameters")
    until(lambda: revision(viewer) == 0, broker, process, viewer)
    tool.ask(change("low", 60.0), broker, process, answers=2)
    process.client._revision, process.client._values["low"] = 0, 50.0
    process.changes.clear()
    process.client.send_status("running")
    until(lambda: process.changes == [("low", 60.0)], broker, process)
    process.client._revision, process.client._values["low"] = 9, 77.0
    process.client.send_status("running")
    until(lambda: revision(viewer) == 9, broker, process, viewer)
    assert values(viewer)["low"] == 77.0


def test_a_restarted_broker_reconnects_to_the_simulation(broker, closing, restart, context):
    world = closing(World(broker))
    second = restart()
    tool = closing(Dealer(context, second.ports.actions))

    def done():
        world.client.send_status("running")
        return tool.ask({"action": "pause"}, second, world)["ok"]

    until(done, second, world)
    until(lambda: world.done, second, world)


def test_of_two_processes_of_a_category_the_newer_one_counts(broker, closing, subscribe):
    viewer = subscribe("parameters")
    first = closing(Process(broker))
    until(lambda: revision(viewer) == 0, broker, first, viewer)
    second = closing(Process(broker, section=Knobs(low=70.0)))
    until(lambda: values(viewer)["low"] == 70.0, broker, second, viewer)


def test_subscriptions_to_many_topics_lock_no_process_out(broker, closing, dealer, context):
    """While the process restarts, another peer fills the table of receivers, and stays."""
    first = closing(Process(broker))
    until(lambda: broker._to_servers.has_receiver("knobs"), broker, first)
    first.close()
    until(lambda: not broker._to_servers.has_receiver("knobs"), broker)
    peer = closing(context.socket(zmq.SUB))
    peer.connect(broker.ports.to_servers)
    for number in range(100):
        peer.subscribe(f"bogus{number}")
    until(lambda: len(broker._to_servers._receivers) == MAX_RECEIVERS, broker)
    second = closing(Process(broker))
    tool = dealer("parameters")
    until(lambda: tool.ask(change("low", 60.0), broker)["ok"], broker, second)
    until(lambda: second.changes == [("low", 60.0)], broker, second)
    for number in range(100, 200):  # a confirmed one is not dropped
        peer.subscribe(f"bogus{number}")
    settle(broker, tool)
    assert broker._to_servers.has_receiver("knobs")
