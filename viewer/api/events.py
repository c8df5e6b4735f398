"""Events since a number, and as a stream of server-sent events (HTML Living Standard, section 9.2)."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from lkas.integration.zmq import messages
from viewer.api.answers import EventList, NumberedEvent
from viewer.api.endpoint import Answer, Endpoint, Query
from viewer.api.images import stream_refusal
from viewer.api.problem import ApiError, problem_response
from viewer.event_log import MAX_EVENTS
from viewer.hub import Hub

SINCE = Query(
    name="since",
    description="Only events with a larger number.",
    default=0,
    minimum=0,
    maximum=2**53,
    is_whole=True,
)
LIMIT = Query(
    name="limit",
    description="At most so many events, the newest ones.",
    default=MAX_EVENTS,
    minimum=1,
    maximum=MAX_EVENTS,
    is_whole=True,
)
KEEP_ALIVE_S = 15.0
STREAM_PATH = "/api/v1/events/stream"


def endpoints(hub: Hub) -> list[Endpoint]:
    async def events(request: Request) -> Answer:
        since, limit = int(SINCE.read(request)), int(LIMIT.read(request))
        found = [_numbered(number, text) for number, text in hub.events.since(since)][-limit:]
        return Answer(content=EventList(events=found, last=hub.events.last), tag=f"{since}-{limit}-{hub.events.last}")

    return [
        Endpoint(
            path="/api/v1/events",
            summary="Events in order",
            handle=events,
            answers={200: EventList},
            query=(SINCE, LIMIT),
        )
    ]


def stream_route(hub: Hub) -> Route:
    """The stream: `id`, `event: event` and the JSON as `data`; with Last-Event-ID or `since` it continues there."""

    async def stream(request: Request) -> Response:
        try:
            last = request.headers.get("last-event-id", "")
            since = int(last) if last.isdecimal() and len(last) < 17 else int(SINCE.read(request))
        except ApiError as error:
            return problem_response(error.status, error.detail)
        refusal = stream_refusal(request, hub)
        return refusal or StreamingResponse(_stream(hub, since), media_type="text/event-stream")

    return Route(STREAM_PATH, stream)


async def _stream(hub: Hub, since: int) -> AsyncIterator[str]:
    with hub.seat("stream"):
        yield "retry: 2000\n\n"
        while True:
            for number, text in hub.events.since(since):
                yield f"id: {number}\nevent: event\ndata: {text}\n\n"
                since = number
            try:
                async with asyncio.timeout(KEEP_ALIVE_S):
                    await hub.events.wait()
            except TimeoutError:
                yield ": still connected\n\n"


def _numbered(number: int, text: str) -> NumberedEvent:
    return NumberedEvent(id=number, event=msgspec.json.decode(text, type=messages.BroadcastEvent))
