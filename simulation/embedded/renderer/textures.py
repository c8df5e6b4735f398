"""Ground textures: grass, asphalt grain, wear of paint, shadows of trees, puddles.

Each is a periodic square with mipmap levels: level n has half the side of level n - 1. The kernel uses the level whose
texels are about as large as a pixel, so that distant ground does not flicker.
"""

from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from simulation.embedded.renderer.noise import as_uint8, periodic_field

# A texel measures 2**shift times 1.5 cm; sides are powers of two and at most 61.44 m long.
GRAIN_SHIFT, GRAIN_SIDE = 0, 1024
GRASS_SHIFT, GRASS_SIDE = 1, 1024
WEAR_SHIFT, WEAR_SIDE = 1, 512
SHADOW_SHIFT, SHADOW_SIDE = 2, 1024
PUDDLE_SHIFT, PUDDLE_SIDE = 3, 256
LEVELS = 7
GRASS_DARK, GRASS_LIGHT, GRASS_DRY = (62, 92, 44), (96, 128, 60), (134, 136, 76)


class Texture(NamedTuple):
    """A texture in the kernel's layout."""

    texels: np.ndarray  # all levels one after the other, flat uint8
    side: int  # of level 0, in texels
    texel_bytes: int
    levels: int
    shift: int  # of a texel of level 0


class Surfaces(NamedTuple):
    """All ground textures, in the kernel's order."""

    grass: Texture
    grain: Texture
    wear: Texture
    shadow: Texture
    puddle: Texture


@lru_cache(maxsize=2)
def surfaces(seed: int) -> Surfaces:
    """Generate all textures from a seed."""
    random = np.random.default_rng([seed, 2])
    return Surfaces(_grass(random), _grain(random), _wear(random), _shadow(random), _puddle(random))


def _texture(image: np.ndarray, shift: int) -> Texture:
    """Build all levels of an (N, N) or (N, N, 4) uint8 image."""
    levels = [image]
    while len(levels) < LEVELS:
        side = len(levels[-1]) // 2
        levels.append(cv2.resize(levels[-1], (side, side), interpolation=cv2.INTER_AREA))
    texel_bytes = 1 if image.ndim == 2 else image.shape[2]
    return Texture(np.concatenate([level.ravel() for level in levels]), len(image), texel_bytes, LEVELS, shift)


def _evenly_spread(field: np.ndarray) -> np.ndarray:
    """The field as grey values with a uniform histogram."""
    order = np.argsort(field, axis=None)
    ranks = np.empty(field.size, np.int64)
    ranks[order] = np.arange(field.size)
    return (ranks * 256 // field.size).astype(np.uint8).reshape(field.shape)


def _grass(random: np.random.Generator) -> Texture:
    """RGBX: tufts of grass with dry patches."""
    tufts = periodic_field(random, GRASS_SIDE, GRASS_SIDE, 0.75, 12)
    dry = periodic_field(random, GRASS_SIDE, GRASS_SIDE, 1.8, 2)
    light = np.clip(0.5 + 0.28 * tufts, 0, 1)[..., None]
    dryness = np.clip(0.25 + 0.3 * dry, 0, 0.8)[..., None]
    colour = np.array(GRASS_DARK) * (1 - light) + np.array(GRASS_LIGHT) * light
    colour = colour * (1 - dryness) + np.array(GRASS_DRY) * dryness * (0.7 + 0.5 * light)
    return _texture(np.dstack([np.rint(colour.clip(0, 255)), np.zeros_like(dry)]).astype(np.uint8), GRASS_SHIFT)


def _grain(random: np.random.Generator) -> Texture:
    """Grey around 128: stones, and slightly darker or lighter patches."""
    stones = periodic_field(random, GRAIN_SIDE, GRAIN_SIDE, 0.3, 40)
    patches = periodic_field(random, GRAIN_SIDE, GRAIN_SIDE, 1.6, 2)
    return _texture(as_uint8(stones * 6.5 + patches * 3.5, 128), GRAIN_SHIFT)


def _wear(random: np.random.Generator) -> Texture:
    """Grey: paint wears off first where it is dark; flakes within patches of some metres."""
    flakes = periodic_field(random, WEAR_SIDE, WEAR_SIDE, 0.8, 30)
    patches = periodic_field(random, WEAR_SIDE, WEAR_SIDE, 1.5, 3)
    return _texture(_evenly_spread(flakes + 0.9 * patches), WEAR_SHIFT)


def _shadow(random: np.random.Generator) -> Texture:
    """Grey, 255 is full shadow: tree crowns with gaps, and stripes of trunks."""
    crowns = periodic_field(random, SHADOW_SIDE, SHADOW_SIDE, 1.5, 6)
    leaves = periodic_field(random, SHADOW_SIDE, SHADOW_SIDE, 1.0, 40)
    dark = np.clip((crowns - 0.15) * 1.6, 0, 1) * np.clip(0.85 + 0.9 * leaves, 0, 1)
    for _ in range(9):
        along, width = random.integers(0, SHADOW_SIDE), random.uniform(3, 6)
        across = np.abs((np.arange(SHADOW_SIDE) - along + SHADOW_SIDE // 2) % SHADOW_SIDE - SHADOW_SIDE // 2)
        reach = slice(*np.sort(random.integers(0, SHADOW_SIDE, 2)))
        dark[reach] = np.maximum(dark[reach], np.clip(width - across, 0, 1)[None, :])
    return _texture(as_uint8(cv2.GaussianBlur(dark, (0, 0), 1.5) * 255, 0), SHADOW_SHIFT)


def _puddle(random: np.random.Generator) -> Texture:
    """Grey, amount of water: mostly a thin layer, with patches of standing water."""
    field = periodic_field(random, PUDDLE_SIDE, PUDDLE_SIDE, 1.3, 3)
    return _texture(as_uint8(np.clip(0.35 + 0.3 * field, 0, 1) * 255, 0), PUDDLE_SHIFT)
