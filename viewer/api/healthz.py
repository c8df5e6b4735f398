"""`/healthz` for watchdogs: 200 while the broker is alive, else 503 with the reason."""

import time

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from viewer.bridge import Bridge
from viewer.hub import Hub


def route(bridge: Bridge, hub: Hub) -> Route:
    async def healthz(request: Request) -> Response:
        broker = bridge.broker_state()
        report = {
            "status": "ok" if broker.alive else "unavailable",
            "reason": None if broker.alive else bridge.silence_reason(),
            "frame_age_s": None if hub.frame_s is None else round(time.monotonic() - hub.frame_s, 3),
            "viewers": len(hub),
            "malformed_messages": bridge.malformed,
        }
        return JSONResponse(report, status_code=200 if broker.alive else 503)

    return Route("/healthz", healthz)
