"""A patch while it is drawn: the road positions of its rows and columns, its image and its truth."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from lkas.detection.net.patch_net import NET_COLUMN_M, NET_COLUMNS, NET_ROWS

ACROSS_M = (NET_COLUMN_M * (NET_COLUMNS // 2 - 0.5 - np.arange(NET_COLUMNS, dtype=np.float32)))[None]
SHAPE = (NET_ROWS, NET_COLUMNS)


@dataclass(slots=True)
class PatchScene:
    """A patch being drawn. image: (rows, columns, 3) float32 RGB levels; truth: (rows, columns) float32 [0, 1];
    ahead_m: (rows, 1); road_m: (rows, columns) lateral position on the road, with bends and the car's heading removed.
    """

    random: np.random.Generator
    ahead_m: np.ndarray
    road_m: np.ndarray
    camera_m: float
    image: np.ndarray
    truth: np.ndarray
    lane_m: float
    middle_m: float  # of the ego lane
    far_ratio: np.ndarray  # (rows, 1), 0 near .. 1 far
    pixel_m: np.ndarray  # (rows, 1), length of road that one pixel of the image covers
    is_fair: bool  # an evenly lit road and a good camera, as usual by day
    is_night: bool
    painted: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    """Per line, (rows, columns): bool mask of its paint, and float32 its part of the truth."""


def cloud(random: np.random.Generator, rows: float, columns: float) -> np.ndarray:
    """Smooth noise, sigma about 1, with grains of this size in rows and columns; (rows, columns) float32."""
    height, width = int(NET_ROWS / rows) + 2, int(NET_COLUMNS / columns) + 2
    grains = random.standard_normal((height, width), dtype=np.float32)
    return cv2.resize(grains, (NET_COLUMNS, NET_ROWS), interpolation=cv2.INTER_LINEAR)


def chance(random: np.random.Generator, share: float) -> bool:
    """True with this probability."""
    return bool(random.random() < share)
