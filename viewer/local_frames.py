"""The camera of this machine while there is no broker: a capture process alone serves pages and streams too."""

import asyncio
from typing import Any

import cv2
import numpy as np

from lkas.integration.client import LKASClient
from lkas.integration.shared_memory.errors import SHMError
from lkas.integration.zmq.messages import FrameHeader, epoch_s
from viewer.bridge import Bridge
from viewer.hub import Hub
from viewer.wire import PageFrame

POLL_S = 0.01
IDLE_S = 0.25  # between two looks whether anybody wants frames
JPEG_QUALITY = 80
CHANNEL = "camera_feed"


class LocalFrames:
    """Reads the channel and encodes each frame once, only while a viewer is there and the broker is silent."""

    def __init__(self, bridge: Bridge, hub: Hub, client: LKASClient) -> None:
        self._bridge = bridge
        self._hub = hub
        self._client = client
        self._shown: tuple[int, int] | None = None

    async def run(self) -> None:
        """Publish frames until cancelled."""
        while True:
            is_wanted = self._hub.wants_frames and not self._bridge.broker_state().alive
            if is_wanted:
                await self._publish_newest()
            await asyncio.sleep(POLL_S if is_wanted else IDLE_S)

    async def _publish_newest(self) -> None:
        try:
            found = self._client.get(CHANNEL)
        except SHMError:  # a segment of another version; `lkas doctor` says so
            return
        if found is None or (found["session"], found["frame_id"]) == self._shown:
            return
        self._shown = found["session"], found["frame_id"]
        jpeg = await asyncio.to_thread(_encoded, found["image"])
        self._hub.publish_frame(PageFrame.packed(_header(found), jpeg))


def _header(found: dict[str, Any]) -> FrameHeader:
    height, width = found["image"].shape[:2]
    return FrameHeader(
        session=found["session"],
        frame_id=found["frame_id"],
        timestamp=epoch_s(found["capture_ns"]),
        width=width,
        height=height,
    )


def _encoded(image_rgb: np.ndarray) -> bytes:
    bgr = cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR if image_rgb.ndim == 3 else cv2.COLOR_GRAY2BGR)
    return cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])[1].tobytes()
