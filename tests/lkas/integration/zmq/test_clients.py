"""The clients of our processes without a broker: their imports, malformed instructions, no blocking."""

import json
import subprocess
import sys

import pytest
import zmq

from lkas.integration.zmq import ParameterClient, Ports, SimulationClient, SupervisorClient
from lkas.integration.zmq.messages import ProcessEntry
from lkas.integration.zmq.ports import free_port_base
from tests.lkas.integration.zmq.peers import until

MALFORMED = [
    b"{",
    b"",
    b"[1]",
    b'{"type": "hullo"}',
    b'{"type": "parameter", "name": 7}',
    b'{"type": "values", "values": NaN}',
]


@pytest.fixture
def ports():
    return Ports(free_port_base())


@pytest.fixture
def rogue(context, closing, ports):
    """Another program on the broker's port for instructions to servers."""
    socket = closing(context.socket(zmq.XPUB))
    socket.setsockopt(zmq.LINGER, 0)
    socket.bind(ports.to_servers)
    return socket


def test_clients_import_neither_numpy_nor_opencv():
    code = (
        "import sys; from lkas.integration.zmq import BrokerClient, ParameterClient, SimulationClient; "
        "print([name for name in ('numpy', 'cv2') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout.strip() == "[]"


def test_malformed_instructions_are_dropped_and_logged_once(rogue, closing, ports, caplog):
    client, changes = closing(ParameterClient("detection", ports)), []
    client.register_callback(lambda name, value: changes.append((name, value)))
    instruction = {
        "type": "parameter",
        "category": "detection",
        "name": "a",
        "value": 1,
        "revision": 1,
        "request_id": "x",
    }
    until(lambda: rogue.poll(0), client)
    assert rogue.recv() == b"\x01detection"
    for malformed in MALFORMED:
        rogue.send_multipart([b"detection", malformed])
    rogue.send_multipart([b"detection"])
    rogue.send_multipart([b"detection", b"{}", b"{}"])
    rogue.send_multipart([b"detection2", json.dumps(instruction).encode()])
    rogue.send_multipart([b"detection", json.dumps({**instruction, "name": "b"}).encode()])
    until(lambda: changes, client)
    assert {name for name, _ in changes} == {"b"}
    assert len([record for record in caplog.records if "dropped" in record.message]) == 1


def test_without_a_broker_no_call_blocks_and_nothing_is_queued(closing, ports):
    """A later broker does not get the thousand events from before its start."""
    world, supervisor = closing(SimulationClient(ports)), closing(SupervisorClient(ports))
    for number in range(1000):
        assert world.poll() == []
        world.send_event("tick", "info", str(number))
        supervisor.send_processes((ProcessEntry(name="detection", state="running"),))
    with zmq.Context() as context, context.socket(zmq.PULL) as broker:
        broker.bind(ports.from_processes)

        def arrived():
            world.send_event("tick", "info", "now")
            return broker.poll(0)

        until(arrived)
        assert json.loads(broker.recv())["text"] == "now"


def test_a_long_event_text_is_truncated(closing, ports):
    world = closing(SimulationClient(ports))
    with zmq.Context() as context, context.socket(zmq.PULL) as broker:
        broker.bind(ports.from_processes)

        def arrived():
            world.send_event("tick", "info", "x" * 5000)
            return broker.poll(0)

        until(arrived)
        assert len(json.loads(broker.recv())["text"]) == 1000
