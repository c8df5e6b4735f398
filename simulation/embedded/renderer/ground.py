"""The ground: grass and the grain of asphalt, warped from tiles that lie still in the map.

Rows are drawn in bands by distance; each band takes the tile whose texels are about as large as its pixels, so that
far ground does not sparkle.
"""

import math
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np

from simulation.embedded.renderer.noise import as_uint8, periodic_field

GRAIN_M, GRAIN_TILE = 0.015, 1024  # texel, tile side in texels
GRAIN_CONTRAST = (1.0, 1.5, 1.2, 1.0)  # of the levels: what averaging took away, so that no band's edge shows
GRASS_M, GRASS_TILE = 0.10, 512
BANDS_M = (6.5, 15.0, 40.0)  # distances at which the texels become four times as large
LAID_OUT_M = (12.0, 26.0, 70.0, 70.0)  # side of what such a band sees through a common lens
GRASS_DARK, GRASS_LIGHT, GRASS_DRY = (62, 92, 44), (96, 128, 60), (134, 136, 76)


class _Band(NamedTuple):
    """Image rows and the level of detail to draw them with."""

    rows: slice
    level: int


class _Tile(NamedTuple):
    """One level of detail of a tile, laid out several times: wrapping round is slow."""

    texels: np.ndarray
    period: int  # texels after which it repeats
    texel_m: float


class Ground:
    """Draws grass, and grain over everything, into the rows of an image that show ground."""

    def __init__(self, seed: int, width_px: int, height_px: int, first_row: int, band_rows: list[float]) -> None:
        """`band_rows`: the image rows that show the distances BANDS_M."""
        self._grain_rows = np.zeros((height_px, width_px), np.uint8)
        self._grain = _grain_levels(seed)
        self._grass = _grass_levels(seed)
        # The nearest band ends at the bottom of the image, the farthest begins at the horizon.
        edges = [height_px, *(min(max(round(row), first_row), height_px) for row in band_rows), first_row]
        self._bands = [
            _Band(slice(far, near), level) for level, (near, far) in enumerate(pairwise(edges)) if near > far
        ]

    def draw_grass(self, image: np.ndarray, ground_from_image: np.ndarray) -> None:
        """Cover the ground rows with grass. `ground_from_image`: (3, 3) pixel -> map."""
        for band in self._bands:
            # Far tufts span several pixels and would show as squares.
            interpolation = cv2.INTER_LINEAR if band.level else cv2.INTER_NEAREST
            _warp(self._grass[band.level], ground_from_image, band, image[band.rows], interpolation)

    def add_grain(self, image: np.ndarray, ground_from_image: np.ndarray) -> None:
        """Lay grain over the ground rows, grass and paint included."""
        for band in self._bands:
            rows = image[band.rows]
            out = self._grain_rows[band.rows]
            grain = _warp(self._grain[band.level], ground_from_image, band, out, cv2.INTER_NEAREST)
            cv2.addWeighted(rows, 1.0, cv2.merge((grain, grain, grain)), 0.5, -64.0, rows)


def _warp(tile: _Tile, ground_from_image: np.ndarray, band: _Band, out: np.ndarray, interpolation: int) -> np.ndarray:
    """Fill `out` with the tile as it lies on the ground seen in the band's rows."""
    height, width = out.shape[:2]
    image_from_band = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, band.rows.start], [0.0, 0.0, 1.0]])
    texel_from_band = np.diag([1 / tile.texel_m, 1 / tile.texel_m, 1.0]) @ ground_from_image @ image_from_band
    corners = texel_from_band @ np.array([[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]])
    if (corners[2] * corners[2, 3] > 0).all():  # all of it below the horizon
        first = np.floor((corners[:2] / corners[2]).min(axis=1) / tile.period) * tile.period
        texel_from_band[:2] -= first[:, None] * texel_from_band[2]
    flags = interpolation | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(tile.texels, texel_from_band, (width, height), out, flags, cv2.BORDER_WRAP)


def _levels(tile: np.ndarray, texel_m: float) -> list[_Tile]:
    """The tile in its own resolution, 1/4, 1/16 and 1/64 of it."""
    levels = []
    for level in range(len(BANDS_M) + 1):
        reduction = 4**level
        side = len(tile) // reduction
        small = cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA)
        repeats = math.ceil(LAID_OUT_M[level] / (side * reduction * texel_m)) + 1
        shape = (repeats, repeats, 1)[: tile.ndim]
        levels.append(_Tile(np.tile(small, shape), side, reduction * texel_m))
    return levels


@lru_cache(maxsize=2)
def _grain_levels(seed: int) -> list[_Tile]:
    """Grey around 128: stones, and patches that are a little darker or lighter."""
    random = np.random.default_rng([seed, 2])
    stones = periodic_field(random, GRAIN_TILE, GRAIN_TILE, 0.3, 40)
    patches = periodic_field(random, GRAIN_TILE, GRAIN_TILE, 1.6, 2)
    levels = _levels(as_uint8(stones * 13 + patches * 7, 128), GRAIN_M)
    return [
        tile._replace(texels=cv2.convertScaleAbs(tile.texels, alpha=contrast, beta=128 * (1 - contrast)))
        for tile, contrast in zip(levels, GRAIN_CONTRAST, strict=True)
    ]


@lru_cache(maxsize=2)
def _grass_levels(seed: int) -> list[_Tile]:
    """(N, N, 3) RGB: tufts on meadows, drier here and there."""
    random = np.random.default_rng([seed, 3])
    tufts = periodic_field(random, GRASS_TILE, GRASS_TILE, 0.8, 8)
    dry = periodic_field(random, GRASS_TILE, GRASS_TILE, 1.8, 2)
    light = np.clip(0.5 + 0.28 * tufts, 0, 1)[..., None]
    dryness = np.clip(0.25 + 0.3 * dry, 0, 0.8)[..., None]
    colour = np.array(GRASS_DARK) * (1 - light) + np.array(GRASS_LIGHT) * light
    colour = colour * (1 - dryness) + np.array(GRASS_DRY) * dryness * (0.7 + 0.5 * light)
    return _levels(np.rint(colour.clip(0, 255)).astype(np.uint8), GRASS_M)
