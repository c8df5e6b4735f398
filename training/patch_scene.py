"""A patch while it is being drawn: where its rows and columns lie on the road, its picture and its truth."""

from dataclasses import dataclass, field

import cv2
import numpy as np

from lkas.detection.net.patch_net import NET_COLUMN_M, NET_COLUMNS, NET_ROWS

ACROSS_M = (NET_COLUMN_M * (NET_COLUMNS // 2 - 0.5 - np.arange(NET_COLUMNS, dtype=np.float32)))[None]
SHAPE = (NET_ROWS, NET_COLUMNS)


@dataclass(slots=True)
class Scene:
    """A patch being drawn. picture: (rows, columns, 3) float32 RGB levels; truth: (rows, columns) float32 [0, 1];
    ahead_m: (rows, 1); road_m: (rows, columns) lateral place on the road, the bends and the car's heading taken out.
    """

    random: np.random.Generator
    ahead_m: np.ndarray
    road_m: np.ndarray
    camera_m: float
    picture: np.ndarray
    truth: np.ndarray
    lane_m: float
    middle_m: float  # of the ego lane
    far_ratio: np.ndarray  # (rows, 1), 0 near .. 1 far
    pixel_m: np.ndarray  # (rows, 1), how much of the road's length one pixel of the image shows
    is_fair: bool  # an evenly lit road and a good camera, as most are by day
    is_night: bool
    painted: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    """Per line, (rows, columns): bool where its paint is, and float32 its share of the truth."""


def cloud(random: np.random.Generator, rows: float, columns: float) -> np.ndarray:
    """Smooth noise of standard deviation near 1 with grains of so many rows and columns; (rows, columns) float32."""
    height, width = int(NET_ROWS / rows) + 2, int(NET_COLUMNS / columns) + 2
    grains = random.standard_normal((height, width), dtype=np.float32)
    return cv2.resize(grains, (NET_COLUMNS, NET_ROWS), interpolation=cv2.INTER_LINEAR)


def chance(random: np.random.Generator, share: float) -> bool:
    return bool(random.random() < share)
