"""Films made for a test: picture n is flat grey with a red strip, so that order and colour can be read back."""

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
