"""A fitted line as it is published: moved from below the camera to the ego origin, with sigmas, range and looks."""

import math
from functools import lru_cache

import numpy as np

from lkas.detection.confidence import SOLID_COVERAGE, Support
from lkas.detection.finding import SeenLine
from lkas.detection.road_fit import FittedLine
from lkas.integration.shared_memory.messages import CameraGeometry, LaneLine, LineColour, LineType

REACH_SIGMA_RATIO = 0.006  # of the image width, largest standard deviation of a line that is still drawn
REACH_BEND_RATIO = 0.01  # of the image width, how far a line may bend away from straight ahead where it was not seen
FARTHEST_HEIGHTS = 70.0  # camera heights; nothing is drawn nearer to the horizon
REACH_STEPS = np.linspace(0.0, 1.0, 16)


def lane_line(seen: SeenLine, geometry: CameraGeometry, age: int) -> LaneLine:
    """Moved from below the camera to the ego origin."""
    line, support = seen.line, seen.support
    move = _moved_back(geometry.x_m)
    c0, c1, c2, c3 = (move @ line.coefficients).tolist()
    sigma = np.sqrt(np.maximum(np.diag(move @ line.covariance @ move.T), 0.0)).tolist()
    return LaneLine(
        c0=c0 + geometry.y_m,
        c1=c1,
        c2=c2,
        c3=c3,
        sigma_c0=sigma[0],
        sigma_c1=sigma[1],
        sigma_c2=sigma[2],
        sigma_c3=sigma[3],
        x_min_m=support.nearest_m + geometry.x_m,
        x_max_m=_reach_m(line, support, geometry) + geometry.x_m,
        confidence=seen.confidence,
        type=LineType.SOLID if support.near_coverage > SOLID_COVERAGE else LineType.DASHED,
        colour=LineColour.YELLOW if support.yellow_ratio > 0.5 else LineColour.WHITE,
        age=age,
    )


@lru_cache(maxsize=4)
def _moved_back(x_m: float) -> np.ndarray:
    """(4, 4): coefficients below a camera at x_m -> those of the same curve at the origin."""
    back = -x_m
    return np.array(
        [[1, back, back**2 / 2, back**3 / 6], [0, 1, back, back**2 / 2], [0, 0, 1, back], [0, 0, 0, 1]], float
    )


def _reach_m(line: FittedLine, support: Support, geometry: CameraGeometry) -> float:
    """How far ahead of the camera the line is known: as far as it was seen, and on while the image would show an
    error of its fit as small, and no bend that nobody has seen."""
    if math.isfinite(line.cubic_to_m):  # the road changes in the view, and a cubic can not follow it
        return max(support.nearest_m + 1.0, min(support.farthest_m, line.cubic_to_m))
    stretch = max(1.0, FARTHEST_HEIGHTS * geometry.height_m / support.farthest_m)
    x_m = support.farthest_m * stretch**REACH_STEPS
    powers = np.empty((4, REACH_STEPS.size))
    powers[0], powers[1], powers[2] = 1.0, x_m, x_m * x_m / 2
    powers[3] = powers[2] * x_m / 3
    px_per_m = geometry.focal_px / x_m
    sigma_px = np.sqrt(((line.covariance @ powers) * powers).sum(axis=0)) * px_per_m
    _, _, c2, c3 = line.coefficients
    beyond_m = x_m - support.farthest_m
    bend_px = np.abs((c2 + c3 * support.farthest_m) / 2 + c3 * beyond_m / 6) * beyond_m**2 * px_per_m
    width_px = 2 * geometry.cx_px
    known = (sigma_px < REACH_SIGMA_RATIO * width_px) & (bend_px < REACH_BEND_RATIO * width_px)
    return float(x_m[known].max(initial=support.farthest_m))
