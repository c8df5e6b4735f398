"""Camera frames in a few qualities and widths, each encoded once per frame however many clients ask for it."""

import asyncio

import cv2
import numpy as np

from viewer.wire import PageFrame

QUALITIES = (20, 40, 60)  # of JPEG, besides that of the broker
WIDTHS_PX = (160, 320, 480, 640, 960, 1280)  # besides that of the camera

Tier = tuple[int | None, int | None]  # quality and width; None: as the broker sends it


def tier_of(quality: float | None, width_px: float | None) -> Tier:
    """Return the tier of a request: the largest quality and width that do not exceed what it asks for."""
    return _at_most(quality, QUALITIES, 80), _at_most(width_px, WIDTHS_PX, WIDTHS_PX[-1] + 1)


class Tiers:
    """The newest frame in all tiers that are asked for. Encoding runs in threads."""

    def __init__(self) -> None:
        self.encoded = 0  # frames, for the metrics
        self._frame: PageFrame | None = None
        self._tasks: dict[Tier, asyncio.Task[bytes]] = {}

    async def jpeg(self, frame: PageFrame, tier: Tier) -> bytes:
        """Return a frame in a tier; callers that ask for the same one at the same time share the work."""
        if tier == (None, None):
            return frame.jpeg
        if frame is not self._frame:
            self._frame, self._tasks = frame, {}
        if tier not in self._tasks:
            self.encoded += 1
            self._tasks[tier] = asyncio.create_task(asyncio.to_thread(_encoded, frame.jpeg, *tier))
        return await asyncio.shield(self._tasks[tier])


def _at_most(wanted: float | None, tiers: tuple[int, ...], unchanged_from: float) -> int | None:
    if wanted is None or wanted >= unchanged_from:
        return None
    return max((tier for tier in tiers if tier <= wanted), default=tiers[0])


def _encoded(jpeg: bytes, quality: int | None, width_px: int | None) -> bytes:
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    if image is None:
        return jpeg
    height, width = image.shape[:2]
    if width_px is not None and width_px < width:
        image = cv2.resize(image, (width_px, max(1, round(height * width_px / width))), interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality or 80])[1].tobytes()
