"""Video files for tests: image n has a known grey value and a red strip, so that tests can check order and colour."""

import base64
import struct
import zlib

import cv2
import numpy as np

WIDTH_PX, HEIGHT_PX = 96, 64
GREY_STEP = 20


def image(index, width_px=WIDTH_PX, height_px=HEIGHT_PX):
    """Return image `index` as (H, W, 3) uint8 BGR."""
    bgr = np.full((height_px, width_px, 3), GREY_STEP * index, np.uint8)
    bgr[: height_px // 4] = (0, 0, 255)
    return bgr


def index_of(rgb):
    """Return the index of the image that an RGB frame shows."""
    return round(float(rgb[rgb.shape[0] // 2 :].mean()) / GREY_STEP)


def write_video(path, frames=10, rate_hz=25.0):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate_hz, (WIDTH_PX, HEIGHT_PX))
    for index in range(frames):
        writer.write(image(index))
    writer.release()
    return path


def write_folder(path, names):
    path.mkdir()
    for index, name in enumerate(names):
        cv2.imwrite(str(path / name), image(index))
    return path


def rotated_jpeg(path, orientation):
    """Write a JPEG of 96 x 64 px with an EXIF orientation; 6: rotated by 90 degrees clockwise."""
    written, data = cv2.imencode(".jpg", image(3))
    assert written
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0" + b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 1) + entry + struct.pack(">I", 0)
    jpeg = data.tobytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    return path


def rotated_video(path, frames=4):
    """Write an MP4 with a rotation of 90 degrees clockwise in its header, as phones do."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (WIDTH_PX, HEIGHT_PX))
    for index in range(frames):
        writer.write(image(index))
    writer.release()
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # of the track header, version 0
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, HEIGHT_PX << 16, 0, 1 << 30)
    path.write_bytes(data)
    return path


# ffmpeg -f lavfi -i color=c=0x808080:s=96x64:r=25:d=0.4 -c:v mpeg2video -flags +ildct+ilme -g 30 -q:v 20 -f mpeg
INTERLACED = (
    "c-muNVBDq1z{tRO*f^bmfpIqjCy1f=|G|T2K<)#kd_xB2>WzX7%<&U}{LO3(4#NNcKac>jw~90Y^#K9n4h9Ye2L=#_|Njq=O#lDS"
    "U<t;>x|$x{UO^MZrYu#`)%0?S3YyZfWvQkhNRkPkBr`rq7JQNn4B`KOH-KExC=YeTqMTlk027pEhSDrhnt@?D$vUo+s)JFSWE~{?"
    "gOOx^Fp}&KCX)TZM5;gbv1alA9|fae6pVsVKwAI+Z^Ign"
)


def interlaced_video(path):
    """Write ten grey interlaced frames, which OpenCV does not decode."""
    path.write_bytes(zlib.decompress(base64.b85decode(INTERLACED)))
    return path
