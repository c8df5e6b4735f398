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
from lkas.live_capture import is_live, name_of, open_capture
from lkas.video_file import VideoFileError, damage, open_video, stated_frames

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")


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
        try:
            self._capture = open_video(name)
        except VideoFileError as error:
            raise MediaError(str(error)) from error
        self._count = stated_frames(self._capture)
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
        reason = damage(self._name, number, self._count)
        if reason is not None:
            yield Unreadable(name=f"{self._name}#{number}", reason=reason)


class LiveCamera:
    """A camera of this machine or a stream, until the program is stopped or the connection ends."""

    def __init__(self, source: str, clock: Clock | None = None) -> None:
        self._name = name_of(source)
        self._stem = re.sub(r"\W+", "_", self._name)
        self._clock = clock or MonotonicClock()
        self._capture = open_capture(source)
        if not self._capture.isOpened():
            raise MediaError(f"{self._name}: cannot be opened, and there is no such file")

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
            stem = f"{self._stem}_{number:06d}"
            yield MediaFrame(name=name, stem=stem, image=cv2.cvtColor(image, cv2.COLOR_BGR2RGB), timestamp=now_s)
            number += 1
        self._capture.release()
        yield Unreadable(name=name, reason=f"{self._name}: it stopped after {number} frames")


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
        elif is_live(name):
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
    if Path(text).exists() or is_live(text):
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
