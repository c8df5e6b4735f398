"""A WebSocket client that behaves like a page, for tests without a browser."""

import json
import time
from itertools import count
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.support.stack import wait_until
from viewer.wire import FRAME_HEADER

TIMEOUT_S = 60.0


def receive(page: ClientConnection, condition, timeout_s: float = TIMEOUT_S) -> Any:
    """Wait for a message that satisfies `condition`: text as dict, frames as bytes. Raises TimeoutError."""
    deadline = time.monotonic() + timeout_s
    while (left_s := deadline - time.monotonic()) > 0:
        data = page.recv(timeout=left_s)
        message = json.loads(data) if isinstance(data, str) else data
        if condition(message):
            return message
    raise TimeoutError(f"no such message within {timeout_s:g} s")


def of_type(kind: str):
    """Condition for `receive`: a text message of this type."""
    return lambda message: isinstance(message, dict) and message["type"] == kind


def next_frame(page: ClientConnection) -> tuple[int, int, int, int]:
    """Wait for the next frame; return its width, height, session and frame_id."""
    packet = receive(page, lambda message: isinstance(message, bytes))
    _, width, height, session, frame_id, _ = FRAME_HEADER.unpack(packet[: FRAME_HEADER.size])
    return width, height, session, frame_id


def next_frame_id(page: ClientConnection) -> int:
    return next_frame(page)[3]


def send(page: ClientConnection, **message) -> None:
    """Send a message as the page does."""
    page.send(json.dumps(message))


def final_ack(page: ClientConnection, request_id: str) -> dict:
    """Wait for the final answer to a request; an answer that only accepts it is skipped."""

    def is_final(message: Any) -> bool:
        is_answer = of_type("ack")(message) and message["request_id"] == request_id
        return is_answer and not (message["ok"] and message["applied"] is None)

    return receive(page, is_final)


def request(page: ClientConnection, **message) -> dict:
    """Send a request and return its final answer. Repeated while the broker is not connected or does not answer."""
    request_ids = map(str, count(1))

    def answer() -> dict | None:
        request_id = f"request-{next(request_ids)}"
        send(page, **message, request_id=request_id)
        ack = final_ack(page, request_id)
        error = ack["error"] or ""
        return None if "not connected to the broker" in error or "no answer from the broker" in error else ack

    return wait_until(answer, f"an answer to {message}", TIMEOUT_S)


def close_code(page: ClientConnection) -> int | None:
    """Wait until the viewer closes the connection; return its close code."""
    with pytest.raises(ConnectionClosed):
        receive(page, lambda message: False)
    return page.close_code
