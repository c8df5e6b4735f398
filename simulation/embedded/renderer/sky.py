"""Everything above the horizon: sky, clouds, hills and a line of trees, as one panorama all around the world.

The panorama is a cylinder infinitely far away, so only the camera's heading picks what is seen of it.
"""

import math
from functools import lru_cache

import cv2
import numpy as np

from lkas.integration.shared_memory.messages import CameraGeometry
from simulation.embedded.renderer.noise import periodic_field

LOWEST_RAD = math.radians(-2)
SKY_HIGH, SKY_LOW, CLOUD = (74, 132, 196), (205, 222, 233), (250, 250, 248)
# Ridges from far to near: height (rad), waves around the horizon, colour.
RIDGES = (
    (0.060, (3, 7, 13, 29), (140, 160, 178)),
    (0.036, (5, 11, 23, 41), (112, 138, 136)),
    (0.016, (9, 17, 37, 71), (88, 116, 84)),
)
TREES_RAD, TREES_COLOUR = 0.010, (58, 84, 50)
CLOUD_TEXELS = 34  # of the cloud field per height of the clouds
HAZE = (136, 158, 142)
_NO_FRACTIONS = np.zeros((0, 0), np.uint16)  # the map holds whole pixels


class Sky:
    """Draws the pixels of a camera image that look above the ground."""

    def __init__(self, seed: int, geometry: CameraGeometry, rays_ego: np.ndarray) -> None:
        """`rays_ego`: (H, W, 3) directions of the pixels, ego axes."""
        # One panorama pixel is one image pixel in the middle of the view.
        self._px_per_rad = min(geometry.focal_px, 900.0)
        azimuth = np.arctan2(rays_ego[..., 1], rays_ego[..., 0])
        elevation = np.arctan2(rays_ego[..., 2], np.hypot(rays_ego[..., 0], rays_ego[..., 1]))
        is_sky = elevation > 0
        sky_rows = np.flatnonzero(is_sky.any(axis=1))
        self.rows = slice(0, int(sky_rows[-1]) + 1) if len(sky_rows) else slice(0, 0)
        inside = is_sky[self.rows]
        self._mask = None if inside.all() else np.where(inside, 255, 0).astype(np.uint8)
        # Columns run to the right, azimuth to the left.
        self._left_rad = float(azimuth.max())
        column = np.rint((self._left_rad - azimuth[self.rows]) * self._px_per_rad)
        highest_rad = max(float(elevation.max()), 0.0)
        row = np.rint((highest_rad - np.maximum(elevation[self.rows], LOWEST_RAD)) * self._px_per_rad)
        self._map = np.dstack([column, row]).astype(np.int16)
        self._view_px = int(column.max(initial=0)) + 1
        panorama = _panorama(seed, self._px_per_rad, highest_rad)
        self._around_px = panorama.shape[1]
        self._panorama = np.concatenate([panorama, panorama[:, : self._view_px]], axis=1)

    def draw(self, image: np.ndarray, yaw_rad: float) -> None:
        """Fill the sky of an image for a car heading `yaw_rad`."""
        if self.rows.stop == 0:
            return
        start = round(-(yaw_rad + self._left_rad) * self._px_per_rad) % self._around_px
        view = self._panorama[:, start : start + self._view_px]
        if self._mask is None:
            cv2.remap(view, self._map, _NO_FRACTIONS, cv2.INTER_NEAREST, image[self.rows])
        else:
            cv2.copyTo(cv2.remap(view, self._map, _NO_FRACTIONS, cv2.INTER_NEAREST), self._mask, image[self.rows])


@lru_cache(maxsize=2)
def _panorama(seed: int, px_per_rad: float, highest_rad: float) -> np.ndarray:
    """(H, W, 3) RGB, azimuth falling from left to right, elevation from top to bottom."""
    random = np.random.default_rng([seed, 4])
    width = round(2 * math.pi * px_per_rad)
    elevation = highest_rad - np.arange(round((highest_rad - LOWEST_RAD) * px_per_rad) + 1) / px_per_rad
    azimuth = -np.arange(width) / px_per_rad
    rise = np.clip(elevation / math.radians(40), 0, 1)[:, None, None] ** 0.6
    colour = (np.array(SKY_LOW) * (1 - rise) + np.array(SKY_HIGH) * rise).astype(np.float32)
    cloud = _clouds(random, azimuth, elevation)[..., None]
    picture = colour * (1 - cloud) + np.array(CLOUD, np.float32) * cloud
    for height_rad, waves, ridge_colour in RIDGES:
        crest = np.full(width, height_rad)
        for wave in waves:
            crest += height_rad * 0.9 / wave**0.7 * np.sin(wave * azimuth + random.uniform(0, 2 * math.pi))
        _cover(picture, elevation, np.maximum(crest, 0.002), ridge_colour, px_per_rad)
    leaves = periodic_field(random, 1, width, 0.7, 40)[0]
    woods = np.clip(periodic_field(random, 1, width, 1.5, 4)[0] + 0.6, 0.15, 1.5)
    _cover(picture, elevation, TREES_RAD * woods * (1 + 0.35 * leaves), TREES_COLOUR, px_per_rad)
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)


def _clouds(random: np.random.Generator, azimuth: np.ndarray, elevation: np.ndarray) -> np.ndarray:
    """How much cloud there is in each direction: a field on a plane overhead, so that clouds flatten far away."""
    field = periodic_field(random, 512, 512, 1.7, 3)
    height = 1 / np.tan(np.maximum(elevation, math.radians(2.5)))
    distance = (height * CLOUD_TEXELS).astype(np.float32)
    x = np.outer(distance, np.cos(azimuth).astype(np.float32))
    y = np.outer(distance, np.sin(azimuth).astype(np.float32))
    density = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    clear_low = np.clip((elevation - math.radians(1)) / math.radians(7), 0, 1)[:, None]
    return np.clip((density - 0.25) * 0.7, 0, 0.9) * clear_low


def _cover(picture: np.ndarray, elevation: np.ndarray, crest: np.ndarray, colour: tuple, px_per_rad: float) -> None:
    """Paint everything below a crest, antialiased; the foot fades into haze."""
    rows = slice(int(np.searchsorted(-elevation, -crest.max() - 2 / px_per_rad)), None)
    elevation = elevation[rows, None].astype(np.float32)
    inside = np.clip((crest[None, :].astype(np.float32) - elevation) * px_per_rad + 0.5, 0, 1)[..., None]
    depth = np.clip(elevation[..., None] / 0.04, 0, 1)
    shade = np.array(HAZE, np.float32) * 0.35 * (1 - depth) + np.array(colour, np.float32) * (0.65 + 0.35 * depth)
    picture[rows] += (shade - picture[rows]) * inside
