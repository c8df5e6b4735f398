"""The camera over HTTP: `/snapshot.jpg`, and Motion JPEG as `/stream.mjpg`."""

import asyncio
import time

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from viewer.api.endpoint import Query
from viewer.api.problem import ApiError, problem_response
from viewer.bridge import Bridge
from viewer.hub import Hub, Outbox
from viewer.tiers import Tier, Tiers, tier_of
from viewer.wire import PageFrame

SNAPSHOT_TIMEOUT_S = 2.0
NEW_FRAME_S = 0.2  # a frame that arrived within this time is the newest one for a snapshot
SEND_LIMIT_S = 10.0  # a client that reads nothing for so long loses its stream
_BOUNDARY = "lkas-frame"

FPS = Query(name="fps", description="At most so many frames per second.", default=30.0, minimum=0.1, maximum=60.0)
QUALITY = Query(name="quality", description="Of the JPEG, in tiers.", default=85, minimum=1, maximum=100)
WIDTH = Query(
    name="width",
    description="Of the image in px, in tiers; 0: that of the camera.",
    default=0,
    minimum=0,
    maximum=8192,
)


class Images:
    """The routes, and the tiers that their clients share."""

    def __init__(self, bridge: Bridge, hub: Hub) -> None:
        self._bridge = bridge
        self._hub = hub
        self.tiers = Tiers()

    def routes(self) -> list[Route]:
        return [Route("/snapshot.jpg", self._snapshot), Route("/stream.mjpg", self._stream)]

    async def _snapshot(self, request: Request) -> Response:
        """The newest frame; 503 with the reason when none arrives in time. It takes no seat."""
        try:
            tier = _tier_of(request)
        except ApiError as error:
            return problem_response(error.status, error.detail)
        frame = await self._current_frame()
        if frame is None:
            return problem_response(503, self._bridge.missing_frame_reason(SNAPSHOT_TIMEOUT_S), {"Retry-After": "1"})
        headers = {"X-Frame-Id": str(frame.frame_id), "X-Session": str(frame.session)}
        headers["X-Timestamp"] = str(frame.timestamp)
        return Response(await self.tiers.jpeg(frame, tier), media_type="image/jpeg", headers=headers)

    async def _current_frame(self) -> PageFrame | None:
        hub = self._hub
        if hub.newest_frame is not None and hub.frame_s is not None and time.monotonic() - hub.frame_s < NEW_FRAME_S:
            return hub.newest_frame
        with hub.subscribed(Outbox(credit=None, telemetry=False), seat=None) as outbox:
            try:
                async with asyncio.timeout(SNAPSHOT_TIMEOUT_S):
                    frame = await outbox.next()
            except TimeoutError:
                return hub.newest_frame if hub.is_paused else None
        return frame if isinstance(frame, PageFrame) else None

    async def _stream(self, request: Request) -> Response:
        """Motion JPEG at `fps` or less, in the tier of `quality` and `width`."""
        try:
            fps, tier = FPS.read(request), _tier_of(request)
        except ApiError as error:
            return problem_response(error.status, error.detail)
        return stream_refusal(request, self._hub) or MjpegResponse(self._hub, self.tiers, fps, tier)


class MjpegResponse(Response):
    """The multipart body: always the newest frame. A client that does not read loses its seat."""

    media_type = f"multipart/x-mixed-replace; boundary={_BOUNDARY}"

    def __init__(self, hub: Hub, tiers: Tiers, fps: float, tier: Tier) -> None:
        super().__init__(media_type=self.media_type)
        del self.headers["content-length"]
        self._hub, self._tiers, self._period_s, self._tier = hub, tiers, 1 / fps, tier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            await self._start(send)
            await send({"type": "http.response.body", "body": b""})
            return
        if self._hub.is_full("stream"):  # others came since this one was checked
            await problem_response(503, self._hub.full_reason("stream"), {"Retry-After": "1"})(scope, receive, send)
            return
        with self._hub.subscribed(Outbox(credit=None, telemetry=False), "stream") as outbox:
            tasks = [asyncio.create_task(self._send_all(outbox, send)), asyncio.create_task(_until_gone(receive))]
            try:
                await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def _start(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

    async def _send_all(self, outbox: Outbox, send: Send) -> None:
        clock = asyncio.get_running_loop()
        due_s = clock.time()
        await self._start(send)
        await _send_part(send, f"--{_BOUNDARY}\r\n".encode())  # at once, so that a client knows that it is served
        while isinstance(frame := await outbox.next(), PageFrame):
            jpeg = await self._tiers.jpeg(frame, self._tier)
            head = (
                f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\nX-Frame-Id: {frame.frame_id}\r\n"
                f"X-Timestamp: {frame.timestamp:.6f}\r\n\r\n"
            )
            await _send_part(send, head.encode() + jpeg + f"\r\n--{_BOUNDARY}\r\n".encode())
            due_s = max(due_s + self._period_s, clock.time())
            await asyncio.sleep(due_s - clock.time())
        await send({"type": "http.response.body", "body": b""})


def stream_refusal(request: Request, hub: Hub) -> Response | None:
    """Return the answer to a stream that finds no seat. HEAD needs none."""
    if request.method == "HEAD" or not hub.is_full("stream"):
        return None
    return problem_response(503, hub.full_reason("stream"), {"Retry-After": "1"})


async def _send_part(send: Send, data: bytes) -> None:
    async with asyncio.timeout(SEND_LIMIT_S):  # wait_for() of Python 3.11 can lose a cancellation
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _tier_of(request: Request) -> Tier:
    quality, width_px = QUALITY.read(request), WIDTH.read(request)
    return tier_of(quality, width_px or None)
