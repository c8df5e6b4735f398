"""Sends actions and parameter changes of the pages to the broker and returns each answer to its page.

The broker answers within 100 ms; an accepted request gets a second answer when it is done. Without a broker a request
fails at once. It is not kept, because a respawn must not happen when the broker returns much later.
"""

import asyncio
import logging
import secrets
from typing import cast

import msgspec
import zmq
import zmq.asyncio

from lkas.integration.zmq import messages
from lkas.integration.zmq.ports import Ports
from lkas.integration.zmq.sockets import connect
from viewer.hub import Outbox
from viewer.wire import PageAck, encode

logger = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 2.0  # the broker answers within 0.1 s on an idle machine
DONE_TIMEOUT_S = 32.0  # respawn and map changes may take 30 s
MAX_PENDING = 256


class _Pending(msgspec.Struct):
    """A request without a final answer, and the page it belongs to."""

    outbox: Outbox
    request_id: str  # the page's own
    timeout: asyncio.TimerHandle


class Requests:
    """Two DEALER sockets to the broker and the table of pending requests."""

    def __init__(self, context: zmq.asyncio.Context, ports: Ports) -> None:
        self._ports = ports
        self._actions = _dealer(context, ports.actions)
        self._parameters = _dealer(context, ports.parameters)
        self._pending: dict[str, _Pending] = {}
        # Pages and other viewers may use the same request ids: this prefix makes them unique at the broker.
        self._prefix = secrets.token_hex(4)
        self._count = 0
        self.malformed = 0

    async def send(self, outbox: Outbox, request: messages.ActionRequest | messages.ParameterRequest) -> None:
        """Send a page's request. Its outbox always receives an answer, in the worst case a timeout."""
        if len(self._pending) >= MAX_PENDING:
            _refuse(outbox, request.request_id, f"{MAX_PENDING} requests are pending; try again later")
            return
        self._count += 1
        wire_id = f"{self._prefix}-{self._count}"
        if isinstance(request, messages.ActionRequest):
            socket, endpoint = self._actions, self._ports.actions
            message = messages.ActionRequest(action=request.action, params=request.params, request_id=wire_id)
        else:
            socket, endpoint = self._parameters, self._ports.parameters
            message = messages.ParameterRequest(
                category=request.category, name=request.name, value=request.value, request_id=wire_id
            )
        self._add_pending(
            wire_id, outbox, request.request_id, ANSWER_TIMEOUT_S, f"no answer from the broker at {endpoint}"
        )
        try:
            await socket.send(messages.encode(message), zmq.NOBLOCK)
        except zmq.Again:
            self._drop(wire_id)
            _refuse(outbox, request.request_id, f"not connected to the broker at {endpoint}")

    async def run(self) -> None:
        """Pass answers to their pages until cancelled."""
        await asyncio.gather(self._receive(self._actions), self._receive(self._parameters))

    def drop_page(self, outbox: Outbox) -> None:
        """Drop the pending requests of a page that has closed."""
        for wire_id in [wire_id for wire_id, pending in self._pending.items() if pending.outbox is outbox]:
            self._drop(wire_id)

    def close(self) -> None:
        for wire_id in list(self._pending):
            self._drop(wire_id)
        self._actions.close()
        self._parameters.close()

    async def _receive(self, socket: zmq.asyncio.Socket) -> None:
        while True:
            parts = await socket.recv_multipart()
            try:
                ack = messages.decode_ack(parts[-1])
            except messages.MalformedMessageError as error:
                self.malformed += 1
                if self.malformed == 1:
                    logger.warning("an answer of the broker at %s is %s", self._ports.actions, error)
                continue
            self._pass_on(ack)

    def _pass_on(self, ack: messages.Ack) -> None:
        pending = self._pending.get(ack.request_id)
        if pending is None:
            return  # after the timeout, or for a page that has closed
        self._drop(ack.request_id)
        if ack.ok and ack.applied is None:
            self._add_pending(
                ack.request_id, pending.outbox, pending.request_id, DONE_TIMEOUT_S, "accepted, but not done"
            )
        pending.outbox.offer_message(
            encode(
                PageAck(
                    request_id=pending.request_id, ok=ack.ok, applied=ack.applied, active=ack.active, error=ack.error
                )
            )
        )

    def _add_pending(self, wire_id: str, outbox: Outbox, request_id: str, timeout_s: float, failure: str) -> None:
        """Register a pending request; after `timeout_s` its page gets the answer `failure`."""

        def fail() -> None:
            self._pending.pop(wire_id, None)
            _refuse(outbox, request_id, f"{failure} within {timeout_s:g} s")

        timeout = asyncio.get_running_loop().call_later(timeout_s, fail)
        self._pending[wire_id] = _Pending(outbox, request_id, timeout)

    def _drop(self, wire_id: str) -> None:
        pending = self._pending.pop(wire_id, None)
        if pending is not None:
            pending.timeout.cancel()


def _refuse(outbox: Outbox, request_id: str, error: str) -> None:
    outbox.offer_message(encode(PageAck(request_id=request_id, ok=False, error=error)))


def _dealer(context: zmq.asyncio.Context, endpoint: str) -> zmq.asyncio.Socket:
    return cast(zmq.asyncio.Socket, connect(context, zmq.DEALER, endpoint, linger_ms=0))
