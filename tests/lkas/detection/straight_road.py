"""Images and videos of a straight road with two solid lines, for tests that need something to detect."""

from pathlib import Path

import cv2
import numpy as np

BOTTOM_LEFT, BOTTOM_RIGHT = 0.2, 0.8  # columns of the lines at the lowest row, shares of the width
APEX = (0.5, 0.5)  # column and row where they meet, shares of the size


def road_image(width_px: int = 640, height_px: int = 480, shift_px: float = 0.0, seed: int = 1) -> np.ndarray:
    """(H, W, 3) uint8 RGB; `shift_px` moves the lowest points of both lines to the right."""
    image = np.full((height_px, width_px, 3), 90, np.uint8)
    image[: height_px // 2] = (150, 180, 210)
    apex = (round(APEX[0] * width_px), round(APEX[1] * height_px))
    for share in (BOTTOM_LEFT, BOTTOM_RIGHT):
        bottom = (round(share * width_px + shift_px), height_px - 1)
        cv2.line(image, bottom, apex, (235, 235, 230), max(3, width_px // 80), cv2.LINE_AA)
    noise = np.random.default_rng(seed).integers(-4, 5, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def true_column(side: int, row_px: float, width_px: int = 640, height_px: int = 480) -> float:
    """Column of the left (0) or right (1) line at a row, without shift."""
    bottom = (BOTTOM_LEFT, BOTTOM_RIGHT)[side] * width_px
    apex_column, apex_row = APEX[0] * width_px, APEX[1] * height_px
    return apex_column + (bottom - apex_column) * (row_px - apex_row) / (height_px - 1 - apex_row)


def write_image(path: Path, image: np.ndarray) -> Path:
    assert cv2.imwrite(str(path), cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    return path


def write_video(path: Path, frames: int, width_px: int = 320, height_px: int = 240) -> Path:
    """A Motion-JPEG video: if it is truncated, the frames before that position stay readable."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (width_px, height_px))
    assert writer.isOpened()
    image = road_image(width_px, height_px)[:, :, ::-1].copy()
    for _ in range(frames):
        writer.write(image)
    writer.release()
    return path
