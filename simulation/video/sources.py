"""Image sources of a video world: video files and folders of images, decoded frame by frame."""

import math
import re
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from lkas.image_file import ImageFileError, read_bgr
from lkas.live_capture import is_address, name_of
from lkas.video_file import VideoFileError, damage, open_video, stated_frames
from simulation.world import WorldError, WorldUnreachable

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
MIN_RATE_HZ, MAX_RATE_HZ = 1.0, 240.0


class ImageSource(Protocol):
    """Images of one size at one rate."""

    name: str
    rate_hz: float
    width_px: int
    height_px: int

    @property
    def damage(self) -> str | None:
        """At the end: a sentence when images are missing, else None."""
        ...

    def read(self) -> np.ndarray | None:
        """Return the next (H, W, 3) uint8 BGR image, valid until the next read; None at the end. Raises WorldError."""
        ...

    def rewind(self) -> None:
        """Go back to the first image."""
        ...

    def skip(self, count: int) -> bool:
        """Skip the next `count` images; return False when no image is left."""
        ...

    def close(self) -> None: ...


def open_image_source(source: str, rate_hz: float | None, folder_rate_hz: float) -> ImageSource:
    """Open a video file, one at an address, or a folder of images. Raises WorldError.

    `rate_hz` overrides the rate stated in a video file. With None, a folder is played at `folder_rate_hz`.
    """
    path = Path(source)
    if path.is_dir():
        return ImageFolder(path, rate_hz or folder_rate_hz)
    if path.is_file() or is_address(source):
        return VideoFile(source, rate_hz)
    raise WorldError(f"{source}: no such video file or folder of images; check --source")


class VideoFile:
    """A video file, or one at an address, decoded as it is read."""

    def __init__(self, source: str, rate_hz: float | None = None) -> None:
        self.name = name_of(source) if is_address(source) else source
        self._source = source
        try:
            self._capture = open_video(source)
        except VideoFileError as error:
            if is_address(source):  # the text would show its password
                raise WorldUnreachable(
                    f"{self.name}: no video to be read there; is its server on, the path right?"
                ) from None
            raise WorldError(f"{error}; give --source another file or a folder") from error
        self._stated_frames = stated_frames(self._capture)
        self._frames = 0  # since the start
        self.rate_hz = rate_hz or self._stated_rate_hz()
        self._first: np.ndarray | None = self._capture.read()[1]
        assert self._first is not None  # open_video has read it before
        self.height_px, self.width_px = self._first.shape[:2]

    @property
    def damage(self) -> str | None:
        return damage(self.name, self._frames, self._stated_frames)

    def read(self) -> np.ndarray | None:
        if self._first is not None:
            image, self._first = self._first, None
            self._frames += 1
            return image
        complete, image = self._capture.read()
        if not complete:
            return None
        self._frames += 1
        _check_size(self, image, self.name)
        return image

    def rewind(self) -> None:
        # Seeking ends at a key frame, which need not be the first image; reopening is exact.
        self._capture.release()
        self._first, self._frames = None, 0
        self._capture = cv2.VideoCapture(self._source)

    def skip(self, count: int) -> bool:
        # One by one, because seeking by index ends at a key frame in many containers.
        self._frames += count
        if count > 0 and self._first is not None:
            self._first = None
            count -= 1
        return all(self._capture.grab() for _ in range(count))

    def close(self) -> None:
        self._capture.release()

    def _stated_rate_hz(self) -> float:
        stated_hz = self._capture.get(cv2.CAP_PROP_FPS)
        if math.isfinite(stated_hz) and MIN_RATE_HZ <= stated_hz <= MAX_RATE_HZ:
            return stated_hz
        self._capture.release()
        raise WorldError(
            f"{self.name}: states {stated_hz:g} frames per second, expected {MIN_RATE_HZ:g} to "
            f"{MAX_RATE_HZ:g}; give --set simulation.film_rate_hz=30 or another rate"
        )


class ImageFolder:
    """The images of a folder in natural order of their names: 2.jpg before 10.jpg."""

    damage = None

    def __init__(self, folder: Path, rate_hz: float) -> None:
        self.name = str(folder)
        self.rate_hz = rate_hz
        self._paths = sorted((path for path in folder.iterdir() if _is_image(path)), key=_natural_order)
        if not self._paths:
            raise WorldError(
                f"{folder}: no images in this folder; expected files ending in {', '.join(IMAGE_SUFFIXES)}"
            )
        self._next = 0
        self.height_px, self.width_px = _load(self._paths[0]).shape[:2]

    def read(self) -> np.ndarray | None:
        if self._next == len(self._paths):
            return None
        path = self._paths[self._next]
        self._next += 1
        image = _load(path)
        _check_size(self, image, str(path))
        return image

    def rewind(self) -> None:
        self._next = 0

    def skip(self, count: int) -> bool:
        self._next = min(self._next + count, len(self._paths))
        return self._next < len(self._paths)

    def close(self) -> None:
        pass


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _natural_order(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _load(path: Path) -> np.ndarray:
    try:
        return read_bgr(path)
    except ImageFileError as error:
        raise WorldError(f"{error}; remove it from the folder") from error


def _check_size(source: ImageSource, image: np.ndarray, name: str) -> None:
    height_px, width_px = image.shape[:2]
    if (width_px, height_px) != (source.width_px, source.height_px):
        raise WorldError(
            f"{name}: {width_px} x {height_px} px, expected {source.width_px} x {source.height_px} px like the first "
            "image; all images of a source must have one size: sort or resize them"
        )
