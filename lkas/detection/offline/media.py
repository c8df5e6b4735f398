"""Pictures, films and live cameras as RGB frames, for detection without a world.

`open_inputs` turns what a user typed (pictures, folders, films, glob patterns, camera numbers) into clips; a clip's
`frames()` gives its frames in order. A frame that can not be read comes as `Unreadable`, so that the ones around it
are kept.
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

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
# A container's frame count is often an estimate; fewer missing than this is no damage.
COUNT_TOLERANCE, COUNT_TOLERANCE_RATIO = 3, 0.02


class MediaError(ValueError):
    """An input that can not be used; the text names it and says why."""


class Frame(Struct, frozen=True, kw_only=True):
    """One frame and where it came from."""

    name: str  # as the user would call it: the picture's path, or film#number
    stem: str  # a short file name without suffix, for results beside it
    image: np.ndarray  # (H, W, 3) uint8 RGB
    timestamp: float | None  # s within its film; None: the picture stands by itself


class Unreadable(Struct, frozen=True, kw_only=True):
    """A frame that could not be read, or the place where a film broke."""

    name: str
    reason: str


class Clip(Protocol):
    """Frames that belong together: one film, or pictures that each stand alone."""

    @property
    def length(self) -> int | None:
        """How many frames to expect; None: the film does not say."""
        ...

    @property
    def files(self) -> list[Path]: ...

    def frames(self) -> Iterator[Frame | Unreadable]: ...


class Pictures:
    """Picture files in a given order; with `rate_hz` they are one film taken at that rate."""

    def __init__(self, names: list[str], rate_hz: float | None) -> None:
        self._names = names
        self._rate_hz = rate_hz

    @property
    def length(self) -> int | None:
        return len(self._names)

    @property
    def files(self) -> list[Path]:
        return [Path(name) for name in self._names]

    def frames(self) -> Iterator[Frame | Unreadable]:
        for number, name in enumerate(self._names):
            try:
                image = read_picture(Path(name))
            except MediaError as error:
                yield Unreadable(name=name, reason=str(error))
                continue
            timestamp = None if self._rate_hz is None else number / self._rate_hz
            yield Frame(name=name, stem=Path(name).stem, image=image, timestamp=timestamp)


class Film:
    """A video file; `rate_hz` counts when the file does not tell its own."""

    def __init__(self, name: str, rate_hz: float) -> None:
        self._name = name
        self._capture = cv2.VideoCapture(name)
        if not self._capture.isOpened():
            raise MediaError(f"{name}: not a picture or film that OpenCV can open")
        count = self._capture.get(cv2.CAP_PROP_FRAME_COUNT)
        self._count = int(count) if 0 < count < 1e9 else None
        own_rate_hz = self._capture.get(cv2.CAP_PROP_FPS)
        self._rate_hz = own_rate_hz if math.isfinite(own_rate_hz) and 0 < own_rate_hz <= 1000 else rate_hz

    @property
    def length(self) -> int | None:
        return self._count

    @property
    def files(self) -> list[Path]:
        return [Path(self._name)]

    def frames(self) -> Iterator[Frame | Unreadable]:
        """Every frame once; a second call begins where the first one ended."""
        number = 0
        while True:
            read, image = self._capture.read()
            if not read or image is None:
                break
            yield Frame(
                name=f"{self._name}#{number}",
                stem=f"{Path(self._name).stem}_{number:06d}",
                image=cv2.cvtColor(image, cv2.COLOR_BGR2RGB),
                timestamp=number / self._rate_hz,
            )
            number += 1
        self._capture.release()
        missing = (self._count or 0) - number
        if number == 0 or missing > max(COUNT_TOLERANCE, COUNT_TOLERANCE_RATIO * (self._count or 0)):
            promised = f" of {self._count}" if self._count else ""
            reason = f"{self._name}: the film is damaged: {number}{promised} frames could be read"
            yield Unreadable(name=f"{self._name}#{number}", reason=reason)


class LiveCamera:
    """Camera `number` of this machine, until the program is stopped or the camera is gone."""

    def __init__(self, number: str, clock: Clock | None = None) -> None:
        self._name = f"camera{number}"
        self._clock = clock or MonotonicClock()
        self._capture = cv2.VideoCapture(int(number))
        if not self._capture.isOpened():
            raise MediaError(f"{number}: no file of this name, and no camera {number} that could be opened")

    @property
    def length(self) -> int | None:
        return None

    @property
    def files(self) -> list[Path]:
        return []

    def frames(self) -> Iterator[Frame | Unreadable]:
        """Each picture as it comes, timed by the machine's monotonic clock."""
        number = 0
        while True:
            read, image = self._capture.read()
            now_s = self._clock.now_ns() / 1e9
            name = f"{self._name}#{number}"
            if not read or image is None:
                break
            stem = f"{self._name}_{number:06d}"
            yield Frame(name=name, stem=stem, image=cv2.cvtColor(image, cv2.COLOR_BGR2RGB), timestamp=now_s)
            number += 1
        self._capture.release()
        yield Unreadable(name=name, reason=f"{self._name}: the camera gives no more pictures, after {number} of them")


def open_inputs(inputs: Iterable[str], sequence: bool, rate_hz: float) -> list[Clip]:
    """Clips for the inputs as typed. Raises MediaError for one that is missing, empty or no picture, film or camera.

    With `sequence` each folder is one film, and so are all pictures named one by one, at `rate_hz`.
    """
    single: list[str] = []
    clips: list[Clip] = []
    picture_rate_hz = rate_hz if sequence else None

    def flush() -> None:
        if single:
            clips.append(Pictures(single.copy(), picture_rate_hz))
            single.clear()

    for name in (match for text in inputs for match in _matches(text)):
        path = Path(name)
        if path.is_dir():
            flush()
            clips.append(Pictures(_pictures_of(name), picture_rate_hz))
        elif name.isdecimal() and not path.exists():
            flush()
            clips.append(LiveCamera(name))
        elif path.suffix.lower() in PICTURE_SUFFIXES:
            single.append(name)
        else:
            flush()
            clips.append(Film(name, rate_hz))
    flush()
    return clips


def read_picture(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 RGB of a picture file, turned upright. Raises MediaError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: can not be read: {error.strerror}") from error
    # OpenCV fills up a picture that was cut off with grey and says nothing.
    if data.startswith(JPEG_START) and data.rfind(JPEG_END) < len(data) // 2:
        raise MediaError(f"{path}: the picture is cut off after {len(data)} bytes")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:  # more pixels than OpenCV takes, say
        image = None
    if image is None:
        raise MediaError(f"{path}: not a picture that OpenCV can read ({len(data)} bytes)")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def _matches(text: str) -> list[str]:
    """The paths that one input stands for."""
    if Path(text).exists() or text.isdecimal():
        return [text]
    if not glob.has_magic(text):
        raise MediaError(f"{text}: no such file or folder")
    found = sorted(glob.glob(text, recursive=True), key=_natural)
    if not found:
        raise MediaError(f"{text}: matches no file")
    return found


def _pictures_of(folder: str) -> list[str]:
    try:
        entries = sorted(Path(folder).iterdir(), key=lambda path: _natural(path.name))
    except OSError as error:
        raise MediaError(f"{folder}: can not be listed: {error.strerror}") from error
    prefix = folder.rstrip("/") or folder
    names = [
        f"{prefix}/{path.name}"
        for path in entries
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and path.is_file()
    ]
    if not names:
        raise MediaError(f"{folder}: no picture in this folder ({', '.join(PICTURE_SUFFIXES)}); films go by their name")
    return names


def _natural(name: str) -> list[tuple[int, str]]:
    """Sort key by which frame 2 comes before frame 10."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"([0-9]+)", name)]
