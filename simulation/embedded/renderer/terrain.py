"""The land between the roads: level on a level map, otherwise a smooth surface a little below the roads.

A grid holds the heights of the roads; cells without a road are interpolated from coarse to fine (pull-push algorithm,
S. Gortler et al., The Lumigraph, 1996). Where roads cross above each other, the lower height is used.
"""

import math

import cv2
import numpy as np

CELL_M = 4.0
MESH_M = 8.0  # side of the quadrilaterals drawn
MARGIN_M = 320.0  # of land around the roads: the visibility range
BELOW_M = 0.35  # land lies so far below the roads, so that it never covers the pavement
LEVEL_M = 0.03  # maximum height range of a level map
SKIRT_M = 5.0  # width of the slope from the verge to the land
MAX_STEP_M = 4.0  # a larger height difference is a bridge, which has no slope
MAX_CELLS, MAX_SIDE = 8_000_000, 32_000  # OpenCV takes images of up to 32,767 pixels a side


class Terrain:
    """Land heights of one map."""

    def __init__(self, verges_m: np.ndarray) -> None:
        """`verges_m`: (N, 4, 3) quadrilaterals of the roads with their verges."""
        corners = verges_m.reshape(-1, 3)
        heights = corners[:, 2] if len(corners) else np.zeros(1, np.float32)
        self.is_level = bool(np.ptp(heights) < LEVEL_M)
        self.level_m = float(heights.mean())
        self.skirts = np.zeros((0, 4, 3), np.float32)
        if self.is_level:
            return
        low, high = corners[:, :2].min(axis=0) - MARGIN_M, corners[:, :2].max(axis=0) + MARGIN_M
        extent_m = high.astype(float) - low
        self._cell_m = max(CELL_M, math.sqrt(float(np.prod(extent_m)) / MAX_CELLS), float(extent_m.max()) / MAX_SIDE)
        self._origin_m = low
        self._heights = self._percentiles(corners, np.ceil((high - low) / self._cell_m).astype(int) + 1)
        self.skirts = self._slopes(verges_m)

    def height_m(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Height of the land at many points; beyond the grid that of its border."""
        if self.is_level:
            return np.full(np.shape(x_m), self.level_m)
        column = ((x_m - self._origin_m[0]) / self._cell_m - 0.5).astype(np.float32)
        row = ((y_m - self._origin_m[1]) / self._cell_m - 0.5).astype(np.float32)
        shape = column.shape
        found = cv2.remap(
            self._heights, column.reshape(-1, 1), row.reshape(-1, 1), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return found.reshape(shape) - BELOW_M

    def quads_around(self, x_m: float, y_m: float, reach_m: float) -> np.ndarray:
        """(N, 4, 3) float32 mesh of the land within `reach_m` of a point; its nodes are fixed in the map."""
        if self.is_level:
            return np.zeros((0, 4, 3), np.float32)
        ticks = [
            np.arange(math.floor((at - reach_m) / MESH_M), math.ceil((at + reach_m) / MESH_M) + 1) * MESH_M
            for at in (x_m, y_m)
        ]
        x, y = np.meshgrid(*ticks)
        grid = np.dstack([x, y, self.height_m(x, y)])
        quads = np.stack([grid[1:, :-1], grid[:-1, :-1], grid[:-1, 1:], grid[1:, 1:]], axis=2).reshape(-1, 4, 3)
        away_m = np.hypot(quads[:, 0, 0] - x_m, quads[:, 0, 1] - y_m)
        return quads[away_m < reach_m].astype(np.float32)

    def _percentiles(self, corners: np.ndarray, shape: np.ndarray) -> np.ndarray:
        """(rows, columns) float32 heights: of the lowest road in a cell, interpolated in cells without a road."""
        columns, rows = ((corners[:, :2] - self._origin_m) / self._cell_m).astype(int).T
        lowest = np.full((shape[1], shape[0]), np.inf, np.float32)
        np.minimum.at(lowest, (rows, columns), corners[:, 2])
        weight = np.isfinite(lowest).astype(np.float32)
        levels: list[tuple[np.ndarray, np.ndarray]] = [(np.where(weight > 0, lowest, np.float32(0)), weight)]
        while max(levels[-1][1].shape) > 1:
            value, weight = levels[-1]
            half = (max(1, (weight.shape[1] + 1) // 2), max(1, (weight.shape[0] + 1) // 2))
            mass = cv2.resize(weight, half, interpolation=cv2.INTER_AREA)
            total = cv2.resize(value * weight, half, interpolation=cv2.INTER_AREA)
            levels.append((total / np.maximum(mass, 1e-9), np.minimum(1.0, 4 * mass)))
        heights = levels[-1][0]
        for value, weight in reversed(levels[:-1]):
            around = cv2.resize(heights, (weight.shape[1], weight.shape[0]), interpolation=cv2.INTER_LINEAR)
            heights = around * (1 - weight) + value * weight
        return cv2.GaussianBlur(heights, (0, 0), 1.0)

    def _slopes(self, verges_m: np.ndarray) -> np.ndarray:
        """Quadrilaterals from both edges of the verges to the land."""
        found = []
        for near, far, sign in ((0, 3, 1.0), (1, 2, -1.0)):
            along = verges_m[:, far, :2] - verges_m[:, near, :2]
            outwards = sign * np.column_stack([-along[:, 1], along[:, 0]])
            outwards *= SKIRT_M / np.maximum(np.linalg.norm(outwards, axis=1), 1e-6)[:, None]
            edge = verges_m[:, [near, far]]
            foot = edge.copy()
            foot[..., :2] += outwards[:, None]
            foot[..., 2] = self.height_m(foot[..., 0], foot[..., 1])
            near_ground = np.abs(foot[..., 2] - edge[..., 2]).max(axis=1) < MAX_STEP_M
            left, right = (foot, edge) if sign > 0 else (edge, foot)
            quads = np.stack([left[:, 0], right[:, 0], right[:, 1], left[:, 1]], axis=1)
            found.append(quads[near_ground])
        return np.concatenate(found).astype(np.float32)
