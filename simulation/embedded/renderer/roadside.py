"""What stands beside the road: trees and delineator posts, as upright pictures that turn towards the camera."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from simulation.embedded.conditions import Condition
from simulation.embedded.renderer.canvas import Canvas
from simulation.embedded.renderer.noise import periodic_field
from simulation.embedded.renderer.terrain import Terrain
from simulation.embedded.renderer.view import MapCamera

TREE_VIEW_M = 170.0
TREE_EVERY_M = 17.0
TREE_NEAREST_M, TREE_FARTHEST_M = 9.0, 34.0  # from the verge's edge
CLEAR_M = 8.0  # around every road, also one that the tree does not belong to
POST_VIEW_M, POST_EVERY_M, POST_HEIGHT_M, POST_WIDTH_M = 110.0, 50.0, 1.0, 0.12
POST_COLOUR, POST_BAND = (226, 226, 222), (40, 40, 42)
SPRITE_PX = 320
SPRITES = 6


class Roadside(NamedTuple):
    """Feet of everything upright, on the land, in map coordinates."""

    trees: np.ndarray  # (N, 3) m
    tree_kinds: np.ndarray  # (N,) index of a sprite
    tree_heights_m: np.ndarray
    posts: np.ndarray  # (N, 3) m


def plant_roadside(seed: int, chunks: Sequence[np.ndarray], terrain: Terrain) -> Roadside:
    """Trees in loose rows and groups, posts at the edge of the verges; `chunks`: their (2, K, 3) m edges."""
    random = np.random.default_rng([seed, 6])
    trees, posts = [np.zeros((0, 2))], [np.zeros((0, 3))]
    for left, right in chunks:
        across = left[:, :2] - right[:, :2]
        across /= np.maximum(np.linalg.norm(across, axis=1), 1e-6)[:, None]
        along_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(left[:, :2], axis=0).T))])
        at_posts = np.searchsorted(along_m, np.arange(POST_EVERY_M / 2, along_m[-1], POST_EVERY_M))
        for edge, outwards in ((left, across), (right, -across)):
            number = random.poisson(along_m[-1] / TREE_EVERY_M)
            foot = random.integers(0, len(edge), number)
            away_m = TREE_NEAREST_M + (TREE_FARTHEST_M - TREE_NEAREST_M) * random.random(number) ** 1.5
            trees.append(edge[foot, :2] + outwards[foot] * away_m[:, None])
            post = edge[at_posts].copy()
            post[:, :2] -= 0.3 * outwards[at_posts]
            posts.append(post)
    kept = _clear_of_roads(np.concatenate(trees), chunks)
    feet = np.column_stack([kept, terrain.height_m(kept[:, 0], kept[:, 1])])
    number = len(kept)
    return Roadside(feet, random.integers(0, SPRITES, number), random.uniform(4.5, 10.0, number), np.concatenate(posts))


def _clear_of_roads(trees: np.ndarray, chunks: Sequence[np.ndarray]) -> np.ndarray:
    """Without those nearer than CLEAR_M to any road: found in a coarse picture of the map."""
    if len(trees) == 0:
        return trees
    edges = np.concatenate([chunk.reshape(-1, 3)[:, :2] for chunk in chunks])
    low = np.minimum(edges.min(axis=0), trees.min(axis=0)) - 2 * CLEAR_M
    cell_m = CLEAR_M / 3
    cells = [np.floor((points - low) / cell_m).astype(int) for points in (edges, trees)]
    columns, rows = np.maximum(cells[0].max(axis=0), cells[1].max(axis=0)) + 4
    taken = np.zeros((rows, columns), np.uint8)
    for left, right in chunks:
        outline = np.concatenate([left[:, :2], right[::-1, :2]])
        cv2.fillPoly(taken, [np.floor((outline - low) / cell_m).astype(np.int32)], 255)
    side = 2 * math.ceil(CLEAR_M / cell_m) + 1
    taken = cv2.dilate(taken, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return trees[taken[cells[1][:, 1], cells[1][:, 0]] == 0]


class RoadsidePainter:
    """Draws a roadside into an image."""

    def __init__(self, seed: int, roadside: Roadside, focal_px: float, condition: Condition) -> None:
        self._roadside = roadside
        self._focal_px = focal_px
        self._sprites = _sprites(seed)
        self._light = condition.ambient
        self._lamps = condition.lamps
        self._haze = condition.haze
        self._haze_m = condition.haze_m
        self.keep_near(0.0, 0.0, math.inf)

    def keep_near(self, x_m: float, y_m: float, margin_m: float) -> None:
        """Look only at what can come into view before the camera has moved by `margin_m`."""
        near = [
            np.flatnonzero(np.hypot(feet[:, 0] - x_m, feet[:, 1] - y_m) < view_m + margin_m)
            for feet, view_m in ((self._roadside.trees, TREE_VIEW_M), (self._roadside.posts, POST_VIEW_M))
        ]
        self._trees, self._posts = self._roadside.trees[near[0]], self._roadside.posts[near[1]]
        self._kinds = self._roadside.tree_kinds[near[0]]
        self._heights_m = self._roadside.tree_heights_m[near[0]]

    def draw(self, canvas: Canvas, camera: MapCamera) -> None:
        """Trees, the farthest first, then posts."""
        height, width, _ = canvas.image.shape
        feet, depths, trees = _in_view(self._trees, camera, TREE_VIEW_M, width)
        order = np.argsort(-depths)
        feet, depths, trees = feet[order], depths[order], trees[order]
        heights_px = self._heights_m[trees] * self._focal_px / depths
        haziness, lit = 1 - np.exp(-depths / self._haze_m), self._lit(depths)
        columns = (self._kinds[trees], feet[:, 0], feet[:, 1], heights_px, depths, haziness, lit)
        for kind, u, v, height_px, depth_m, hazy, light in zip(*(c.tolist() for c in columns), strict=True):
            sizes = self._sprites[kind]
            sprite = next((size for size in reversed(sizes) if len(size) >= height_px), sizes[0])
            scale = height_px / len(sprite)
            left, top = u - sprite.shape[1] * scale / 2, v - height_px
            if left < width and left + sprite.shape[1] * scale > 0 and top < height:
                canvas.sprite(sprite, (left, top), scale, 1 / depth_m, self._haze, hazy, light)
        feet, depths, _ = _in_view(self._posts, camera, POST_VIEW_M, width)
        self._draw_posts(canvas, feet, depths)

    def _lit(self, depth_m: np.ndarray) -> np.ndarray:
        """Daylight, and what own headlights add so far away."""
        return self._light + self._lamps * 0.3 / (1 + (depth_m / 26) ** 2)

    def _draw_posts(self, canvas: Canvas, feet: np.ndarray, depths: np.ndarray) -> None:
        for (u, v), depth_m, light in zip(feet.tolist(), depths.tolist(), self._lit(depths).tolist(), strict=True):
            px_per_m = self._focal_px / depth_m
            half_px = POST_WIDTH_M / 2 * px_per_m
            clear = math.exp(-depth_m / self._haze_m)
            for colour, low_m, high_m in ((POST_COLOUR, 0.0, POST_HEIGHT_M), (POST_BAND, 0.68, 0.88)):
                top, bottom = v - high_m * px_per_m, v - low_m * px_per_m
                corners = ((u - half_px, top), (u + half_px, top), (u + half_px, bottom), (u - half_px, bottom))
                seen = [c * light * clear + h * (1 - clear) for c, h in zip(colour, self._haze, strict=True)]
                canvas.polygon(corners, 1 / depth_m, seen)


def _in_view(
    points_m: np.ndarray, camera: MapCamera, view_m: float, width_px: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pixels of the feet in view, their depths, and their indices."""
    depth = points_m @ camera.image_from_map[2, :3] + camera.image_from_map[2, 3]
    ahead = np.flatnonzero((depth > 4.0) & (depth < view_m))  # a few of all that stand along the map's roads
    pixels, depth = camera.project(points_m[ahead])
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
