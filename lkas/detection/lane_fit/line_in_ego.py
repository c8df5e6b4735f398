"""A fitted line as it is published: moved from below the camera to the ego origin, with sigmas, range and type."""

import math

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.confidence import SOLID_COVERAGE, Support
from lkas.detection.lane_fit.estimate import LineEstimate
from lkas.detection.lane_fit.kernel_structs import RangeLimits
from lkas.detection.lane_fit.road_model import FittedLine
from lkas.integration.shared_memory.messages import CameraGeometry, LaneLine, LineColour, LineType

RANGE_SIGMA_RATIO = 0.006  # of the image width: largest standard deviation of a line that is still drawn
RANGE_BEND_RATIO = 0.01  # of the image width: how far an unseen part may deviate from straight ahead
MAX_RANGE_HEIGHTS = 70.0  # camera heights; nothing is drawn nearer to the horizon
RANGE_STEPS = 16  # distances that are tried beyond the seen part


def lane_line(estimate: LineEstimate, geometry: CameraGeometry, age: int) -> LaneLine:
    """The line in the ego frame. `age`: for how many frames it has been followed."""
    line, support = estimate.line, estimate.support
    (c0, c1, c2, c3), sigma = _kernels.move_line(line.coefficients, line.covariance, -geometry.x_m)
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
        x_max_m=_range_m(line, support, geometry) + geometry.x_m,
        confidence=estimate.confidence,
        type=LineType.SOLID if support.near_coverage > SOLID_COVERAGE else LineType.DASHED,
        colour=LineColour.YELLOW if support.yellow_ratio > 0.5 else LineColour.WHITE,
        age=age,
    )


def _range_m(line: FittedLine, support: Support, geometry: CameraGeometry) -> float:
    """How far ahead of the camera the line is known: to the end of its seen part, and beyond as long as neither the
    fit's error nor the deviation of the unseen part would be noticeable in the image."""
    if math.isfinite(line.cubic_to_m):  # the road changes within the view, and a cubic cannot follow it
        return max(support.nearest_m + 1.0, min(support.farthest_m, line.cubic_to_m))
    width_px = 2 * geometry.cx_px
    limits = RangeLimits(
        seen_to_m=support.farthest_m,
        extension_ratio=max(1.0, MAX_RANGE_HEIGHTS * geometry.height_m / support.farthest_m),
        focal_px=geometry.focal_px,
        max_sigma_px=RANGE_SIGMA_RATIO * width_px,
        max_bend_px=RANGE_BEND_RATIO * width_px,
        steps=RANGE_STEPS,
    )
    return _kernels.known_range(line.coefficients, line.covariance, limits)
