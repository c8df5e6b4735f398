"""ZMQ to hub: reads the broker's broadcast until it is empty and keeps only the newest.

Frames are subscribed to only while somebody watches: the broker encodes none otherwise.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from typing import cast

import zmq
import zmq.asyncio

from lkas.integration.zmq.ports import Ports
from lkas.integration.zmq.sockets import connect
from viewer import topics
from viewer.hub import Hub, Outbox
from viewer.requests import Requests
from viewer.wire import Action, BrokerState, Frame, SetParameter, ViewerState, encode

logger = logging.getLogger(__name__)

BROKER_SILENT_S = 3.0  # the broker says something (health) at least once a second
STATE_PERIOD_S = 1.0
_READ_AT_ONCE = 256  # messages per turn, so that a flood can not keep the event loop


class Bridge:
    """The viewer's side of the broker: its broadcast in, requests out, and whether it is alive."""

    def __init__(self, ports: Ports, hub: Hub) -> None:
        self.ports = ports
        self.malformed = 0
        self.newest_frame_s: float | None = None  # monotonic, when the newest frame arrived
        self._hub = hub
        self._heard_s: float | None = None  # monotonic, when the broker was last heard
        self._context = zmq.asyncio.Context()
        self._broadcast = _subscriber(self._context, ports.broadcast)
        self._requests = Requests(self._context, ports)
        hub.on_watched(self._watch_frames)

    async def run(self) -> None:
        """Receive until cancelled, then close everything."""
        try:
            await asyncio.gather(self._receive(), self._requests.run(), self._tell_state())
        finally:
            self._requests.close()
            self._broadcast.close()
            self._context.term()  # returns at once: every socket has linger 0

    async def send(self, outbox: Outbox, request: Action | SetParameter) -> None:
        """Pass a page's request on; the answer comes to its outbox."""
        await self._requests.send(outbox, request)

    def forget_page(self, outbox: Outbox) -> None:
        self._requests.forget_page(outbox)

    def broker_state(self) -> BrokerState:
        silent_s = None if self._heard_s is None else time.monotonic() - self._heard_s
        return BrokerState(
            alive=silent_s is not None and silent_s < BROKER_SILENT_S,
            address=f"{self.ports.host}:{self.ports.base}",
            silent_s=None if silent_s is None else round(silent_s, 3),
        )

    def _watch_frames(self, watched: bool) -> None:
        if not self._broadcast.closed:
            self._broadcast.setsockopt(zmq.SUBSCRIBE if watched else zmq.UNSUBSCRIBE, topics.FRAME.encode())

    async def _receive(self) -> None:
        while True:
            newest_frame: Frame | None = None
            newest_text: dict[str, str] = {}
            async for parts in self._waiting():
                try:
                    topic = topics.topic_of(parts)
                    if topic == topics.FRAME:
                        newest_frame = topics.decode_frame(parts)
                    elif topic == topics.EVENT:
                        self._hub.publish_event(topics.checked_text(parts))
                    else:
                        newest_text[topic] = topics.checked_text(parts)
                except topics.WireError as error:
                    self._count_malformed(error)
            for topic, text in newest_text.items():
                self._hub.publish_topic(topic, text, lasting=topic == topics.PARAMETERS)
            if newest_frame is not None:
                self.newest_frame_s = self._heard_s
                self._hub.publish_frame(newest_frame)

    async def _waiting(self) -> AsyncIterator[list[bytes]]:
        """The next message of the broker, and those that wait behind it."""
        first = await self._broadcast.recv_multipart()
        self._hear()
        yield first
        with contextlib.suppress(zmq.Again):
            for _ in range(_READ_AT_ONCE - 1):
                yield await self._broadcast.recv_multipart(zmq.NOBLOCK)

    def _hear(self) -> None:
        was_alive = self.broker_state().alive
        self._heard_s = time.monotonic()
        if not was_alive:
            self._publish_state()

    async def _tell_state(self) -> None:
        while True:
            self._publish_state()
            await asyncio.sleep(STATE_PERIOD_S)

    def _publish_state(self) -> None:
        state = ViewerState(time=time.time(), broker=self.broker_state(), viewers=len(self._hub))
        self._hub.publish_topic("viewer", encode(state))

    def _count_malformed(self, error: topics.WireError) -> None:
        self.malformed += 1
        if self.malformed == 1:
            logger.warning("the broker at %s sent a message that can not be used: %s", self.ports.broadcast, error)


def _subscriber(context: zmq.asyncio.Context, endpoint: str) -> zmq.asyncio.Socket:
    socket = cast(zmq.asyncio.Socket, connect(context, zmq.SUB, endpoint, linger_ms=0))
    for topic in topics.TELEMETRY:
        socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
    return socket
