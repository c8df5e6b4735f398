"""Actions and parameter changes that desktop pages send over the event socket, answered as on the broker's ports."""

import queue
from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from lkas.integration.events.endpoint import Reply
from lkas.integration.events.messages import EventMessage
from lkas.integration.zmq.messages import Ack, ActionRequest, ParameterRequest

MAX_WAITING = 256
ORDERS_PER_POLL = 32
PARAMETER_KEYS = {"category", "name", "value"}


class RequestHandler(Protocol):
    """What executes the orders: a broker."""

    def submit_action(self, request: ActionRequest, reply: Callable[[Ack], Any] | None = None) -> Ack: ...

    def submit_parameter(self, request: ParameterRequest, reply: Callable[[Ack], Any] | None = None) -> Ack: ...


class EventOrders:
    """Takes orders in the thread of the socket and executes them in the thread of the broker.

    An order is {"action": NAME, "params": {...}} or {"category": ..., "name": ..., "value": ...}, each with a
    "request_id" of the page's choice. The answer is {"type": "ack", "request_id", "ok", "applied", "active", "error"};
    after an accepted one (`applied` null) a second answer says what came of it. Other messages are no orders.
    """

    def __init__(self, handler: RequestHandler) -> None:
        self._handler = handler
        self._waiting: queue.Queue[tuple[dict[str, Any], Reply]] = queue.Queue(MAX_WAITING)

    def take(self, message: EventMessage, reply: Reply) -> None:
        """Queue a message if it is an order; called in the thread of the socket."""
        if not isinstance(message, dict) or not ("action" in message or message.keys() >= PARAMETER_KEYS):
            return
        try:
            self._waiting.put_nowait((message, reply))
        except queue.Full:
            reply(_answer(_refused(message, f"{MAX_WAITING} orders are waiting")))

    def poll(self) -> None:
        """Execute what waits. Never blocks."""
        for _ in range(ORDERS_PER_POLL):
            try:
                message, reply = self._waiting.get_nowait()
            except queue.Empty:
                return
            self._execute(message, lambda ack, reply=reply: reply(_answer(ack)))

    def _execute(self, message: dict[str, Any], answer: Callable[[Ack], Any]) -> None:
        try:
            if "action" in message:
                self._handler.submit_action(msgspec.convert(message, ActionRequest), answer)
            else:
                self._handler.submit_parameter(msgspec.convert(message, ParameterRequest), answer)
        except msgspec.ValidationError as error:
            answer(_refused(message, f"not an order: {error}"))


def _refused(message: dict[str, Any], reason: str) -> Ack:
    request_id = message.get("request_id", "")
    return Ack(request_id=request_id if isinstance(request_id, str) else "", ok=False, error=reason)


def _answer(ack: Ack) -> dict[str, Any]:
    return {"type": "ack", **msgspec.to_builtins(ack)}
