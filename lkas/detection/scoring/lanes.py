"""Lanes as data sets write them: one column per row of the image, negative where the lane has no point."""

import numpy as np

NO_POINT = -2.0
LOWEST_POINTS = 6  # of a lane, from which it is extrapolated to the last row


def columns_at(lane: np.ndarray, rows_px: np.ndarray, wanted_px: np.ndarray) -> np.ndarray:
    """The same lane on other rows: interpolated between its points, none beyond its ends; (N,) -> (M,)."""
    if len(rows_px) == len(wanted_px) and (rows_px == wanted_px).all():
        return lane
    seen = lane >= 0
    if np.count_nonzero(seen) < 2:
        return np.full(len(wanted_px), NO_POINT)
    order = np.argsort(rows_px[seen])
    return np.interp(wanted_px, rows_px[seen][order], lane[seen][order], left=NO_POINT, right=NO_POINT)


def points_of(lane: np.ndarray, rows_px: np.ndarray) -> np.ndarray:
    """(K, 2) points (u, v) of a lane, px."""
    seen = lane >= 0
    return np.column_stack([lane[seen], rows_px[seen]])


def ego_lanes(lanes: list[np.ndarray], rows_px: np.ndarray, width_px: int, height_px: int) -> list[np.ndarray]:
    """The lane nearest to the image's middle on each side, at the last row, to which lanes are extrapolated."""
    nearest: list[tuple[float, np.ndarray] | None] = [None, None]
    for lane in lanes:
        points = points_of(lane, rows_px)
        if len(points) < 2:
            continue
        lowest = points[np.argsort(-points[:, 1])][:LOWEST_POINTS]
        (u, v), (u_end, v_end) = lowest[0], lowest[-1]
        off_px = u + (u - u_end) / ((v - v_end) or 1.0) * (height_px - 1 - v) - width_px / 2
        side = int(off_px >= 0)
        best = nearest[side]
        if best is None or abs(off_px) < abs(best[0]):
            nearest[side] = float(off_px), lane
    return [entry[1] for entry in nearest if entry is not None]
