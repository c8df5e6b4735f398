"""A fitted line as it is published: moved from below the camera to the ego origin, with sigmas, range and looks."""

import math

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.confidence import SOLID_COVERAGE, Support
from lkas.detection.lane_fit.finding import SeenLine
from lkas.detection.lane_fit.road_model import FittedLine
from lkas.integration.shared_memory.messages import CameraGeometry, LaneLine, LineColour, LineType

REACH_SIGMA_RATIO = 0.006  # of the image width, largest standard deviation of a line that is still drawn
REACH_BEND_RATIO = 0.01  # of the image width, how far a line may bend away from straight ahead where it was not seen
FARTHEST_HEIGHTS = 70.0  # camera heights; nothing is drawn nearer to the horizon
REACH_STEPS = 16  # places that are asked, from the end of what was seen to there


def lane_line(seen: SeenLine, geometry: CameraGeometry, age: int) -> LaneLine:
    """Moved from below the camera to the ego origin."""
    line, support = seen.line, seen.support
    c0, c1, c2, c3, *sigma = _kernels.moved(line.coefficients, line.covariance, -geometry.x_m)
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


def _reach_m(line: FittedLine, support: Support, geometry: CameraGeometry) -> float:
    """How far ahead of the camera the line is known: as far as it was seen, and on while the image would show an
    error of its fit as small, and no bend that nobody has seen."""
    if math.isfinite(line.cubic_to_m):  # the road changes in the view, and a cubic can not follow it
        return max(support.nearest_m + 1.0, min(support.farthest_m, line.cubic_to_m))
    stretch = max(1.0, FARTHEST_HEIGHTS * geometry.height_m / support.farthest_m)
    width_px = 2 * geometry.cx_px
    limits_px = (REACH_SIGMA_RATIO * width_px, REACH_BEND_RATIO * width_px)
    limits = (support.farthest_m, stretch, geometry.focal_px, *limits_px, REACH_STEPS)
    return _kernels.reach(line.coefficients, line.covariance, limits)
