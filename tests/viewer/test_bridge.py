"""The viewer's side of the broker's broadcast, in this process."""

import asyncio
import contextlib

import zmq

from lkas.integration.zmq import messages
from lkas.integration.zmq.ports import Ports, free_port_base
from tests.viewer.test_http import becomes
from viewer import topics
from viewer.bridge import Bridge
from viewer.hub import Hub, Outbox

FLOOD = 600  # more than twice what is read in one turn, less than what ZMQ keeps


def test_no_message_of_a_flood_is_passed_over():
    ports = Ports(free_port_base())
    last = messages.encode(messages.Event(timestamp=1.0, name="end", level="info", process="test", text="")).decode()

    async def scenario(broadcast: zmq.Socket) -> int:
        bridge, outbox = Bridge(ports, hub := Hub(4)), Outbox()
        for _ in topics.TELEMETRY:
            becomes(lambda: broadcast.poll(0))
            broadcast.recv()
        for _ in range(FLOOD):
            broadcast.send_multipart([b"state", b"no message"])
        broadcast.send_multipart([b"event", last.encode()])
        await asyncio.sleep(0.1)  # for the sake of the test: what has arrived is read in one turn
        with hub.joined(outbox):
            running = asyncio.create_task(bridge.run())
            while await asyncio.wait_for(outbox.next(), 60) != last:
                pass
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        return bridge.malformed

    with zmq.Context() as context, context.socket(zmq.XPUB) as broadcast:
        broadcast.bind(ports.broadcast)
        assert asyncio.run(scenario(broadcast)) == FLOOD
