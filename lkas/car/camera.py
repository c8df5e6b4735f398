"""Cameras of a car."""

from typing import Any, Protocol

import cv2
import numpy as np

from lkas.clock import MonotonicClock
from lkas.live_capture import LiveCapture, open_capture


class CameraSource(Protocol):
    """Whatever gives images: a camera, a stream, a simulator."""

    width_px: int
    height_px: int

    def take(self) -> tuple[np.ndarray, int] | None:
        """Return the newest (height, width, 3) uint8 RGB image not taken before and its monotonic ns, or None."""
        ...

    def close(self) -> None: ...


class OpenCvCamera:
    """A camera or stream that OpenCV opens: an index, a device path or an address. Raises OSError."""

    def __init__(self, source: int | str, width_px: int = 640, height_px: int = 480) -> None:
        def open_with_size(source: int | str) -> Any:
            capture = open_capture(source)
            capture.set(cv2.CAP_PROP_FRAME_WIDTH, width_px)
            capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height_px)
            return capture

        self._capture = LiveCapture(source, MonotonicClock(), open_with_size)
        self.width_px, self.height_px = self._capture.width_px, self._capture.height_px

    def take(self) -> tuple[np.ndarray, int] | None:
        """Return the newest RGB image; an image of another size than the first one is dropped."""
        newest = self._capture.take()
        return None if newest is None else (cv2.cvtColor(newest[0], cv2.COLOR_BGR2RGB), newest[1])

    def close(self) -> None:
        self._capture.close()
