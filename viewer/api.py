"""The HTTP endpoints `/healthz`, `/snapshot.jpg` and `/stream.mjpg`."""

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from viewer.bridge import Bridge
from viewer.hub import Hub, Outbox
from viewer.wire import PageFrame

SNAPSHOT_TIMEOUT_S = 2.0
MAX_FPS = 60.0
_BOUNDARY = "lkas-frame"


def routes(bridge: Bridge, hub: Hub) -> list[Route]:
    """The routes of these endpoints."""

    async def healthz(request: Request) -> Response:
        """200 while the broker is alive, else 503 with the reason."""
        broker = bridge.broker_state()
        frame_age_s = None if bridge.newest_frame_s is None else round(time.monotonic() - bridge.newest_frame_s, 3)
        report = {
            "status": "ok" if broker.alive else "unavailable",
            "reason": None if broker.alive else silence_reason(bridge),
            "frame_age_s": frame_age_s,
            "viewers": len(hub),
            "malformed_messages": bridge.malformed,
        }
        return JSONResponse(report, status_code=200 if broker.alive else 503)

    async def snapshot(request: Request) -> Response:
        """The next frame; 503 with the reason when none arrives in time."""
        if hub.is_full:
            return _unavailable(too_many_viewers(hub))
        with hub.subscribed(Outbox(credit=None, telemetry=False)) as outbox:
            try:
                frame = await asyncio.wait_for(outbox.next(), SNAPSHOT_TIMEOUT_S)
            except TimeoutError:
                frame = None
        if not isinstance(frame, PageFrame):
            return _unavailable(missing_frame_reason(bridge))
        headers = {"X-Frame-Id": str(frame.frame_id), "X-Session": str(frame.session)}
        return Response(frame.jpeg, media_type="image/jpeg", headers=headers | {"X-Timestamp": str(frame.timestamp)})

    async def stream(request: Request) -> Response:
        """Motion JPEG at `fps` or less. `quality` is checked; the frames are sent as the broker encoded them."""
        try:
            fps = _number(request, "fps", 30.0, 0.1, MAX_FPS)
            _number(request, "quality", 85.0, 1, 100)
        except ValueError as error:
            return PlainTextResponse(f"{error}\n", status_code=400)
        if hub.is_full:
            return _unavailable(too_many_viewers(hub))
        return StreamingResponse(_parts(hub, fps), media_type=f"multipart/x-mixed-replace; boundary={_BOUNDARY}")

    return [Route("/healthz", healthz), Route("/snapshot.jpg", snapshot), Route("/stream.mjpg", stream)]


def silence_reason(bridge: Bridge) -> str:
    """Why no message arrives from the broker, and the command that starts it."""
    broker = bridge.broker_state()
    since = "has sent no message" if broker.silent_s is None else f"has been silent for {broker.silent_s:.1f} s"
    return f"broker at {broker.address} {since}; start it with `lkas --broadcast`"


def missing_frame_reason(bridge: Bridge) -> str:
    if not bridge.broker_state().alive:
        return silence_reason(bridge)
    return f"no frame within {SNAPSHOT_TIMEOUT_S:g} s: the broker runs, but no simulation writes camera_feed"


def too_many_viewers(hub: Hub) -> str:
    return f"{len(hub)} viewers are connected; the limit is viewer.max_clients = {hub.max_clients}"


async def _parts(hub: Hub, fps: float) -> AsyncIterator[bytes]:
    """The multipart body: always the newest frame, at most `fps` frames per second."""
    clock = asyncio.get_running_loop()
    due_s = clock.time()
    with hub.subscribed(Outbox(credit=None, telemetry=False)) as outbox:
        while isinstance(frame := await outbox.next(), PageFrame):
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(frame.jpeg)}\r\n\r\n"
            yield head.encode() + frame.jpeg + b"\r\n"
            due_s = max(due_s + 1 / fps, clock.time())
            await asyncio.sleep(due_s - clock.time())


def _number(request: Request, name: str, default: float, minimum: float, maximum: float) -> float:
    text = request.query_params.get(name)
    try:
        value = default if text is None else float(text)
    except ValueError:
        value = float("nan")
    if not minimum <= value <= maximum:
        raise ValueError(f"{name}={text}: expected a number from {minimum:g} to {maximum:g}")
    return value


def _unavailable(reason: str) -> Response:
    return PlainTextResponse(reason + "\n", status_code=503, headers={"Retry-After": "1"})
