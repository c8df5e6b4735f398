"""Cameras of a car: the newest image, never an old one."""

import threading
from typing import Any, Protocol

import cv2
import numpy as np

from lkas.clock import Clock, MonotonicClock

CLOSE_LIMIT_S = 2.0
RETRY_S = 0.1


class CameraSource(Protocol):
    """Whatever gives images: a camera, a stream, a simulator."""

    width_px: int
    height_px: int

    def take(self) -> tuple[np.ndarray, int] | None:
        """Return the newest (height, width, 3) uint8 RGB image not taken before and its monotonic ns, or None."""
        ...

    def close(self) -> None: ...


class OpenCvCamera:
    """A camera or stream that OpenCV opens: an index, a device path or an address. Raises OSError.

    A thread empties the driver's queue, so that the newest image is always the newest.
    """

    def __init__(
        self, source: int | str, width_px: int = 640, height_px: int = 480, *, clock: Clock | None = None
    ) -> None:
        self._clock = clock or MonotonicClock()
        self._capture: Any = cv2.VideoCapture(source)
        self._capture.set(cv2.CAP_PROP_FRAME_WIDTH, width_px)
        self._capture.set(cv2.CAP_PROP_FRAME_HEIGHT, height_px)
        first = self._capture.read()[1] if self._capture.isOpened() else None
        if first is None:
            self._capture.release()
            raise OSError(f"camera {source}: it is not there, or another program uses it; see /dev/video*")
        self.height_px, self.width_px = first.shape[:2]
        self._newest: tuple[np.ndarray, int] | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def take(self) -> tuple[np.ndarray, int] | None:
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    def close(self) -> None:
        self._closing.set()
        self._thread.join(CLOSE_LIMIT_S)
        if not self._thread.is_alive():  # to release under a blocked grab crashes in the driver's code
            self._capture.release()

    def _run(self) -> None:
        while not self._closing.is_set():
            if not self._capture.grab():
                self._closing.wait(RETRY_S)
                continue
            arrived_ns = self._clock.now_ns()
            complete, bgr = self._capture.retrieve()
            if complete and bgr.shape[:2] == (self.height_px, self.width_px):
                with self._lock:
                    self._newest = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), arrived_ns
