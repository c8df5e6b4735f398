"""The lines next to the ego lane's: where ridge tops pile up beside the road that the ego lines showed.

Heading, curvature and pitch are those of the fitted road; only the lateral position of a neighbour is its own. So a
neighbour is only looked for beside a line that was seen, and has its confidence from its own support.
"""

import math

import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.confidence import Agreement, confidence_of, support_of
from lkas.detection.lane_fit.finding import SeenLine
from lkas.detection.lane_fit.fit import RoadFit
from lkas.detection.lane_fit.problem import MIN_POINTS
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks
from lkas.detection.lane_fit.search import FINE_BIN_M, LEAST_BINS, MIN_PILE

WIDTH_RANGE = (0.65, 1.45)  # of the ego lane's width: how wide a neighbour lane may be
NEAR_PILE_M = 0.3  # tops so near to the middle of a pile belong to it
LEAST_CONFIDENCE = 0.5  # a neighbour with less is not reported


def neighbour_of(
    fit: RoadFit,
    side: int,
    ego_coverage: float,
    peaks: Peaks,
    view: RoadView,
    lane_width_m: float,
    width_spread: float,
) -> SeenLine | None:
    """The next line left of the left ego line (side 0) or right of the right one (side 1), None when none is seen."""
    ego = (fit.left, fit.right)[side]
    if ego is None or fit.road is None:
        return None
    own_width_m = lane_width_m if fit.width_m is None else fit.width_m
    nearest_m, farthest_m = (ratio * own_width_m for ratio in WIDTH_RANGE)
    bins = max(LEAST_BINS, math.ceil((farthest_m - nearest_m) / FINE_BIN_M))
    ego_m, outward = float(ego.coefficients[0]), 1 - 2 * side
    piles = (FINE_BIN_M, bins, MIN_PILE, MIN_POINTS, NEAR_PILE_M)
    beside = (ego_m, outward, nearest_m, farthest_m, *piles)
    place_m = _kernels.beside(fit.road.places_m, peaks.weight, len(peaks), beside, np.empty(len(peaks)))
    if place_m is None:
        return None
    line = fit.road.line_at(place_m, side)
    if line is None:
        return None
    support = support_of(line, peaks, view)
    width_m = abs(place_m - ego_m)
    agreement = Agreement(
        partner_coverage=ego_coverage, width_off_sigmas=(width_m / lane_width_m - 1) / width_spread, fan_sigmas=0.0
    )
    confidence = confidence_of(support, agreement)
    return SeenLine(line, support, agreement, confidence) if confidence >= LEAST_CONFIDENCE else None
