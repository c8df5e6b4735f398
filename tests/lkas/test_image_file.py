"""Image files: the size in the header is judged before anything is decoded."""

import struct
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkas.image_file import MAX_PIXELS, ImageFileError, header_size, read_bgr

IMAGE = np.full((48, 64, 3), 90, np.uint8)


def large_png(width_px: int, height_px: int) -> bytes:
    """A valid black PNG; its file is about a thousandth of its pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    pack = zlib.compressobj(9)
    row = bytes(1 + (width_px + 7) // 8)
    pixels = b"".join(pack.compress(row) for _ in range(height_px)) + pack.flush()
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width_px, height_px, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_the_size_in_the_header_is_that_of_the_image(suffix, tmp_path):
    data = cv2.imencode(suffix, IMAGE)[1].tobytes()
    assert header_size(data) == (64, 48)
    (tmp_path / f"a{suffix}").write_bytes(data)
    assert read_bgr(tmp_path / f"a{suffix}").shape == IMAGE.shape


def test_a_small_file_with_many_pixels_is_refused_without_memory(tmp_path):
    path = tmp_path / "bomb.png"
    path.write_bytes(large_png(30_000, 30_000))
    assert path.stat().st_size < 3_000_000
    code = "import resource, sys, pathlib\nfrom lkas.image_file import ImageFileError, read_bgr\n"
    code += "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    code += "try: read_bgr(pathlib.Path(sys.argv[1]))\nexcept ImageFileError as error: print(error)\n"
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=120)
    sentence, more_kb = done.stdout.splitlines()
    assert sentence == f"{path}: 30000 x 30000 px are more than the {MAX_PIXELS:,} pixels that are read"
    assert int(more_kb) < 50_000


@pytest.mark.parametrize("data", [b"", b"BM", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"text"])
def test_a_damaged_file_is_refused(data, tmp_path):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(ImageFileError, match=r"a\.png: "):
        read_bgr(tmp_path / "a.png")


@given(st.sampled_from([b"", b"BM", b"\x89PNG\r\n\x1a\n", b"\xff\xd8", b"\xff\xd8\xff"]), st.binary(max_size=100))
def test_any_header_is_judged(start, rest):
    size = header_size(start + rest)
    assert size is None or min(size) >= 0
