"""The page's side of the viewer's WebSocket, for tests without a browser."""

import json
import time
from itertools import count
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.support.stack import wait_until
from viewer.wire import FRAME_HEADER

PATIENCE_S = 60.0


def received(page: ClientConnection, wanted, patience_s: float = PATIENCE_S) -> Any:
    """The first message for which `wanted(message)` holds; text as dict, frames as bytes. Raises TimeoutError."""
    deadline = time.monotonic() + patience_s
    while (left_s := deadline - time.monotonic()) > 0:
        data = page.recv(timeout=left_s)
        message = json.loads(data) if isinstance(data, str) else data
        if wanted(message):
            return message
    raise TimeoutError(f"nothing of the kind within {patience_s:g} s")


def of_type(kind: str):
    """For `received`: a text message of this type."""
    return lambda message: isinstance(message, dict) and message["type"] == kind


def next_frame(page: ClientConnection) -> tuple[int, int, int, int]:
    """Width, height, session and frame_id of the next frame."""
    packet = received(page, lambda message: isinstance(message, bytes))
    _, width, height, session, frame_id, _ = FRAME_HEADER.unpack(packet[: FRAME_HEADER.size])
    return width, height, session, frame_id


def next_frame_id(page: ClientConnection) -> int:
    return next_frame(page)[3]


def say(page: ClientConnection, **message) -> None:
    """Send one message of the page."""
    page.send(json.dumps(message))


def final_ack(page: ClientConnection, request_id: str) -> dict:
    """The last answer to a request; one that only accepts it is passed over."""

    def is_final(message: Any) -> bool:
        is_answer = of_type("ack")(message) and message["request_id"] == request_id
        return is_answer and not (message["ok"] and message["applied"] is None)

    return received(page, is_final)


def answered(page: ClientConnection, **message) -> dict:
    """Ask the broker for something: its final answer. Asked again where it was not heard, or had no time, for 2 s."""
    request_ids = map(str, count(1))

    def answer() -> dict | None:
        request_id = f"asked-{next(request_ids)}"
        say(page, **message, request_id=request_id)
        ack = final_ack(page, request_id)
        error = ack["error"] or ""
        return None if "not connected to the broker" in error or "no answer from the broker" in error else ack

    return wait_until(answer, f"an answer to {message}", PATIENCE_S)


def close_code(page: ClientConnection) -> int | None:
    """How the viewer ends this connection."""
    with pytest.raises(ConnectionClosed):
        received(page, lambda message: False)
    return page.close_code
