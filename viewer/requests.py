"""Actions and parameter changes on their way from a page to the broker, and the answers back to that page.

The broker answers within 100 ms; an accepted request gets a second answer when it is done. A broker that is not there
is said so at once: nothing is kept for later, or a respawn asked for today would happen when it returns tomorrow.
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
from viewer.wire import Action, Answer, SetParameter, encode

logger = logging.getLogger(__name__)

ANSWER_WITHIN_S = 2.0  # the broker promises 0.1 s; the rest is for a busy machine
DONE_WITHIN_S = 32.0  # respawn and map changes may take 30 s
MAX_PENDING = 256


class _Pending(msgspec.Struct):
    """One request that still waits for an answer, and the page it belongs to."""

    outbox: Outbox
    request_id: str  # the page's own
    timeout: asyncio.TimerHandle


class Requests:
    """Two DEALER sockets to the broker and the table of what is under way."""

    def __init__(self, context: zmq.asyncio.Context, ports: Ports) -> None:
        self._ports = ports
        self._actions = _dealer(context, ports.actions)
        self._parameters = _dealer(context, ports.parameters)
        self._pending: dict[str, _Pending] = {}
        # Two pages, or two viewers, may count their requests alike: the broker sees ids that are ours alone.
        self._prefix = secrets.token_hex(4)
        self._count = 0
        self.malformed = 0

    async def send(self, outbox: Outbox, request: Action | SetParameter) -> None:
        """Send a page's request; every request is answered in its outbox, whatever happens."""
        if len(self._pending) >= MAX_PENDING:
            _answer(outbox, request.request_id, f"{MAX_PENDING} requests are under way; try again in a moment")
            return
        self._count += 1
        wire_id = f"{self._prefix}-{self._count}"
        if isinstance(request, Action):
            socket, endpoint = self._actions, self._ports.actions
            message = messages.ActionRequest(action=request.action, params=request.params, request_id=wire_id)
        else:
            socket, endpoint = self._parameters, self._ports.parameters
            message = messages.ParameterRequest(
                category=request.category, name=request.name, value=request.value, request_id=wire_id
            )
        self._expect(wire_id, outbox, request.request_id, ANSWER_WITHIN_S, f"no answer from the broker at {endpoint}")
        try:
            await socket.send(messages.encode(message), zmq.NOBLOCK)
        except zmq.Again:
            self._forget(wire_id)
            _answer(outbox, request.request_id, f"not connected to the broker at {endpoint}")

    async def run(self) -> None:
        """Bring answers to their pages, for ever."""
        await asyncio.gather(self._receive(self._actions), self._receive(self._parameters))

    def forget_page(self, outbox: Outbox) -> None:
        """That page is gone; its answers have nowhere to go."""
        for wire_id in [wire_id for wire_id, pending in self._pending.items() if pending.outbox is outbox]:
            self._forget(wire_id)

    def close(self) -> None:
        for wire_id in list(self._pending):
            self._forget(wire_id)
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
            self._take(ack)

    def _take(self, ack: messages.Ack) -> None:
        pending = self._pending.get(ack.request_id)
        if pending is None:
            return  # too late, or for a page that is gone
        self._forget(ack.request_id)
        if ack.ok and ack.applied is None:
            self._expect(
                ack.request_id, pending.outbox, pending.request_id, DONE_WITHIN_S, "accepted, but never reported done"
            )
        answer = Answer(pending.request_id, ack.ok, ack.applied, ack.active, ack.error)
        pending.outbox.offer_message(encode(answer))

    def _expect(self, wire_id: str, outbox: Outbox, request_id: str, within_s: float, failure: str) -> None:
        def give_up() -> None:
            self._pending.pop(wire_id, None)
            _answer(outbox, request_id, f"{failure} within {within_s:g} s")

        timeout = asyncio.get_running_loop().call_later(within_s, give_up)
        self._pending[wire_id] = _Pending(outbox, request_id, timeout)

    def _forget(self, wire_id: str) -> None:
        pending = self._pending.pop(wire_id, None)
        if pending is not None:
            pending.timeout.cancel()


def _answer(outbox: Outbox, request_id: str, error: str) -> None:
    outbox.offer_message(encode(Answer(request_id, ok=False, error=error)))


def _dealer(context: zmq.asyncio.Context, endpoint: str) -> zmq.asyncio.Socket:
    return cast(zmq.asyncio.Socket, connect(context, zmq.DEALER, endpoint, linger_ms=0))
