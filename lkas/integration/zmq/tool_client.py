"""The client for viewers and commands: receives telemetry, sends actions and parameters, waits for their answers."""

import math
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

FIRST_ANSWER_S = 3.0  # a broker answers within 0.1 s; after this time none is assumed to run
LINGER_MS = 1000  # so that a command that does not wait for the answer still sends its request
MAX_EVENTS = 256
READ_LIMIT = 1024


class BrokerClient:
    """Connects to a broker as soon as one runs, and again when it restarts.

    `events` holds the newest MAX_EVENTS events in order. Of all other topics only the newest message is kept.
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
        self.has_answered = False  # whether any message of the broker has arrived

    def poll(self, timeout_s: float = 0.0) -> dict[str, dict[str, Any]]:
        """Return the newest message of each topic that has arrived. A frame has its JPEG bytes under "jpeg".

        Waits up to `timeout_s` for the first one.
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
        """Request an action and wait for its final answer.

        `ok` with `applied` None means: accepted, but no final answer arrived in time.
        """
        request_id = uuid.uuid4().hex
        request = ActionRequest(action=name, params=dict(params or {}), request_id=request_id)
        return self._request(self._actions, encode(request), request_id, timeout_s)

    def set_parameter(self, category: str, name: str, value: Value, timeout_s: float = 5.0) -> Ack:
        """Request a parameter change and wait for its final answer, as `act` does."""
        request_id = uuid.uuid4().hex
        if isinstance(value, float) and not math.isfinite(value):  # JSON has no number for it
            error = f"{category}.{name} = {value}: expected a finite number"
            return Ack(request_id=request_id, ok=False, error=error)
        request = ParameterRequest(category=category, name=name, value=value, request_id=request_id)
        return self._request(self._parameters, encode(request), request_id, timeout_s)

    def close(self) -> None:
        """Close the sockets. Requests that were sent are still delivered within LINGER_MS."""
        for socket in (self._topics, self._actions, self._parameters):
            socket.close()

    def _request(self, socket: zmq.Socket, request: bytes, request_id: str, timeout_s: float) -> Ack:
        final_s = time.monotonic() + timeout_s
        first_s = min(final_s, time.monotonic() + FIRST_ANSWER_S)
        if not socket.poll(_left_ms(first_s), zmq.POLLOUT):
            return self._unanswered(request_id, min(timeout_s, FIRST_ANSWER_S))
        socket.send(request, zmq.NOBLOCK)
        accepted: Ack | None = None
        while socket.poll(_left_ms(final_s if accepted else first_s), zmq.POLLIN):
            ack = _ack(socket.recv(zmq.NOBLOCK))
            if ack is None or ack.request_id != request_id:
                continue  # another program's, or a late answer to an earlier request
            self.has_answered = True
            # The second answer is final, even when the current value is null.
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


def _ack(data: bytes) -> Ack | None:
    try:
        return decode_ack(data)
    except MalformedMessageError:
        return None


def _messages(parts: list[bytes]) -> list[dict[str, Any]]:
    """Return the message in these parts as a list of one, or an empty list when it is malformed."""
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
