"""The bridge in this process, with a broadcast socket in place of the broker."""

import asyncio
import contextlib

import zmq

from lkas.integration.zmq import messages
from lkas.integration.zmq.ports import Ports, free_port_base
from tests.support.stack import wait_until
from viewer import topics
from viewer.bridge import Bridge
from viewer.hub import Hub, Outbox

FLOOD = 600  # more than two batches, less than the high-water mark of ZMQ


def test_a_flood_of_messages_is_read_completely():
    ports = Ports(free_port_base())
    event = messages.BroadcastEvent(timestamp=1.0, name="end", level="info", process="test", text="")
    last = messages.encode(event).decode()

    async def scenario(broadcast: zmq.Socket) -> int:
        bridge, outbox = Bridge(ports, hub := Hub(4)), Outbox()
        for _ in topics.TELEMETRY:
            wait_until(lambda: broadcast.poll(0), "a subscription")
            broadcast.recv()
        for _ in range(FLOOD):
            broadcast.send_multipart([b"state", b"malformed"])
        broadcast.send_multipart([b"event", last.encode()])
        await asyncio.sleep(0.1)  # all messages have arrived before the first is read
        with hub.subscribed(outbox):
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
