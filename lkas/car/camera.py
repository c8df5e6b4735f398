"""Cameras of a car."""

from typing import Any, Protocol

import cv2
import numpy as np

from lkas.camera_capture import CaptureThread
from lkas.clock import MonotonicClock


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
        capture: Any = cv2.VideoCapture(source)
        capture.set(cv2.CAP_PROP_FRAME_WIDTH, width_px)
        capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height_px)
        first = capture.read()[1] if capture.isOpened() else None
        if first is None:
            capture.release()
            raise OSError(f"camera {source}: not found, or in use by another program; see /dev/video* for others")
        self.height_px, self.width_px = first.shape[:2]
        self._capture_thread = CaptureThread(capture, MonotonicClock())

    def take(self) -> tuple[np.ndarray, int] | None:
        """Return the newest RGB image; an image of another size than the first one is dropped."""
        newest = self._capture_thread.take()
        if newest is None or newest[0].shape[:2] != (self.height_px, self.width_px):
            return None
        return cv2.cvtColor(newest[0], cv2.COLOR_BGR2RGB), newest[1]

    def close(self) -> None:
        self._capture_thread.close()
