"""CULane's counts of one frame.

Lanes are drawn 30 px wide (of 1640). A pair with an intersection over union of more than one half is right; pairs are
assigned one to one for the largest sum of overlaps. Lanes are drawn as straight pieces between their points; the
original uses a spline, which makes no difference at 10 px per row.
"""

from itertools import pairwise, permutations

import numpy as np
from msgspec import Struct

DRAWN_PX, AT_WIDTH_PX = 30.0, 1640.0
MATCH_RATIO = 0.5


class Counts(Struct, frozen=True):
    """Lanes that are right, false and missed; the counts add up over frames."""

    right: int = 0
    false: int = 0
    missed: int = 0

    @property
    def f1(self) -> float:
        return 2 * self.right / (2 * self.right + self.false + self.missed) if self.right else 0.0


def count_frame(predicted: list[np.ndarray], labelled: list[np.ndarray], width_px: int, height_px: int) -> Counts:
    """Lanes are (N, 2) points (u, v) px, N > 1."""
    drawn_px = DRAWN_PX * width_px / AT_WIDTH_PX
    masks = [[draw_lane(points, width_px, height_px, drawn_px) for points in lanes] for lanes in (predicted, labelled)]
    overlap = np.array([[overlap_of(one, other) for other in masks[1]] for one in masks[0]])
    right = sum(overlap[pair] > MATCH_RATIO for pair in best_pairs(overlap.reshape(len(predicted), len(labelled))))
    return Counts(int(right), len(predicted) - int(right), len(labelled) - int(right))


def draw_lane(points: np.ndarray, width_px: int, height_px: int, drawn_px: float) -> np.ndarray:
    """(H, W) bool: pixels whose middle is less than half of `drawn_px` away from the polyline."""
    mask = np.zeros((height_px, width_px), bool)
    reach_px = drawn_px / 2
    for start, end in pairwise(points):
        low = np.maximum(np.floor(np.minimum(start, end) - reach_px), 0).astype(int)
        high = np.minimum(np.ceil(np.maximum(start, end) + reach_px) + 1, (width_px, height_px)).astype(int)
        if (low >= high).any():
            continue
        u = np.arange(low[0], high[0])[None, :] + 0.5 - start[0]
        v = np.arange(low[1], high[1])[:, None] + 0.5 - start[1]
        along = end - start
        length2 = float(along @ along)
        share = np.clip((u * along[0] + v * along[1]) / length2, 0, 1) if length2 else 0.0
        near = (u - share * along[0]) ** 2 + (v - share * along[1]) ** 2 < reach_px**2
        mask[low[1] : high[1], low[0] : high[0]] |= near
    return mask


def overlap_of(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks."""
    union = np.count_nonzero(one | other)
    return np.count_nonzero(one & other) / union if union else 0.0


def best_pairs(overlap: np.ndarray) -> list[tuple[int, int]]:
    """One-to-one pairs with the largest sum, by exhaustive search: frames contain few lanes."""
    rows, columns = overlap.shape
    if rows > columns:
        return [(row, column) for column, row in best_pairs(overlap.T)]
    tried = (list(zip(range(rows), chosen, strict=True)) for chosen in permutations(range(columns), rows))
    return max(tried, key=lambda pairs: sum(overlap[pair] for pair in pairs), default=[])
