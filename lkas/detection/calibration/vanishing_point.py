"""The vanishing point of the road: straight image segments vote for candidates."""

import cv2
import numpy as np

WORK_WIDTH_PX = 480  # segments are found in an image of this width: it is fast, and noise is averaged
ROAD_FROM_RATIO = 0.35  # of the image height; above is no road
MIDDLE_FROM_RATIO = 0.47  # a segment's middle is below this row
MIN_LENGTH_PX, MAX_LENGTH_PX = 10.0, 90.0  # at the working width; longer ones have no more weight
MIN_SLOPE_DEG, MAX_SLOPE_DEG = 12.0, 80.0  # flatter ones are horizons and bumpers, steeper ones are posts
MIN_SEGMENTS = 3
COARSE_SIGMA, FINE_SIGMA = 0.02, 0.012  # rad, how precisely a segment points at the vanishing point
PRIOR_U, PRIOR_V = (0.5, 0.18), (0.48, 0.13)  # mean and spread, of the image's width and height
COARSE_STEP_PX, FINE_REACH_PX = 4.0, 4
MIN_SHARE = 0.2  # of the best candidate's votes
SEPARATION_RATIO = 0.06  # of the width: closer candidates are merged


def vanishing_points(image: np.ndarray, max_count: int = 4) -> list[tuple[float, float, float]]:
    """(H, W, 3) uint8 RGB -> up to `max_count` candidates (u, v, share of the best one's votes), in pixels, best first.

    Empty if there are too few segments.
    """
    scale = WORK_WIDTH_PX / image.shape[1]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if scale != 1:
        interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=interpolation)
    height, width = grey.shape
    middle, direction, weight = _segments(grey, height)
    if len(weight) < MIN_SEGMENTS:
        return []
    u = np.arange(0.2 * width, 0.8 * width, COARSE_STEP_PX)
    v = np.arange(0.25 * height, 0.7 * height, COARSE_STEP_PX * 0.75)
    votes = _votes(middle, direction, weight, u, v, COARSE_SIGMA)
    votes *= np.exp(-0.5 * ((u / width - PRIOR_U[0]) / PRIOR_U[1]) ** 2)
    votes *= np.exp(-0.5 * ((v[:, None] / height - PRIOR_V[0]) / PRIOR_V[1]) ** 2)
    candidates = []
    max_votes = max(1e-9, votes.max())
    for _ in range(max_count):
        best_v, best_u = np.unravel_index(votes.argmax(), votes.shape)
        share = float(votes[best_v, best_u] / max_votes)
        if share < MIN_SHARE:
            break
        near = np.arange(-FINE_REACH_PX, FINE_REACH_PX + 1.0)
        fine_u, fine_v = u[best_u] + near, v[best_v] + near
        fine = _votes(middle, direction, weight, fine_u, fine_v, FINE_SIGMA)
        row, column = np.unravel_index(fine.argmax(), fine.shape)
        candidates.append((float(fine_u[column] / scale), float(fine_v[row] / scale), share))
        apart = np.hypot(u - u[best_u], (v - v[best_v])[:, None]) < SEPARATION_RATIO * width
        votes[apart] = 0.0
    return candidates


def _segments(grey: np.ndarray, height: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Middles (N, 2), unit directions (N, 2) and weights (N,) of the segments that may run along the road."""
    top = int(ROAD_FROM_RATIO * height)
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_NONE).detect(np.ascontiguousarray(grey[top:]))[0]
    ends = np.zeros((0, 4)) if found is None else found.reshape(-1, 4).astype(float)
    ends[:, 1::2] += top
    along = ends[:, 2:] - ends[:, :2]
    length = np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)
    slope_deg = np.degrees(np.arctan2(np.abs(along[:, 1]), np.abs(along[:, 0])))
    middle = (ends[:, 2:] + ends[:, :2]) / 2
    keep = (length > MIN_LENGTH_PX) & (slope_deg > MIN_SLOPE_DEG) & (slope_deg < MAX_SLOPE_DEG)
    keep &= middle[:, 1] > MIDDLE_FROM_RATIO * height
    return middle[keep], along[keep] / length[keep, None], np.minimum(length[keep], MAX_LENGTH_PX)


def _votes(
    middle: np.ndarray, direction: np.ndarray, weight: np.ndarray, u: np.ndarray, v: np.ndarray, sigma_rad: float
) -> np.ndarray:
    """(len(v), len(u)) summed weight of the segments that point at each candidate."""
    to_u = (u - middle[:, :1])[:, None, :]
    to_v = (v - middle[:, 1:])[:, :, None]
    across = to_u * direction[:, 1, None, None] - to_v * direction[:, 0, None, None]
    off = across**2 / (to_u**2 + to_v**2 + 1e-6) / sigma_rad**2
    return np.einsum("n,nvu->vu", weight, np.exp(-0.5 * np.minimum(off, 40.0)) * (off < 9.0))
