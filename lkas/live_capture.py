"""Live cameras and streams: the newest image, never an old one. A connection that is lost is opened again."""

import os
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np

from lkas.clock import Clock

SCHEMES = ("rtsp", "rtsps", "rtmp", "http", "https", "udp", "tcp", "srt")
OPEN_LIMIT_MS = 5000
READ_LIMIT_MS = 3000
RECONNECT_AFTER_S = 1.0  # without an image
FIRST_PAUSE_S = 0.5
MAX_PAUSE_S = 5.0
RETRY_S = 0.1
CLOSE_LIMIT_S = 2.0

# RTSP over UDP loses packets behind most routers; FFmpeg reads this when it opens a stream.
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")


class CaptureError(OSError):
    """A camera or stream that gives no image; the text names it and says what to do."""


def is_live(source: str) -> bool:
    """Return whether a text names a camera (an index, a path of a device) or the address of a stream."""
    if source.isdecimal():
        return not Path(source).exists()
    return is_address(source) or Path(source).is_char_device()


def is_address(source: str) -> bool:
    """Return whether a text is the address of a stream, such as rtsp://camera/stream."""
    return source.partition("://")[0].lower() in SCHEMES and "://" in source


def name_of(source: int | str) -> str:
    """Return how a source is named to people: an address without its user and password."""
    if isinstance(source, int) or source.isdecimal():
        return f"camera {source}"
    return re.sub(r"(?<=://)[^/@]*@", "", source) if is_address(source) else f"camera {source}"


def open_capture(source: int | str) -> Any:
    """Return a cv2.VideoCapture of a camera or stream; it is not open when nothing answers in time."""
    if isinstance(source, str) and is_address(source):
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_LIMIT_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, READ_LIMIT_MS]
        return cv2.VideoCapture(source, cv2.CAP_FFMPEG, limits)
    return cv2.VideoCapture(int(source) if str(source).isdecimal() else source)


class LiveCapture:
    """Empties the queue of a camera or stream in a background thread and keeps the newest image.

    Images have one size; those of another size are not used, and `problem` says so.
    """

    def __init__(self, source: int | str, clock: Clock, open_source: Callable[[int | str], Any] = open_capture) -> None:
        """Wait for the first image. Raises CaptureError."""
        self.name = name_of(source)
        self.problem = ""
        self._source = source
        self._open = open_source
        self._clock = clock
        self._capture = open_source(source)
        first = self._capture.read()[1] if self._capture.isOpened() else None
        if first is None:
            self._capture.release()
            raise CaptureError(f"{self.name}: {_advice(source)}")
        self.height_px, self.width_px = first.shape[:2]
        self.rate_hz = float(self._capture.get(cv2.CAP_PROP_FPS))
        self._newest: tuple[np.ndarray, int] | None = None
        self._last_image_ns = clock.now_ns()
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="camera", daemon=True)
        self._thread.start()

    def take(self) -> tuple[np.ndarray, int] | None:
        """Return the newest (H, W, 3) uint8 BGR image not yet taken and its arrival in monotonic ns, or None."""
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
                if self._clock.now_ns() - self._last_image_ns > RECONNECT_AFTER_S * 1e9:
                    self._reconnect()
                else:
                    self._closing.wait(RETRY_S)
                continue
            arrived_ns = self._clock.now_ns()
            complete, image = self._capture.retrieve()
            if complete:
                self._store(image, arrived_ns)

    def _store(self, image: np.ndarray, arrived_ns: int) -> None:
        height_px, width_px = image.shape[:2]
        self._last_image_ns = arrived_ns
        if (width_px, height_px) != (self.width_px, self.height_px):
            self.problem = (
                f"its images are {width_px} x {height_px} px now, and were {self.width_px} x {self.height_px} px; "
                "start again"
            )
            return
        self.problem = ""
        with self._lock:
            self._newest = (image, arrived_ns)

    def _reconnect(self) -> None:
        """Open the source again until it is open, with growing pauses."""
        pause_s = FIRST_PAUSE_S
        while not self._closing.is_set():
            self._capture.release()
            self._capture = self._open(self._source)
            if self._capture.isOpened():
                self._last_image_ns = self._clock.now_ns()
                return
            self._closing.wait(pause_s)
            pause_s = min(MAX_PAUSE_S, 2 * pause_s)


def _advice(source: int | str) -> str:
    if isinstance(source, str) and is_address(source):
        host = urlsplit(source).hostname
        return (
            f"no image within {OPEN_LIMIT_MS / 1000:g} s; is {host or 'its sender'} on, and is the address right? "
            "Most players open it too: try one"
        )
    return "not found, or in use by another program; see /dev/video* for others"
