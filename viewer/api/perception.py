"""Detections, tracks and predictions, as `LKASClient` reads them from the channels of this machine.

Detections of another machine come from its broker.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from starlette.requests import Request

from lkas.integration.client import LKASClient
from lkas.integration.shared_memory.errors import SHMError
from lkas.integration.zmq import messages
from viewer.api.answers import DetectedLine, Detections, Timelines, Tracks
from viewer.api.endpoint import Answer, Endpoint
from viewer.hub import Hub

FRESH_S = 0.5


def endpoints(hub: Hub, client: LKASClient) -> list[Endpoint]:
    async def detections(request: Request) -> Answer:
        found = _read(client.get_detections, Detections, "detections")
        if found.frame_id is None:
            found = _broadcast_detections(hub) or found
        return _answer(found, "lane_detection", "`lkas`, or a perception core")

    async def tracks(request: Request) -> Answer:
        return _answer(
            _read(client.get_tracks, Tracks, "tracks"), "lane_tracks", "`lkas`, or a perception core, on this machine"
        )

    async def timeline(request: Request) -> Answer:
        found = _read(client.get_timelines, Timelines, "timelines")
        return _answer(found, "lane_timeline", "`lkas`, or a perception core, on this machine")

    return [
        Endpoint(
            path="/api/v1/detections",
            aliases=("/api/perception/detections",),
            summary="The newest detection",
            handle=detections,
            answers={200: Detections},
        ),
        Endpoint(
            path="/api/v1/tracks",
            aliases=("/api/perception/tracks",),
            summary="The lines that are followed over time",
            handle=tracks,
            answers={200: Tracks},
        ),
        Endpoint(
            path="/api/v1/timeline",
            aliases=("/api/timeline/predictions",),
            summary="The predicted path, and the times to line crossing",
            handle=timeline,
            answers={200: Timelines},
        ),
    ]


def _read(getter: Callable[[], dict[str, Any]], kind: type[Any], list_name: str) -> Any:
    try:
        return msgspec.convert(getter(), kind)
    except SHMError as error:  # a segment of another version
        stamps = dict.fromkeys(("frame_id", "session", "timestamp", "age_s", "processing_time_ms"))
        return msgspec.convert({**stamps, "fresh": False, list_name: [], "problem": str(error)}, kind)


def _answer(found: Any, channel: str, writer: str) -> Answer:
    if found.frame_id is None:
        problem = found.problem or f"nothing was written to {channel} yet: start {writer}"
        return Answer(content=msgspec.structs.replace(found, problem=problem))
    return Answer(content=found, tag=f"{found.session}-{found.frame_id}-{found.timestamp}")


def _broadcast_detections(hub: Hub) -> Detections | None:
    newest = hub.newest("detection")
    if newest is None:
        return None
    text, age_s = newest
    message = msgspec.json.decode(text, type=messages.Detection)
    lanes = (("left", message.left_lane), ("right", message.right_lane))
    return Detections(
        frame_id=message.frame_id,
        session=message.session,
        timestamp=message.timestamp,
        age_s=age_s,
        fresh=age_s <= FRESH_S,
        processing_time_ms=message.processing_time_ms,
        detections=[
            msgspec.convert({"side": side, **msgspec.to_builtins(lane), "line": None}, DetectedLine)
            for side, lane in lanes
            if lane is not None
        ],
    )
