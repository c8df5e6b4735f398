"""Panorama of 360 deg: sky, clouds, hills and a line of trees.

It is a cylinder at infinite distance: columns are azimuths, decreasing from left to right; rows are tangents of the
elevation, increasing from row 0. Light and weather are part of it.
"""

import math
from typing import NamedTuple

import cv2
import numpy as np

from simulation.conditions import Condition
from simulation.embedded.renderer.noise import periodic_field

LOWEST = -0.06  # tangent of the elevation of row 0; visible where land ends before the horizon
HIGHEST = 2.0  # the last row is repeated above
SKY_HIGH, SKY_LOW, CLOUD = (74, 132, 196), (205, 222, 233), (250, 250, 248)
BLANKET = (176, 182, 188)  # an overcast sky
# Ridges from far to near: height (tangent), number of waves around the horizon, colour.
RIDGES = (
    (0.060, (3, 7, 13, 29), (140, 160, 178)),
    (0.036, (5, 11, 23, 41), (112, 138, 136)),
    (0.016, (9, 17, 37, 71), (88, 116, 84)),
)
TREES, TREES_COLOUR = 0.010, (58, 84, 50)
CLOUD_TEXELS = 34  # of the cloud field, per height of the clouds
HORIZON_M = 1500.0  # distance of the hills, for haze
MAX_PX_PER_RAD = 900.0


class Panorama(NamedTuple):
    """A panorama in the kernel's layout."""

    texels: np.ndarray  # (rows, columns, 4) uint8 RGBX
    px_per_rad: float
    lowest: float


def panorama(seed: int, focal_px: float, highest: float, condition: Condition) -> Panorama:
    """Build the panorama; `highest` is the tangent of the highest elevation in view."""
    random = np.random.default_rng([seed, 4])
    # A texel of the panorama is as large as an image pixel in the middle of the view.
    px_per_rad = min(focal_px, MAX_PX_PER_RAD)
    width = round(2 * math.pi * px_per_rad)
    tangent = LOWEST + np.arange(round((min(max(highest, 0.1), HIGHEST) - LOWEST) * px_per_rad) + 2) / px_per_rad
    azimuth = -np.arange(width) / px_per_rad
    rise = np.clip(np.arctan(tangent) / math.radians(40), 0, 1)[:, None, None] ** 0.6
    colour = (np.array(SKY_LOW) * (1 - rise) + np.array(SKY_HIGH) * rise).astype(np.float32)
    cloud = _clouds(random, azimuth, tangent)[..., None]
    image = colour * (1 - cloud) + np.array(CLOUD, np.float32) * cloud
    blanket = np.array(BLANKET, np.float32) * (0.88 + 0.16 * cloud)
    image += (blanket - image) * condition.overcast
    for height, waves, ridge_colour in RIDGES:
        crest = np.full(width, height)
        for wave in waves:
            crest += height * 0.9 / wave**0.7 * np.sin(wave * azimuth + random.uniform(0, 2 * math.pi))
        _paint_below_crest(image, tangent, np.maximum(crest, 0.002), ridge_colour, px_per_rad, condition)
    leaves = periodic_field(random, 1, width, 0.7, 40)[0]
    woods = np.clip(periodic_field(random, 1, width, 1.5, 4)[0] + 0.6, 0.15, 1.5)
    _paint_below_crest(image, tangent, TREES * woods * (1 + 0.35 * leaves), TREES_COLOUR, px_per_rad, condition)
    image *= _daylight(condition.ambient)
    # The colour of haze includes its light; haze covers the hills and becomes thinner upwards.
    thick = 1 - math.exp(-HORIZON_M / 6 / condition.haze_m)
    above = np.exp(-np.maximum(tangent, 0) * condition.haze_m / 35.0)[:, None, None] if condition.haze_m < 400 else 0.0
    image += (np.array(condition.haze, np.float32) - image) * (thick * above)
    texels = np.zeros((*image.shape[:2], 4), np.uint8)
    texels[..., :3] = np.rint(np.clip(image, 0, 255))
    return Panorama(texels, px_per_rad, LOWEST)


def _daylight(ambient: float) -> np.ndarray:
    """Factor of daylight per colour channel: a dark sky is bluer than a bright one."""
    return np.power(ambient, np.array([1.05, 1.0, 0.9], np.float32))


def _clouds(random: np.random.Generator, azimuth: np.ndarray, tangent: np.ndarray) -> np.ndarray:
    """Cloud density in each direction: a field on a horizontal plane, so that distant clouds appear flat."""
    field = periodic_field(random, 512, 512, 1.7, 3)
    distance = (CLOUD_TEXELS / np.maximum(tangent, math.tan(math.radians(2.5)))).astype(np.float32)
    x = np.outer(distance, np.cos(azimuth).astype(np.float32))
    y = np.outer(distance, np.sin(azimuth).astype(np.float32))
    density = cv2.remap(field, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    clear_low = np.clip((np.arctan(tangent) - math.radians(1)) / math.radians(7), 0, 1)[:, None]
    return np.clip((density - 0.25) * 0.7, 0, 0.9) * clear_low


def _paint_below_crest(
    image: np.ndarray, tangent: np.ndarray, crest: np.ndarray, colour: tuple, px_per_rad: float, condition: Condition
) -> None:
    """Paint everything below a crest with antialiasing; its base fades into haze."""
    rows = slice(0, int(np.searchsorted(tangent, crest.max() + 2 / px_per_rad)))
    tangent = tangent[rows, None].astype(np.float32)
    inside = np.clip((crest[None, :].astype(np.float32) - tangent) * px_per_rad + 0.5, 0, 1)[..., None]
    depth = np.clip(tangent[..., None] / 0.04, 0, 1)
    haze = np.array(condition.haze, np.float32) / max(condition.ambient, 0.02)
    shade = np.minimum(haze, 255) * 0.35 * (1 - depth) + np.array(colour, np.float32) * (0.65 + 0.35 * depth)
    image[rows] += (shade - image[rows]) * inside
