"""Whether the views of a chessboard determine the camera, and which view is missing.

Boards that are parallel to each other say nothing about the focal length (Zhang 2000, section 4), and boards in the
middle of the image say nothing about the distortion at its edges. A fit then has a small corner error all the same.
"""

import math

import cv2
import numpy as np

from lkas.detection.calibration.chessboard import Board, CalibrationError, CameraFit

MIN_VIEWS = 3
SAME_VIEW_RATIO = 0.01  # corners that moved by less, as a share of the image's width, are the same view
MIN_TILT_SPREAD_DEG = 15.0
MAX_FOCAL_SIGMA_RATIO = 0.02
GRID = 8  # cells of the image per side, for the share that is covered with corners
MAX_EDGE_SIGMA_RATIO = 0.03  # of the distortion at the corner of the image, as a share of the image's width
THIRD = 3  # of the image, per side, for the advice
PICTURE_WIDTH_PX = 800


def check_views(boards: list[Board], fit: CameraFit) -> None:
    """Raise CalibrationError, which says which view to add, when these views do not determine the camera."""
    views = distinct_views(boards)
    if len(views) < MIN_VIEWS:
        raise CalibrationError(
            f"{len(boards)} images show only {len(views)} different view{'s' * (len(views) != 1)} of the board: "
            f"{_advice(views, fit)}"
        )
    spread_deg = tilt_spread_deg(fit)
    if spread_deg < MIN_TILT_SPREAD_DEG:
        raise CalibrationError(
            f"all boards are parallel within {spread_deg:.0f} degrees, which does not determine the focal length: "
            f"{_advice(views, fit)}"
        )
    ratio = fit.focal_sigma_px / fit.focal_px
    if ratio > MAX_FOCAL_SIGMA_RATIO:
        raise CalibrationError(
            f"the focal length is uncertain by {ratio:.1%}, {MAX_FOCAL_SIGMA_RATIO:.0%} is allowed: "
            f"{_advice(views, fit)}"
        )
    edge_px = edge_sigma_px(fit)
    if edge_px > MAX_EDGE_SIGMA_RATIO * fit.size_px[0]:
        raise CalibrationError(
            f"the distortion at the corners of the image is uncertain by {edge_px:.0f} px: {_advice(views, fit)}"
        )
    fold_px = _fold_px(fit)
    if fold_px is not None:
        raise CalibrationError(
            f"the fitted distortion (k1 {fit.k1:+.2f}, k2 {fit.k2:+.2f}) folds the image {fold_px:.0f} px from its "
            f"centre, so it is not that of a lens: {_advice(views, fit)}"
        )


def distinct_views(boards: list[Board]) -> list[Board]:
    """Return the boards without repetitions of the same view, in their order."""
    views: list[Board] = []
    for board in boards:
        limit_px = SAME_VIEW_RATIO * board.size_px[0]
        moves_px = (np.linalg.norm(board.corners - other.corners, axis=1).mean() for other in views)
        if all(moved_px > limit_px for moved_px in moves_px):
            views.append(board)
    return views


def tilt_spread_deg(fit: CameraFit) -> float:
    """Return the largest angle between the normals of two boards."""
    cosines = np.clip(fit.normals @ fit.normals.T, -1, 1)
    return math.degrees(math.acos(float(cosines.min())))


def edge_sigma_px(fit: CameraFit) -> float:
    """Return the standard deviation of the distortion at the farthest corner of the image, from those of k1 and k2."""
    radius = _largest_radius(fit)
    return fit.focal_px * math.hypot(radius**3 * fit.k1_sigma, radius**5 * fit.k2_sigma)


def coverage_picture(boards: list[Board]) -> np.ndarray:
    """Return an (H, W, 3) uint8 RGB image of all corners; cells of the image without any are red."""
    width_px, height_px = boards[0].size_px
    scale = PICTURE_WIDTH_PX / width_px
    size_px = PICTURE_WIDTH_PX, round(height_px * scale)
    picture = np.full((size_px[1], size_px[0], 3), 32, np.uint8)
    edges = np.stack([np.linspace(0, side_px, GRID + 1).round().astype(int) for side_px in size_px])
    covered = covered_cells(boards)
    for column in range(GRID):
        for row in range(GRID):
            if (column, row) not in covered:
                corner, opposite = (edges[0, column] + 1, edges[1, row] + 1), (edges[0, column + 1], edges[1, row + 1])
                cv2.rectangle(picture, corner, opposite, (96, 32, 32), cv2.FILLED)
    hues = np.linspace(0, 180, len(boards), endpoint=False).astype(np.uint8)
    colours = cv2.cvtColor(np.stack([hues, hues * 0 + 150, hues * 0 + 255], axis=-1)[None], cv2.COLOR_HSV2RGB)[0]
    for board, colour in zip(boards, colours.tolist(), strict=True):
        hull = cv2.convexHull((board.corners * scale).astype(np.float32)).round().astype(np.int32)
        cv2.polylines(picture, [hull], True, colour, 1, cv2.LINE_AA)
        for u, v in board.corners * scale:
            cv2.circle(picture, (round(float(u)), round(float(v))), 2, colour, cv2.FILLED, cv2.LINE_AA)
    return picture


def covered_cells(boards: list[Board]) -> set[tuple[int, int]]:
    """Return the (column, row) of each of the GRID x GRID cells of the image that contains a corner."""
    return {tuple(cell) for board in boards for cell in (board.corners * GRID / board.size_px).astype(int).tolist()}


def _advice(views: list[Board], fit: CameraFit) -> str:
    """Return which views to add: tilts first, then sides of the image."""
    about_x_deg = np.degrees(np.arctan2(fit.normals[:, 1], fit.normals[:, 2]))
    about_y_deg = np.degrees(np.arctan2(fit.normals[:, 0], fit.normals[:, 2]))
    wanted = []
    if np.ptp(about_x_deg) < MIN_TILT_SPREAD_DEG:
        wanted.append("tilt the board by about 30 degrees with its top edge away from the camera")
    if np.ptp(about_y_deg) < MIN_TILT_SPREAD_DEG:
        wanted.append("turn it by about 30 degrees with its left edge away")
    covered = np.zeros((GRID, GRID), bool)
    for column, row in covered_cells(views):
        covered[row, column] = True
    edge = GRID // THIRD
    sides = {"left": covered[:, :edge], "right": covered[:, -edge:], "upper": covered[:edge], "lower": covered[-edge:]}
    empty = [name for name, cells in sides.items() if not cells.any()]
    if empty:
        wanted.append(f"hold it at the {' and the '.join(empty)} edge of the image")
    return ", and ".join(wanted or ["add views from other sides, close enough to fill the image"])


def _fold_px(fit: CameraFit) -> float | None:
    """Return the radius at which the distorted radius r (1 + k1 r² + k2 r⁴) stops growing, when the image has it."""
    radius = np.linspace(0, _largest_radius(fit), 200)
    slope = 1 + 3 * fit.k1 * radius**2 + 5 * fit.k2 * radius**4
    return float(radius[slope <= 0][0] * fit.focal_px) if (slope <= 0).any() else None


def _largest_radius(fit: CameraFit) -> float:
    """Return the distance of the farthest corner of the image from the optical centre, in focal lengths."""
    half_px = np.maximum((fit.cx_px, fit.cy_px), np.subtract(fit.size_px, (fit.cx_px, fit.cy_px)))
    return float(np.linalg.norm(half_px)) / fit.focal_px
