"""From the broker to the hub: reads all waiting broadcast messages and passes on the newest of each topic.

Frames are subscribed to only while there are viewers: the broker encodes none otherwise.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from typing import cast

import zmq
import zmq.asyncio

from lkas.integration.zmq.messages import ActionRequest, ParameterRequest
from lkas.integration.zmq.ports import Ports
from lkas.integration.zmq.sockets import connect
from viewer import topics
from viewer.hub import Hub, Outbox
from viewer.requests import Requests
from viewer.wire import BrokerState, PageFrame, ViewerState, encode

logger = logging.getLogger(__name__)

BROKER_SILENT_S = 3.0  # the broker sends its health at least once a second
STATE_PERIOD_S = 1.0
_READ_AT_ONCE = 256  # messages per batch, so that a flood cannot block the event loop


class Bridge:
    """Receives the broker's broadcast, sends requests to it, and watches whether it is alive."""

    def __init__(self, ports: Ports, hub: Hub) -> None:
        self.ports = ports
        self.malformed = 0
        self._hub = hub
        self._heard_s: float | None = None  # monotonic, when the last message of the broker arrived
        self._context = zmq.asyncio.Context()
        self._broadcast = _subscriber(self._context, ports.broadcast)
        self._requests = Requests(self._context, ports)
        hub.set_viewers_callback(self._subscribe_frames)

    async def run(self) -> None:
        """Receive until cancelled, then close everything."""
        try:
            await asyncio.gather(self._receive(), self._requests.run(), self._publish_state_periodically())
        finally:
            self._requests.close()
            self._broadcast.close()
            self._context.term()  # returns at once: every socket has linger 0

    async def send(self, outbox: Outbox, request: ActionRequest | ParameterRequest) -> None:
        """Send a page's request to the broker; the answer is put into its outbox."""
        await self._requests.send(outbox, request)

    def drop_page(self, outbox: Outbox) -> None:
        """Drop the pending requests of a page that has closed."""
        self._requests.drop_page(outbox)

    def broker_state(self) -> BrokerState:
        silent_s = None if self._heard_s is None else time.monotonic() - self._heard_s
        return BrokerState(
            alive=silent_s is not None and silent_s < BROKER_SILENT_S,
            address=f"{self.ports.host}:{self.ports.base}",
            silent_s=None if silent_s is None else round(silent_s, 3),
        )

    def silence_reason(self) -> str:
        """Why no message arrives from the broker, and the command that starts it."""
        broker = self.broker_state()
        since = "has sent no message" if broker.silent_s is None else f"has been silent for {broker.silent_s:.1f} s"
        return f"broker at {broker.address} {since}; start it with `lkas --broadcast`"

    def missing_frame_reason(self, waited_s: float) -> str:
        """Why no frame arrived within this time."""
        if not self.broker_state().alive:
            return f"{self.silence_reason()}, or a capture process with `simulation`"
        return f"no frame within {waited_s:g} s: the broker runs, but no simulation writes camera_feed"

    def _subscribe_frames(self, has_viewers: bool) -> None:
        if not self._broadcast.closed:
            self._broadcast.setsockopt(zmq.SUBSCRIBE if has_viewers else zmq.UNSUBSCRIBE, topics.FRAME.encode())

    async def _receive(self) -> None:
        while True:
            newest_frame: PageFrame | None = None
            newest_text: dict[str, str] = {}
            async for parts in self._batch():
                try:
                    topic = topics.topic_of(parts)
                    if topic == topics.FRAME:
                        newest_frame = topics.decode_frame(parts)
                    elif topic == topics.EVENT:
                        self._hub.publish_event(topics.validated_text(parts))
                    else:
                        newest_text[topic] = topics.validated_text(parts)
                except topics.InvalidMessageError as error:
                    self._count_malformed(error)
            for topic, text in newest_text.items():
                self._hub.publish_topic(topic, text, stays_valid=topic == topics.PARAMETERS)
            if newest_frame is not None:
                self._hub.publish_frame(newest_frame)

    async def _batch(self) -> AsyncIterator[list[bytes]]:
        """Wait for the next message; return it and those that have arrived meanwhile."""
        first = await self._broadcast.recv_multipart()
        self._mark_alive()
        yield first
        with contextlib.suppress(zmq.Again):
            for _ in range(_READ_AT_ONCE - 1):
                yield await self._broadcast.recv_multipart(zmq.NOBLOCK)

    def _mark_alive(self) -> None:
        was_alive = self.broker_state().alive
        self._heard_s = time.monotonic()
        if not was_alive:
            self._publish_state()

    async def _publish_state_periodically(self) -> None:
        while True:
            self._publish_state()
            await asyncio.sleep(STATE_PERIOD_S)

    def _publish_state(self) -> None:
        state = ViewerState(time=time.time(), broker=self.broker_state(), viewers=len(self._hub))
        self._hub.publish_topic("viewer", encode(state))

    def _count_malformed(self, error: topics.InvalidMessageError) -> None:
        self.malformed += 1
        if self.malformed == 1:
            logger.warning("the broker at %s sent a malformed message: %s", self.ports.broadcast, error)


def _subscriber(context: zmq.asyncio.Context, endpoint: str) -> zmq.asyncio.Socket:
    socket = cast(zmq.asyncio.Socket, connect(context, zmq.SUB, endpoint, linger_ms=0))
    for topic in topics.TELEMETRY:
        socket.setsockopt(zmq.SUBSCRIBE, topic.encode())
    return socket
