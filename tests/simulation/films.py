"""Films made for a test: picture n is flat grey with a red strip, so that order and colour can be read back."""

import struct

import cv2
import numpy as np

WIDTH_PX, HEIGHT_PX = 96, 64
GREY_STEP = 20


def picture(index, width_px=WIDTH_PX, height_px=HEIGHT_PX):
    """(H, W, 3) uint8 BGR."""
    bgr = np.full((height_px, width_px, 3), GREY_STEP * index, np.uint8)
    bgr[: height_px // 4] = (0, 0, 255)
    return bgr


def index_of(rgb):
    """Which picture an RGB image shows."""
    return round(float(rgb[rgb.shape[0] // 2 :].mean()) / GREY_STEP)


def write_video(path, pictures=10, rate_hz=25.0):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate_hz, (WIDTH_PX, HEIGHT_PX))
    for index in range(pictures):
        writer.write(picture(index))
    writer.release()
    return path


def write_folder(path, names):
    path.mkdir()
    for index, name in enumerate(names):
        cv2.imwrite(str(path / name), picture(index))
    return path


def turned_jpeg(path, orientation):
    """A JPEG that is 96 px wide and 64 px high and whose EXIF says how to turn it; 6: a quarter to the right."""
    written, data = cv2.imencode(".jpg", picture(3))
    assert written
    entry = struct.pack(">HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0" + b"MM\0*" + struct.pack(">I", 8) + struct.pack(">H", 1) + entry + struct.pack(">I", 0)
    jpeg = data.tobytes()
    path.write_bytes(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:])
    return path


def turned_video(path, pictures=4):
    """An MP4 whose header says that it is to be shown turned by a quarter to the right, as a telephone writes it."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 25.0, (WIDTH_PX, HEIGHT_PX))
    for index in range(pictures):
        writer.write(picture(index))
    writer.release()
    data = bytearray(path.read_bytes())
    matrix = data.index(b"tkhd") + 4 + 40  # of the track header, version 0
    data[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -(1 << 16), 0, 0, HEIGHT_PX << 16, 0, 1 << 30)
    path.write_bytes(data)
    return path
