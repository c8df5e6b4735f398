"""Reads image files, and refuses by its header one that would take too much memory."""

import struct
from pathlib import Path

import cv2
import numpy as np

MAX_PIXELS = 100_000_000  # 300 MB decoded; the largest cameras have 60 million
JPEG_START, JPEG_END = b"\xff\xd8", b"\xff\xd9"
PNG_START = b"\x89PNG\r\n\x1a\n"
_JPEG_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}
_JPEG_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # markers that carry the size


class ImageFileError(ValueError):
    """A file that is no image, a truncated or a too large one; the text begins with its name."""


def read_bgr(path: Path) -> np.ndarray:
    """(H, W, 3) uint8 BGR of an image file, rotated as its EXIF data says. Raises ImageFileError."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageFileError(f"{path}: cannot be read: {error.strerror}") from error
    size = header_size(data)
    if size is not None and size[0] * size[1] > MAX_PIXELS:
        raise ImageFileError(f"{path}: {size[0]} x {size[1]} px are more than the {MAX_PIXELS:,} pixels that are read")
    # OpenCV fills the missing part of a truncated image with grey, without an error.
    if data.startswith(JPEG_START) and data.rfind(JPEG_END) < len(data) // 2:
        raise ImageFileError(f"{path}: the image is truncated after {len(data)} bytes")
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except cv2.error:  # for example, more pixels than OpenCV accepts
        image = None
    if image is None:
        raise ImageFileError(f"{path}: not an image that OpenCV can read ({len(data)} bytes)")
    return image


def header_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height as the header of a PNG, BMP or JPEG file says; None for others and damaged ones."""
    try:
        if data.startswith(PNG_START):
            return struct.unpack_from(">II", data, 16)
        if data.startswith(b"BM"):
            width, height = struct.unpack_from("<ii", data, 18)
            return abs(width), abs(height)
        if data.startswith(JPEG_START):
            return _jpeg_size(data)
    except struct.error:
        pass
    return None


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    at = 2
    while at < len(data):
        start, marker = struct.unpack_from("BB", data, at)
        if start != 0xFF:
            return None
        if marker in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", data, at + 5)
            return width, height
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _JPEG_WITHOUT_LENGTH:
            at += 2
        else:
            at += 2 + struct.unpack_from(">H", data, at + 2)[0]
    return None
