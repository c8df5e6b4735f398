"""Actions, their answers and the status, with a client that only remembers."""

from types import SimpleNamespace

import pytest

from simulation.broker_link import BrokerLink
from simulation.world import WorldError
from tests.simulation.fakes import Bench, control


class FakeClient:
    def __init__(self):
        self.asked, self.replies, self.statuses = [], [], []

    def poll(self):
        asked, self.asked = self.asked, []
        return [SimpleNamespace(name=name, params={}, request_id=str(n)) for n, name in enumerate(asked)]

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


def test_actions_are_done_in_order_and_each_is_answered(bench):
    run(bench, 0.1)
    bench.client.asked = ["pause", "respawn", "fly"]
    run(bench, 0.1)
    assert bench.runner.paused
    assert bench.world.respawns == 1
    assert bench.client.replies[:2] == [("pause", True, None), ("respawn", True, None)]
    name, ok, error = bench.client.replies[2]
    assert (name, ok) == ("fly", False)
    assert "no such action" in error


def test_what_the_world_can_not_do_is_refused_in_its_own_words(bench):
    def refuse():
        raise WorldError("camera 0: a live camera has no start to go back to")

    bench.world.respawn = refuse
    bench.client.asked = ["respawn"]
    run(bench, 0.05)
    assert bench.client.replies == [("respawn", False, "camera 0: a live camera has no start to go back to")]


def test_status_goes_out_twice_a_second_with_rate_age_and_render_time(bench):
    run(bench, 5.0)
    assert len(bench.client.statuses) == 10
    last = bench.client.statuses[-1]
    assert last["state"] == "waiting for control"
    assert last["rate_hz"] == pytest.approx(33.3, abs=0.5)
    assert 0 <= last["age_ms"] <= 40
    assert last["latency_ms"]["render"].p99 == pytest.approx(4.0)


def test_status_goes_on_while_paused_and_says_so(bench):
    run(bench, 0.5)
    bench.controls.write(control())
    run(bench, 0.6)
    assert bench.client.statuses[-1]["state"] == "running"
    bench.client.asked = ["pause"]
    run(bench, 3.0)
    assert bench.client.statuses[-1]["state"] == "paused"
    assert bench.client.statuses[-1]["rate_hz"] == 0.0
    assert bench.client.statuses[-1]["age_ms"] > 2000
