"""The WebSocket of a page: sends the items of its outbox, receives credit and requests."""

import asyncio
import time

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from viewer.bridge import Bridge
from viewer.hub import Hub, Outbox
from viewer.wire import Credit, PageFrame, decode_page_message

MAX_INBOUND_PER_S = 200  # a page sends about 60 credits and 20 slider steps per second
_POLICY_VIOLATION = 1008
_TRY_AGAIN_LATER = 1013
_GOING_AWAY = 1001


class PageSockets:
    """ASGI endpoint of `/ws`."""

    def __init__(self, bridge: Bridge, hub: Hub) -> None:
        self._bridge = bridge
        self._hub = hub

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one page until it closes."""
        await websocket.accept()
        if self._hub.is_full("page"):
            await websocket.close(_TRY_AGAIN_LATER, self._hub.full_reason("page")[:120])
            return
        with self._hub.subscribed(Outbox()) as outbox:
            tasks = [
                asyncio.create_task(_send(websocket, outbox)),
                asyncio.create_task(self._receive(websocket, outbox)),
            ]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                results = await asyncio.gather(*tasks, return_exceptions=True)
                self._bridge.drop_page(outbox)
        for result in results:
            match result:
                case _ProtocolError(reason=reason):
                    await websocket.close(_POLICY_VIOLATION, reason[:120])
                case WebSocketDisconnect() | asyncio.CancelledError() | None:
                    pass
                case BaseException():
                    raise result

    async def _receive(self, websocket: WebSocket, outbox: Outbox) -> None:
        second, count = 0, 0
        while True:
            text = await _receive_text(websocket)
            now = int(time.monotonic())
            second, count = now, count + 1 if now == second else 1
            if count > MAX_INBOUND_PER_S:
                raise _ProtocolError(f"more than {MAX_INBOUND_PER_S} messages per second")
            try:
                message = decode_page_message(text)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise _ProtocolError(str(error)) from error
            if isinstance(message, Credit):
                outbox.grant(message.frames)
            else:
                await self._bridge.send(outbox, message)


class _ProtocolError(Exception):
    """The page sent something that is not allowed; the connection is closed with this reason."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def _receive_text(websocket: WebSocket) -> str:
    message = await websocket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005))
    text = message.get("text")
    if text is None:
        raise _ProtocolError("expected text, found a binary message")
    return text


async def _send(websocket: WebSocket, outbox: Outbox) -> None:
    """Send the items of the outbox until it closes; waits while the send buffer of the page is full."""
    while (item := await outbox.next()) is not None:
        if isinstance(item, PageFrame):
            await websocket.send_bytes(item.packet)
        else:
            await websocket.send_text(item)
    await websocket.close(_GOING_AWAY, "the viewer is shutting down")
