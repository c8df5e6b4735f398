"""Trees and delineator posts beside the road, drawn as billboards."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import cv2
import numpy as np

from simulation.conditions import Condition
from simulation.embedded.renderer.canvas import Canvas
from simulation.embedded.renderer.noise import periodic_field
from simulation.embedded.renderer.terrain import Terrain
from simulation.embedded.renderer.view import MapCamera

TREE_VIEW_M = 170.0
TREE_EVERY_M = 17.0
MIN_TREE_DISTANCE_M, MAX_TREE_DISTANCE_M = 9.0, 34.0  # from the verge's edge
MIN_DEPTH_M = 4.0  # objects beside the camera are not drawn
MAX_CELLS, MAX_SIDE = 32_000_000, 32_000  # of the raster of the roads; coarser on larger maps
CLEAR_M = 8.0  # no trees within this distance of any road
POST_VIEW_M, POST_EVERY_M, POST_HEIGHT_M, POST_WIDTH_M = 110.0, 50.0, 1.0, 0.12
POST_BAND_M = 0.68, 0.88  # above the ground
POST_COLOUR, POST_BAND = (226, 226, 222), (40, 40, 42)
SPRITE_PX = 320
SPRITE_SIZES = 5  # each half of the one before
SPRITES = 6  # kinds of trees


class Roadside(NamedTuple):
    """Foot points of trees and posts on the land, in map coordinates."""

    trees: np.ndarray  # (N, 3) m
    tree_kinds: np.ndarray  # (N,) index of a sprite
    tree_heights_m: np.ndarray
    posts: np.ndarray  # (N, 3) m


def plant_roadside(seed: int, verge_edges: Sequence[np.ndarray], terrain: Terrain) -> Roadside:
    """Place trees in loose rows and groups, and posts on the verges; `verge_edges`: (2, K, 3) m, left and right."""
    random = np.random.default_rng([seed, 6])
    trees, posts = [np.zeros((0, 2))], [np.zeros((0, 3))]
    for left, right in verge_edges:
        across = left[:, :2] - right[:, :2]
        across /= np.maximum(np.linalg.norm(across, axis=1), 1e-6)[:, None]
        along_m = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(left[:, :2], axis=0).T))])
        at_posts = np.searchsorted(along_m, np.arange(POST_EVERY_M / 2, along_m[-1], POST_EVERY_M))
        for edge, outwards in ((left, across), (right, -across)):
            number = random.poisson(along_m[-1] / TREE_EVERY_M)
            foot = random.integers(0, len(edge), number)
            away_m = MIN_TREE_DISTANCE_M + (MAX_TREE_DISTANCE_M - MIN_TREE_DISTANCE_M) * random.random(number) ** 1.5
            trees.append(edge[foot, :2] + outwards[foot] * away_m[:, None])
            post = edge[at_posts].copy()
            post[:, :2] -= 0.3 * outwards[at_posts]
            posts.append(post)
    kept = _clear_of_roads(np.concatenate(trees), verge_edges)
    feet = np.column_stack([kept, terrain.height_m(kept[:, 0], kept[:, 1])])
    number = len(kept)
    return Roadside(feet, random.integers(0, SPRITES, number), random.uniform(4.5, 10.0, number), np.concatenate(posts))


def _clear_of_roads(trees: np.ndarray, verge_edges: Sequence[np.ndarray]) -> np.ndarray:
    """The trees that are at least CLEAR_M away from every road, tested in a coarse raster of the map."""
    if len(trees) == 0:
        return trees
    edges = np.concatenate([edges_of_one.reshape(-1, 3)[:, :2] for edges_of_one in verge_edges])
    low = np.minimum(edges.min(axis=0), trees.min(axis=0)) - 2 * CLEAR_M
    extent_m = np.maximum(edges.max(axis=0), trees.max(axis=0)) - low
    cell_m = max(CLEAR_M / 3, math.sqrt(float(np.prod(extent_m)) / MAX_CELLS), float(extent_m.max()) / MAX_SIDE)
    cells = [np.floor((points - low) / cell_m).astype(int) for points in (edges, trees)]
    columns, rows = np.maximum(cells[0].max(axis=0), cells[1].max(axis=0)) + 4
    taken = np.zeros((rows, columns), np.uint8)
    for left, right in verge_edges:
        outline = np.concatenate([left[:, :2], right[::-1, :2]])
        cv2.fillPoly(taken, [np.floor((outline - low) / cell_m).astype(np.int32)], 255)
    side = 2 * math.ceil(CLEAR_M / cell_m) + 1
    taken = cv2.dilate(taken, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)))
    return trees[taken[cells[1][:, 1], cells[1][:, 0]] == 0]


class RoadsidePainter:
    """Draws the trees and posts of a roadside."""

    def __init__(self, seed: int, roadside: Roadside, focal_px: float, condition: Condition) -> None:
        self._roadside = roadside
        self._focal_px = focal_px
        self._sprites = _sprites(seed)
        self._light, self._lamps = condition.ambient, condition.lamps
        self._haze, self._haze_m = condition.haze, condition.haze_m
        atmosphere = (TREE_VIEW_M, focal_px, *condition.haze, condition.haze_m, condition.ambient, condition.lamps)
        self._atmosphere = np.array(atmosphere, np.float32)
        self.keep_near(0.0, 0.0, math.inf)

    def keep_near(self, x_m: float, y_m: float, margin_m: float) -> None:
        """Select the objects that can come into view before the camera has moved by `margin_m`."""
        roadside = self._roadside
        near = [
            np.flatnonzero(np.hypot(feet[:, 0] - x_m, feet[:, 1] - y_m) < view_m + margin_m)
            for feet, view_m in ((roadside.trees, TREE_VIEW_M), (roadside.posts, POST_VIEW_M))
        ]
        columns = roadside.trees[near[0]], roadside.tree_heights_m[near[0]], roadside.tree_kinds[near[0]]
        self._trees = np.column_stack(columns).astype(np.float32)
        self._posts = roadside.posts[near[1]]

    def draw(self, canvas: Canvas, camera: MapCamera) -> None:
        """Draw trees from far to near, then posts."""
        canvas.draw_billboards(self._sprites, SPRITE_SIZES, self._trees, self._atmosphere)
        feet, depths = _in_view(self._posts, camera, POST_VIEW_M, canvas.image.shape[1])
        if len(feet):
            self._draw_posts(canvas, feet, depths)

    def _draw_posts(self, canvas: Canvas, feet: np.ndarray, depths: np.ndarray) -> None:
        """Draw each post as a pale rectangle with a dark band."""
        left_m, right_m = -POST_WIDTH_M / 2, POST_WIDTH_M / 2
        planks_m = np.array(
            [
                [(left_m, high_m), (right_m, high_m), (right_m, low_m), (left_m, low_m)]
                for low_m, high_m in ((0.0, POST_HEIGHT_M), POST_BAND_M)
            ]
        )
        px_per_m = (self._focal_px / depths)[:, None, None]
        corners = np.empty((len(feet), 2, 4, 2))
        corners[..., 0] = feet[:, 0, None, None] + planks_m[..., 0] * px_per_m
        corners[..., 1] = feet[:, 1, None, None] - planks_m[..., 1] * px_per_m
        clear = np.exp(-depths / self._haze_m)[:, None, None]
        lit = self._light + self._lamps * 0.3 / (1 + (depths / 26) ** 2)  # as the kernel lights trees
        colours = np.array([POST_COLOUR, POST_BAND]) * lit[:, None, None]
        colours = np.array(self._haze) + (colours - self._haze) * clear
        counts = np.full(2 * len(feet), 4, np.int32)
        canvas.draw_polygons(corners.reshape(-1, 2), np.repeat(1 / depths, 8), counts, colours.reshape(-1, 3))


def _in_view(points_m: np.ndarray, camera: MapCamera, view_m: float, width_px: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the foot points in view, and their depths."""
    pixels, depth = camera.project(points_m)
    beside_px = 0.4 * width_px
    ahead = (depth > MIN_DEPTH_M) & (depth < view_m)
    inside = ahead & (pixels[:, 0] > -beside_px) & (pixels[:, 0] < width_px + beside_px)
    return pixels[inside], depth[inside]


class Sprites(NamedTuple):
    """Sprites of trees in the kernel's layout: SPRITE_SIZES of each kind, the largest first."""

    texels: np.ndarray  # flat uint8 RGBA, one sprite after the other
    sizes: np.ndarray  # (N, 2) int32 width and height


@lru_cache(maxsize=2)
def _sprites(seed: int) -> Sprites:
    random = np.random.default_rng([seed, 7])
    images = [size for kind in range(SPRITES) for size in _pyramid(_tree(random, conifer=kind % 3 == 0))]
    sizes = np.array([image.shape[1::-1] for image in images], np.int32)
    return Sprites(np.concatenate([image.ravel() for image in images]), sizes)


def _pyramid(sprite: np.ndarray) -> list[np.ndarray]:
    """The sprite in all sizes, the largest first."""
    sprites = [sprite]
    while len(sprites) < SPRITE_SIZES:
        half = sprites[-1]
        sprites.append(cv2.resize(half, (half.shape[1] // 2, half.shape[0] // 2), interpolation=cv2.INTER_AREA))
    return sprites


def _tree(random: np.random.Generator, conifer: bool) -> np.ndarray:
    """(H, W, 4) uint8 RGBA sprite of a tree, premultiplied alpha; its foot is the middle of the lower edge."""
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
    # A shadow on the ground below the tree.
    total = alpha + trunk
    shade = np.clip(1 - np.hypot((u - 0.5) / 0.28, (v - 0.985) / 0.03), 0, 1) * 0.5 * (1 - total)
    colour = colour + np.array((30, 42, 24)) * shade[..., None]
    image = np.dstack([colour, (total + shade) * 255])
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)
