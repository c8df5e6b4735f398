"""What viewers and commands use: telemetry in, actions and parameters out, each with its answer."""

import time
import uuid
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import zmq

from lkas.integration.zmq.messages import (
    Ack,
    ActionRequest,
    MalformedMessageError,
    ParameterRequest,
    Value,
    decode_ack,
    decode_topic,
    encode,
)
from lkas.integration.zmq.ports import Ports
from lkas.integration.zmq.sockets import connect

FIRST_ANSWER_S = 3.0  # a broker acknowledges within 0.1 s; later nobody is there
LINGER_MS = 1000  # a command that does not wait for its answer still gets its request out
MAX_EVENTS = 256
READ_LIMIT = 1024


class BrokerClient:
    """A connection to a broker, there or not; it comes back by itself when the broker restarts.

    `events` holds the newest events in their order, since of all other topics only the newest message counts.
    """

    def __init__(self, ports: Ports | None = None, topics: Iterable[str] = ()) -> None:
        self._ports = ports or Ports()
        context = zmq.Context.instance()
        self._topics = connect(context, zmq.SUB, self._ports.broadcast, 0)
        for topic in topics:
            self._topics.setsockopt(zmq.SUBSCRIBE, topic.encode())
        self._actions = connect(context, zmq.DEALER, self._ports.actions, LINGER_MS)
        self._parameters = connect(context, zmq.DEALER, self._ports.parameters, LINGER_MS)
        self.events: deque[dict[str, Any]] = deque(maxlen=MAX_EVENTS)
        self.has_answered = False  # whether this broker was ever heard

    def poll(self, timeout_s: float = 0.0) -> dict[str, dict[str, Any]]:
        """The newest message of each topic that has arrived; a frame has its JPEG bytes under "jpeg".

        Waits up to `timeout_s` when there is none yet.
        """
        newest: dict[str, list[bytes]] = {}
        self._topics.poll(round(timeout_s * 1000))
        for _ in range(READ_LIMIT):
            try:
                topic, *parts = self._topics.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                break
            name = topic.decode(errors="replace")
            if name == "event" and parts:
                self.events.extend(_messages(parts))
            newest[name] = parts
        self.has_answered = self.has_answered or bool(newest)
        return {name: message for name, parts in newest.items() for message in _messages(parts)}

    def act(self, name: str, params: Mapping[str, Value] | None = None, timeout_s: float = 5.0) -> Ack:
        """Have an action done and wait for its final answer.

        An answer that is `ok` with `applied` None says: accepted, but nothing more was heard in time.
        """
        request_id = uuid.uuid4().hex
        request = ActionRequest(action=name, params=dict(params or {}), request_id=request_id)
        return self._ask(self._actions, encode(request), request_id, timeout_s)

    def set_parameter(self, category: str, name: str, value: Value, timeout_s: float = 5.0) -> Ack:
        """Change a parameter and wait for its final answer, as `act` does."""
        request_id = uuid.uuid4().hex
        request = ParameterRequest(category=category, name=name, value=value, request_id=request_id)
        return self._ask(self._parameters, encode(request), request_id, timeout_s)

    def close(self) -> None:
        """Close the sockets; what was sent still leaves within a second."""
        for socket in (self._topics, self._actions, self._parameters):
            socket.close()

    def _ask(self, socket: zmq.Socket, request: bytes, request_id: str, timeout_s: float) -> Ack:
        final_s = time.monotonic() + timeout_s
        first_s = min(final_s, time.monotonic() + FIRST_ANSWER_S)
        if not socket.poll(_left_ms(first_s), zmq.POLLOUT):
            return self._unanswered(request_id, min(timeout_s, FIRST_ANSWER_S))
        socket.send(request, zmq.NOBLOCK)
        accepted: Ack | None = None
        while socket.poll(_left_ms(final_s if accepted else first_s), zmq.POLLIN):
            ack = decode_ack(socket.recv(zmq.NOBLOCK))
            if ack.request_id != request_id:
                continue  # a late answer to an earlier request
            self.has_answered = True
            # A second answer is final, also when the value now in force is null.
            if not ack.ok or ack.applied is not None or accepted is not None:
                return ack
            accepted = ack
        return accepted or self._unanswered(request_id, min(timeout_s, FIRST_ANSWER_S))

    def _unanswered(self, request_id: str, timeout_s: float) -> Ack:
        error = (
            f"the broker at {self._ports.actions} did not answer within {timeout_s:g} s; "
            "is `lkas --broadcast` running, and is zmq.port_base the same?"
        )
        return Ack(request_id=request_id, ok=False, error=error)


def _messages(parts: list[bytes]) -> list[dict[str, Any]]:
    """The message in these parts, if it is one."""
    if not parts:
        return []
    try:
        message = decode_topic(parts[0])
    except MalformedMessageError:
        return []
    if len(parts) > 1:
        message["jpeg"] = parts[1]
    return [message]


def _left_ms(deadline_s: float) -> int:
    return max(0, round((deadline_s - time.monotonic()) * 1000))
