"""Opens video files with OpenCV and says in words what it does not: no video, damaged, interlaced."""

import os
from typing import Any

# OpenCV's FFmpeg reads this when it opens a file. Without it, FFmpeg's messages hide our error text.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

# A container's frame count is often an estimate; up to this many missing frames are not an error.
COUNT_TOLERANCE, COUNT_TOLERANCE_RATIO = 3, 0.02
EMPTY_FRAMES = 100  # a video that begins with so many frames without an image is taken for interlaced
MIN_ZERO_RATIO = 0.95  # of new memory


class VideoFileError(ValueError):
    """A video that cannot be used; the text begins with its name."""


def open_video(name: str) -> Any:
    """Return an open cv2.VideoCapture at the first frame. Raises VideoFileError."""
    capture = cv2.VideoCapture(name)
    is_read, image = capture.read() if capture.isOpened() else (False, None)
    if not is_read or image is None:
        capture.release()
        raise VideoFileError(f"{name}: neither an image nor a video that OpenCV can decode")
    again = cv2.VideoCapture(name)  # while the other has its memory
    is_empty = _is_unwritten(capture, image.copy(), again.read()[1])
    capture.release()
    again.release()
    if is_empty:
        raise VideoFileError(
            f"{name}: its frames stay empty, most likely because it is interlaced, which OpenCV cannot decode; "
            f"convert it with `ffmpeg -i {name} -vf yadif progressive.mp4`"
        )
    return cv2.VideoCapture(name)  # seeking back need not end at the first frame; opening again does


def _is_unwritten(capture: Any, first: np.ndarray, again: np.ndarray | None) -> bool:
    """Return whether the first images of `capture` are memory without an image.

    OpenCV's FFmpeg does not convert interlaced frames, and returns the same unwritten image for each without an error.
    `first` is the first image, `again` the same one from another capture: of a video without motion they are equal and
    not black.
    """
    if again is not None and np.array_equal(first, again) and (first == 0).mean() < MIN_ZERO_RATIO:
        return False
    for _ in range(EMPTY_FRAMES - 1):
        is_read, image = capture.read()
        if is_read and not np.array_equal(image, first):
            return False
        if not is_read:
            break
    return True


def stated_frames(capture: Any) -> int | None:
    """Return the number of frames that a video states, or None when it states none."""
    count = capture.get(cv2.CAP_PROP_FRAME_COUNT)
    return int(count) if 0 < count < 1e9 else None


def damage(name: str, frames: int, stated: int | None) -> str | None:
    """Return a sentence when a video ended clearly before its stated number of frames, else None."""
    missing = (stated or 0) - frames
    if frames > 0 and missing <= max(COUNT_TOLERANCE, COUNT_TOLERANCE_RATIO * (stated or 0)):
        return None
    expected = f" of {stated}" if stated else ""
    return f"{name}: the video is damaged: {frames}{expected} frames could be read"
