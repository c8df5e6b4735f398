"""Live cameras: the newest image, never an old one."""

import threading
from typing import Any

import numpy as np

from lkas.clock import Clock

CLOSE_LIMIT_S = 2.0
RETRY_S = 0.1


class CaptureThread:
    """Empties the driver's queue of a cv2.VideoCapture in a background thread and keeps the newest image."""

    def __init__(self, capture: Any, clock: Clock) -> None:
        self._capture = capture
        self._clock = clock
        self._newest: tuple[np.ndarray, int] | None = None
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def take(self) -> tuple[np.ndarray, int] | None:
        """Return the newest (H, W, 3) BGR image not yet taken and its arrival in monotonic ns, or None."""
        with self._lock:
            newest, self._newest = self._newest, None
        return newest

    def close(self) -> None:
        """Stop the thread and release the camera."""
        self._closing.set()
        self._thread.join(CLOSE_LIMIT_S)
        if not self._thread.is_alive():  # releasing during a blocked grab crashes in the driver's code
            self._capture.release()

    def _run(self) -> None:
        while not self._closing.is_set():
            if not self._capture.grab():
                self._closing.wait(RETRY_S)
                continue
            arrived_ns = self._clock.now_ns()
            complete, image = self._capture.retrieve()
            if complete:
                with self._lock:
                    self._newest = (image, arrived_ns)
