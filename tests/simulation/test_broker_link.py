"""Actions, their replies and the status, with a fake client that records calls."""

from types import SimpleNamespace

import pytest

from simulation.broker_link import BrokerLink
from simulation.world import WorldError
from tests.simulation.fakes import Bench, control


class FakeClient:
    def __init__(self):
        self.requested, self.replies, self.statuses = [], [], []

    def poll(self):
        requested, self.requested = self.requested, []
        return [SimpleNamespace(name=name, params={}, request_id=str(n)) for n, name in enumerate(requested)]

    def reply(self, action, ok, error=None):
        self.replies.append((action.name, ok, error))

    def send_status(self, **status):
        self.statuses.append(status)


@pytest.fixture
def bench():
    bench = Bench(render_s=0.004)
    bench.client = FakeClient()
    bench.link = BrokerLink(bench.client, bench.clock)
    return bench


def run(bench, seconds):
    end_ns = bench.clock.now_ns() + round(seconds * 1e9)
    while bench.clock.now_ns() < end_ns:
        bench.runner.cycle()
        bench.link.serve(bench.runner)
        bench.keeper.wait()


def test_actions_are_executed_in_order_and_each_gets_a_reply(bench):
    run(bench, 0.1)
    bench.client.requested = ["pause", "respawn", "fly"]
    run(bench, 0.1)
    assert bench.runner.paused
    assert bench.world.respawns == 1
    assert bench.client.replies[:2] == [("pause", True, None), ("respawn", True, None)]
    name, ok, error = bench.client.replies[2]
    assert (name, ok) == ("fly", False)
    assert "no such action" in error


def test_an_action_that_the_world_refuses_is_answered_with_its_error(bench):
    text = "camera 0: a live camera cannot be restarted from a start position"

    def refuse():
        raise WorldError(text)

    bench.world.respawn = refuse
    bench.client.requested = ["respawn"]
    run(bench, 0.05)
    assert bench.client.replies == [("respawn", False, text)]


def test_the_status_is_sent_twice_a_second_with_rate_age_and_render_time(bench):
    run(bench, 5.0)
    assert len(bench.client.statuses) == 10
    last = bench.client.statuses[-1]
    assert last["state"] == "waiting for control"
    assert last["rate_hz"] == pytest.approx(33.3, abs=0.5)
    assert 0 <= last["age_ms"] <= 40
    assert last["latency_ms"]["render"].p99 == pytest.approx(4.0)


def test_the_status_is_also_sent_while_paused(bench):
    run(bench, 0.5)
    bench.controls.write(control())
    run(bench, 0.6)
    assert bench.client.statuses[-1]["state"] == "running"
    bench.client.requested = ["pause"]
    run(bench, 3.0)
    assert bench.client.statuses[-1]["state"] == "paused"
    assert bench.client.statuses[-1]["rate_hz"] == 0.0
    assert bench.client.statuses[-1]["age_ms"] > 2000
