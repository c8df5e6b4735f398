"""What stands beside the road: trees and delineator posts, as upright pictures that turn towards the camera."""

import math
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from simulation.embedded.renderer.noise import periodic_field

TREE_VIEW_M, TREE_HAZE_M, HAZE_GREY = 170.0, 380.0, 165
TREE_EVERY_M = 17.0
TREE_NEAREST_M, TREE_FARTHEST_M = 9.0, 34.0  # from the verge's edge
CLEAR_M = 8.0  # around every road, also one that the tree does not belong to
POST_VIEW_M, POST_EVERY_M, POST_HEIGHT_M, POST_WIDTH_M = 110.0, 50.0, 1.0, 0.12
POST_COLOUR, POST_BAND = (226, 226, 222), (40, 40, 42)
SPRITE_PX = 224
SPRITES = 6


class Roadside(NamedTuple):
    """Feet of everything upright, on the ground in map coordinates."""

    trees: np.ndarray  # (N, 2) m
    tree_kinds: np.ndarray  # (N,) index of a sprite
    tree_heights_m: np.ndarray
    posts: np.ndarray  # (N, 2) m


def plant_roadside(seed: int, verges: np.ndarray) -> Roadside:
    """Trees in loose rows and groups, posts at the edge of the verges ((M, 2, K, 2) m chunks)."""
    random = np.random.default_rng([seed, 6])
    edges = verges[:, :, ::5].reshape(-1, 2)
    trees, posts, travelled_m = [], [], 0.0
    for left, right in verges:
        across = (left - right) / np.maximum(np.hypot(*(left - right).T), 1e-6)[:, None]
        length_m = float(np.hypot(*np.diff(left, axis=0).T).sum())
        for foot, outwards in ((left, across), (right, -across)):
            for _ in range(random.poisson(length_m / TREE_EVERY_M)):
                i = random.integers(len(foot))
                away_m = TREE_NEAREST_M + (TREE_FARTHEST_M - TREE_NEAREST_M) * random.random() ** 1.5
                trees.append(foot[i] + outwards[i] * away_m)
            if travelled_m // POST_EVERY_M != (travelled_m + length_m) // POST_EVERY_M:
                posts.append(foot[0] - 0.3 * outwards[0])
        travelled_m += length_m
    kept = [tree for tree in trees if np.hypot(*(edges - tree).T).min() > CLEAR_M]
    return Roadside(
        np.array(kept).reshape(-1, 2),
        random.integers(0, SPRITES, len(kept)),
        random.uniform(4.5, 10.0, len(kept)),
        np.array(posts).reshape(-1, 2),
    )


class RoadsidePainter:
    """Draws a roadside into an image."""

    def __init__(self, seed: int, roadside: Roadside, focal_px: float) -> None:
        self._roadside = roadside
        self._focal_px = focal_px
        self._sprites = _sprites(seed)

    def draw(self, image: np.ndarray, image_from_map: np.ndarray) -> None:
        """Far ones first. `image_from_map`: (3, 3) ground homography whose last row gives the depth in m."""
        roadside = self._roadside
        feet, depths, trees = _in_view(roadside.trees, image_from_map, TREE_VIEW_M, image.shape[1])
        order = np.argsort(-depths)
        for foot, depth, tree in zip(feet[order], depths[order], trees[order], strict=True):
            height_px = roadside.tree_heights_m[tree] * self._focal_px / depth
            self._draw_tree(image, foot, height_px, float(depth), self._sprites[roadside.tree_kinds[tree]])
        feet, depths, _ = _in_view(roadside.posts, image_from_map, POST_VIEW_M, image.shape[1])
        for foot, depth in zip(feet, depths, strict=True):
            self._draw_post(image, foot, self._focal_px / depth)

    def _draw_tree(
        self, image: np.ndarray, foot: np.ndarray, height_px: float, depth_m: float, sprites: list[np.ndarray]
    ) -> None:
        sprite = next((s for s in reversed(sprites) if len(s) >= height_px * 0.8), sprites[0])
        scale = height_px / len(sprite)
        left, top = foot[0] - sprite.shape[1] * scale / 2, foot[1] - height_px
        x0, y0 = max(0, math.floor(left)), max(0, math.floor(top))
        x1 = min(image.shape[1], math.ceil(left + sprite.shape[1] * scale))
        y1 = min(image.shape[0], math.ceil(foot[1]))
        if x1 - x0 < 1 or y1 - y0 < 1:
            return
        pixel_from_sprite = np.array([[scale, 0.0, left - x0], [0.0, scale, top - y0]])
        drawn = cv2.warpAffine(sprite, pixel_from_sprite, (x1 - x0, y1 - y0), flags=cv2.INTER_LINEAR)
        # Colour is premultiplied with alpha in the sprite.
        alpha = cv2.extractChannel(drawn, 3)
        clear = math.exp(-depth_m / TREE_HAZE_M)
        haze = cv2.merge((alpha, alpha, alpha))
        colour = cv2.addWeighted(cv2.cvtColor(drawn, cv2.COLOR_RGBA2RGB), clear, haze, (1 - clear) * HAZE_GREY / 255, 0)
        behind = cv2.multiply(image[y0:y1, x0:x1], cv2.bitwise_not(haze), scale=1 / 255)
        cv2.add(behind, colour, image[y0:y1, x0:x1])

    def _draw_post(self, image: np.ndarray, foot: np.ndarray, px_per_m: float) -> None:
        half_px = POST_WIDTH_M / 2 * px_per_m
        for colour, low_m, high_m in ((POST_COLOUR, 0.0, POST_HEIGHT_M), (POST_BAND, 0.68, 0.88)):
            corners = [(foot[0] + side, foot[1] - at * px_per_m) for side, at in _corners(half_px, low_m, high_m)]
            points = np.rint(np.array(corners) * 16).astype(np.int32)
            cv2.fillConvexPoly(image, points, colour, cv2.LINE_AA, 4)


def _corners(half_px: float, low_m: float, high_m: float) -> tuple[tuple[float, float], ...]:
    return (-half_px, low_m), (half_px, low_m), (half_px, high_m), (-half_px, high_m)


def _in_view(
    points_m: np.ndarray, image_from_map: np.ndarray, view_m: float, width_px: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of the feet in view, their depths, and their indices."""
    depth = points_m @ image_from_map[2, :2] + image_from_map[2, 2]
    ahead = np.flatnonzero((depth > 4.0) & (depth < view_m))  # a few of all that stand along the map's roads
    depth = depth[ahead]
    pixels = (points_m[ahead] @ image_from_map[:2, :2].T + image_from_map[:2, 2]) / depth[:, None]
    beside_px = 0.4 * width_px
    inside = (pixels[:, 0] > -beside_px) & (pixels[:, 0] < width_px + beside_px)
    return pixels[inside], depth[inside], ahead[inside]


@lru_cache(maxsize=2)
def _sprites(seed: int) -> list[list[np.ndarray]]:
    """Pictures of trees, each in several sizes."""
    random = np.random.default_rng([seed, 7])
    return [_pyramid(_tree(random, conifer=kind % 3 == 0)) for kind in range(SPRITES)]


def _pyramid(sprite: np.ndarray) -> list[np.ndarray]:
    """The sprite and its halves, down to 14 px."""
    sprites = [sprite]
    while len(sprites[-1]) >= 28:
        half = sprites[-1]
        sprites.append(cv2.resize(half, (half.shape[1] // 2, half.shape[0] // 2), interpolation=cv2.INTER_AREA))
    return sprites


def _tree(random: np.random.Generator, conifer: bool) -> np.ndarray:
    """(H, W, 4) uint8 RGBA picture of a tree, colour premultiplied with alpha; its foot is the middle of the bottom."""
    size = SPRITE_PX
    v, u = np.mgrid[0:size, 0:size].astype(np.float32) / size
    leaves = periodic_field(random, size, size, 0.9, 6)
    if conifer:
        half_width = 0.04 + 0.26 * v * (0.85 + 0.15 * np.sin(v * 46))
        edge = (half_width - np.abs(u - 0.5)) / 0.05
        edge = np.where(v > 0.93, -2.0, edge)
        dark, light = np.array((26, 48, 34)), np.array((66, 96, 58))
    else:
        edge = np.full_like(u, -9.0)
        for _ in range(7):
            cu, cv, radius = random.uniform(0.33, 0.67), random.uniform(0.24, 0.58), random.uniform(0.15, 0.24)
            edge = np.maximum(edge, (radius - np.hypot(u - cu, v - cv)) / 0.05)
        dark, light = np.array((38, 60, 28)), np.array((112, 140, 66))
    alpha = np.clip(edge + 0.9 * leaves + 0.4, 0, 1)
    # Lit from the upper left.
    lit = np.clip(0.5 + 0.22 * leaves + 0.9 * (0.5 - v) + 0.7 * (0.5 - u), 0, 1)[..., None]
    colour = dark * (1 - lit) + light * lit
    trunk = np.clip((0.022 - np.abs(u - 0.5)) * size / 2, 0, 1) * (v > 0.5) * (1 - alpha)
    colour = colour * alpha[..., None] + np.array((74, 60, 48)) * trunk[..., None]
    # A little shade on the ground, so that it stands on it.
    total = alpha + trunk
    shade = np.clip(1 - np.hypot((u - 0.5) / 0.28, (v - 0.985) / 0.03), 0, 1) * 0.5 * (1 - total)
    colour = colour + np.array((30, 42, 24)) * shade[..., None]
    picture = np.dstack([colour, (total + shade) * 255])
    return np.rint(np.clip(picture, 0, 255)).astype(np.uint8)
