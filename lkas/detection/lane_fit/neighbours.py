"""The lines next to the ego lane: where peaks concentrate beside the road that the ego lines showed.

Heading, curvature and pitch are those of the fitted road; only the lateral position of a neighbour is fitted. So a
neighbour is searched only beside a line that was found, and its confidence comes from its own support.
"""

import math

import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.confidence import Agreement, confidence_of, support_of
from lkas.detection.lane_fit.estimate import LineEstimate
from lkas.detection.lane_fit.fit import RoadFit
from lkas.detection.lane_fit.kernel_structs import NextLineSearch
from lkas.detection.lane_fit.problem import MIN_POINTS
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks
from lkas.detection.lane_fit.search import FINE_BIN_M, MIN_BINS, MIN_HEIGHT

WIDTH_RANGE = (0.65, 1.45)  # of the ego lane's width: possible widths of the neighbour lane
NEAR_PEAK_M = 0.3  # points this close to the highest histogram peak belong to the line
MIN_CONFIDENCE = 0.5  # a neighbour with less is not reported


def neighbour_of(
    fit: RoadFit,
    side: int,
    ego_coverage: float,
    peaks: Peaks,
    view: RoadView,
    lane_width_m: float,
    width_spread: float,
) -> LineEstimate | None:
    """The next line left of the left ego line (side 0) or right of the right one (side 1); None if there is none."""
    ego = (fit.left, fit.right)[side]
    if ego is None or fit.road is None:
        return None
    ego_width_m = lane_width_m if fit.width_m is None else fit.width_m
    nearest_m, farthest_m = (ratio * ego_width_m for ratio in WIDTH_RANGE)
    search = NextLineSearch(
        ego_m=float(ego.coefficients[0]),
        outward=1 - 2 * side,
        nearest_m=nearest_m,
        farthest_m=farthest_m,
        bin_m=FINE_BIN_M,
        bins=max(MIN_BINS, math.ceil((farthest_m - nearest_m) / FINE_BIN_M)),
        min_height=MIN_HEIGHT,
        min_points=MIN_POINTS,
        reach_m=NEAR_PEAK_M,
    )
    place_m = _kernels.next_line(fit.road.places_m, peaks.weight, search, np.empty(len(peaks)))
    if place_m is None:
        return None
    line = fit.road.line_at(place_m, side)
    if line is None:
        return None
    support = support_of(line, peaks, view)
    width_m = abs(place_m - search.ego_m)
    agreement = Agreement(
        partner_coverage=ego_coverage, width_off_sigmas=(width_m / lane_width_m - 1) / width_spread, fan_sigmas=0.0
    )
    confidence = confidence_of(support, agreement)
    return LineEstimate(line, support, agreement, confidence) if confidence >= MIN_CONFIDENCE else None
