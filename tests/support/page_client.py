"""The page's side of the viewer's WebSocket, for tests without a browser."""

import json
import time
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

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


def received_all(page: ClientConnection, *wanted, patience_s: float = PATIENCE_S) -> list[Any]:
    """The first message for each of `wanted`, in whichever order they come."""
    found: dict[int, Any] = {}

    def take(message: Any) -> bool:
        for index, is_wanted in enumerate(wanted):
            if index not in found and is_wanted(message):
                found[index] = message
        return len(found) == len(wanted)

    received(page, take, patience_s)
    return [found[index] for index in range(len(wanted))]


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


def is_final_ack(request_id: str):
    """For `received`: the last answer to a request; one that only accepts it is passed over."""
    return lambda m: of_type("ack")(m) and m["request_id"] == request_id and not (m["ok"] and m["applied"] is None)


def final_ack(page: ClientConnection, request_id: str) -> dict:
    return received(page, is_final_ack(request_id))


def close_code(page: ClientConnection) -> int | None:
    """How the viewer ends this connection."""
    with pytest.raises(ConnectionClosed):
        received(page, lambda message: False)
    return page.close_code
