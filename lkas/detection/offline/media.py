"""Images, videos and live cameras as RGB frames, for detection without a world.

`open_inputs` turns the arguments of a command (images, folders, videos, glob patterns, camera numbers) into clips; a
clip's `frames()` yields its frames in order. A frame that cannot be read is an `Unreadable`, and the others are still
read.
"""

import glob
import math
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from msgspec import Struct

from lkas.clock import Clock, MonotonicClock
from lkas.image_file import ImageFileError, read_bgr

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
# A container's frame count is often an estimate; up to this many missing frames are not an error.
COUNT_TOLERANCE, COUNT_TOLERANCE_RATIO = 3, 0.02


class MediaError(ValueError):
    """An input that cannot be used; the text names it and gives the reason."""


class MediaFrame(Struct, frozen=True, kw_only=True):
    """One frame and its source."""

    name: str  # path of the image, or video#number
    stem: str  # file name without suffix, for results
    image: np.ndarray  # (H, W, 3) uint8 RGB
    timestamp: float | None  # s from the start of the video; None: a single image


class Unreadable(Struct, frozen=True, kw_only=True):
    """A frame that could not be read, or the position at which a video ends too early."""

    name: str
    reason: str


class Clip(Protocol):
    """Frames that belong together: one video, or single images."""

    @property
    def length(self) -> int | None:
        """The number of frames; None: unknown."""
        ...

    @property
    def files(self) -> list[Path]: ...

    def frames(self) -> Iterator[MediaFrame | Unreadable]: ...


class ImageFiles:
    """Image files in a given order; with `rate_hz` they are one video of that frame rate."""

    def __init__(self, names: list[str], rate_hz: float | None) -> None:
        self._names = names
        self._rate_hz = rate_hz

    @property
    def length(self) -> int | None:
        return len(self._names)

    @property
    def files(self) -> list[Path]:
        return [Path(name) for name in self._names]

    def frames(self) -> Iterator[MediaFrame | Unreadable]:
        for number, name in enumerate(self._names):
            try:
                image = read_image(Path(name))
            except MediaError as error:
                yield Unreadable(name=name, reason=str(error))
                continue
            timestamp = None if self._rate_hz is None else number / self._rate_hz
            yield MediaFrame(name=name, stem=Path(name).stem, image=image, timestamp=timestamp)


class VideoFile:
    """A video file; `rate_hz` is used if the file does not state its own."""

    def __init__(self, name: str, rate_hz: float) -> None:
        self._name = name
        self._capture = cv2.VideoCapture(name)
        if not self._capture.isOpened():
            raise MediaError(f"{name}: not an image or video that OpenCV can open")
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._count = int(count) if 0 < count < 1e9 else None
        stated_rate_hz = self._capture.get(cv2.CAP_PROP_FPS)
        self._rate_hz = stated_rate_hz if math.isfinite(stated_rate_hz) and 0 < stated_rate_hz <= 1000 else rate_hz

    @property
    def length(self) -> int | None:
        return self._count

    @property
    def files(self) -> list[Path]:
        return [Path(self._name)]

    def frames(self) -> Iterator[MediaFrame | Unreadable]:
        """Every frame once; a second call continues after the last frame read."""
        number = 0
        while True:
            read, image = self._capture.read()
            if not read or image is None:
                break
            yield MediaFrame(
                name=f"{self._name}#{number}",
                stem=f"{Path(self._name).stem}_{number:06d}",
                image=cv2.cvtColor(image, cv2.COLOR_BGR2RGB),
                timestamp=number / self._rate_hz,
            )
            number += 1
        self._capture.release()
        missing = (self._count or 0) - number
        if number == 0 or missing > max(COUNT_TOLERANCE, COUNT_TOLERANCE_RATIO * (self._count or 0)):
            expected = f" of {self._count}" if self._count else ""
            reason = f"{self._name}: the video is damaged: {number}{expected} frames could be read"
            yield Unreadable(name=f"{self._name}#{number}", reason=reason)


class LiveCamera:
    """Camera `number` of this machine, until the program is stopped or the camera is disconnected."""

    def __init__(self, number: str, clock: Clock | None = None) -> None:
        self._name = f"camera{number}"
        self._clock = clock or MonotonicClock()
        self._capture = cv2.VideoCapture(int(number))
        if not self._capture.isOpened():
            raise MediaError(f"{number}: there is no such file, and camera {number} cannot be opened")

    @property
    def length(self) -> int | None:
        return None

    @property
    def files(self) -> list[Path]:
        return []

    def frames(self) -> Iterator[MediaFrame | Unreadable]:
        """Each frame as it arrives, with the machine's monotonic time."""
        number = 0
        while True:
            read, image = self._capture.read()
            now_s = self._clock.now_ns() / 1e9
            name = f"{self._name}#{number}"
            if not read or image is None:
                break
            stem = f"{self._name}_{number:06d}"
            yield MediaFrame(name=name, stem=stem, image=cv2.cvtColor(image, cv2.COLOR_BGR2RGB), timestamp=now_s)
            number += 1
        self._capture.release()
        yield Unreadable(name=name, reason=f"{self._name}: the camera stopped after {number} frames")


def open_inputs(inputs: Iterable[str], sequence: bool, rate_hz: float) -> list[Clip]:
    """Open the inputs of a command. Raises MediaError for one that is missing, empty, or no image, video or camera.

    With `sequence` each folder is one video of `rate_hz`, and so are all images named one by one.
    """
    single: list[str] = []
    clips: list[Clip] = []
    image_rate_hz = rate_hz if sequence else None

    def flush() -> None:
        if single:
            clips.append(ImageFiles(single.copy(), image_rate_hz))
            single.clear()

    for name in (match for text in inputs for match in _matches(text)):
        path = Path(name)
        if path.is_dir():
            flush()
            clips.append(ImageFiles(_images_of(name), image_rate_hz))
        elif name.isdecimal() and not path.exists():
            flush()
            clips.append(LiveCamera(name))
        elif path.suffix.lower() in IMAGE_SUFFIXES:
            single.append(name)
        else:
            flush()
            clips.append(VideoFile(name, rate_hz))
    flush()
    return clips


def read_image(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB of an image file, rotated as its EXIF data says. Raises MediaError."""
    try:
        image = read_bgr(path)
    except ImageFileError as error:
        raise MediaError(str(error)) from error
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _matches(text: str) -> list[str]:
    """The paths that match one input."""
    if Path(text).exists() or text.isdecimal():
        return [text]
    if not glob.has_magic(text):
        raise MediaError(f"{text}: no such file or folder")
    found = sorted(glob.glob(text, recursive=True), key=_natural)
    if not found:
        raise MediaError(f"{text}: matches no file")
    return found


def _images_of(folder: str) -> list[str]:
    try:
        entries = sorted(Path(folder).iterdir(), key=lambda path: _natural(path.name))
    except OSError as error:
        raise MediaError(f"{folder}: cannot be listed: {error.strerror}") from error
    prefix = folder.rstrip("/") or folder
    names = [
        f"{prefix}/{path.name}"
        for path in entries
        if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not names:
        raise MediaError(f"{folder}: no image in this folder ({', '.join(IMAGE_SUFFIXES)}); name a video file itself")
    return names


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key that puts frame 2 before frame 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]
