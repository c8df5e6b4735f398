"""Films: where the pictures of a video world come from. A film is read picture by picture, never ahead of itself."""

import math
import os
import re
from pathlib import Path
from typing import Protocol

# Read by OpenCV's FFmpeg when a file is opened: its own words about a broken file would drown our sentence.
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")

import cv2
import numpy as np

from simulation.world import WorldError

IMAGE_SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")
LOWEST_RATE_HZ, HIGHEST_RATE_HZ = 1.0, 240.0

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


class Film(Protocol):
    """Pictures of one size at one rate."""

    name: str
    rate_hz: float
    width_px: int
    height_px: int

    def read(self) -> np.ndarray | None:
        """The next (H, W, 3) uint8 BGR picture, valid until the next read; None at the end. Raises WorldError."""
        ...

    def rewind(self) -> None:
        """Begin again with the first picture."""
        ...

    def skip(self, pictures: int) -> bool:
        """Leave out the next ones; False when the film is over before."""
        ...

    def close(self) -> None: ...


def open_film(source: Path, rate_hz: float | None, folder_rate_hz: float) -> Film:
    """The film at `source`. `rate_hz` overrules what a file says; None of a folder means `folder_rate_hz`."""
    if source.is_dir():
        return ImageFolder(source, rate_hz or folder_rate_hz)
    if source.is_file():
        return VideoFile(source, rate_hz)
    raise WorldError(f"{source}: no such video file or folder of images; check --source")


class VideoFile:
    """A video file, decoded in step with its reader."""

    def __init__(self, path: Path, rate_hz: float | None = None) -> None:
        self.name = str(path)
        self._capture = cv2.VideoCapture(self.name)
        first = self._capture.read()[1] if self._capture.isOpened() else None
        if first is None:
            self._capture.release()
            raise WorldError(f"{path}: not a video that OpenCV can decode; give --source another file or a folder")
        self.rate_hz = rate_hz or self._stated_rate_hz()
        self.height_px, self.width_px = first.shape[:2]
        self._first: np.ndarray | None = first

    def read(self) -> np.ndarray | None:
        if self._first is not None:
            picture, self._first = self._first, None
            return picture
        complete, picture = self._capture.read()
        if not complete:
            return None
        _check_size(self, picture, self.name)
        return picture

    def rewind(self) -> None:
        # Seeking lands on a key frame, which need not be the first picture; opening anew is exact.
        self._capture.release()
        self._first = None
        self._capture = cv2.VideoCapture(self.name)

    def skip(self, pictures: int) -> bool:
        # Picture by picture, for seeking by index lands on a key frame in many containers.
        if pictures > 0 and self._first is not None:
            self._first = None
            pictures -= 1
        return all(self._capture.grab() for _ in range(pictures))

    def close(self) -> None:
        self._capture.release()

    def _stated_rate_hz(self) -> float:
        stated_hz = self._capture.get(cv2.CAP_PROP_FPS)
        if math.isfinite(stated_hz) and LOWEST_RATE_HZ <= stated_hz <= HIGHEST_RATE_HZ:
            return stated_hz
        self._capture.release()
        raise WorldError(
            f"{self.name}: states {stated_hz:g} frames per second, expected {LOWEST_RATE_HZ:g} to "
            f"{HIGHEST_RATE_HZ:g}; give --set simulation.film_rate_hz=30 or another rate"
        )


class ImageFolder:
    """The images of a folder in the order of their names, 2.jpg before 10.jpg."""

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
        picture = _load(path)
        _check_size(self, picture, str(path))
        return picture

    def rewind(self) -> None:
        self._next = 0

    def skip(self, pictures: int) -> bool:
        self._next = min(self._next + pictures, len(self._paths))
        return self._next < len(self._paths)

    def close(self) -> None:
        pass


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _natural_order(path: Path) -> list[tuple[bool, int, str]]:
    parts = re.split(r"(\d+)", path.name)
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in parts]


def _load(path: Path) -> np.ndarray:
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise WorldError(f"{path}: not an image that OpenCV can decode; remove it from the folder")
    return picture


def _check_size(film: Film, picture: np.ndarray, name: str) -> None:
    height_px, width_px = picture.shape[:2]
    if (width_px, height_px) != (film.width_px, film.height_px):
        raise WorldError(
            f"{name}: {width_px} x {height_px} px, expected {film.width_px} x {film.height_px} px as the first "
            "picture has; one film has one size, so sort or resize its images"
        )
