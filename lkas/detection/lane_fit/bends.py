"""How sharp the bends of a road may be, which bounds the search and how far ahead the fit looks.

Lengths at full size: a model road is enlarged to it (lkas.scale), but its bends are as sharp as those of crossings.
"""

import math

from msgspec import Struct

from lkas.scale import FULL_SIZE, Scale


class Bends(Struct, frozen=True):
    """Bounds of the course of a road."""

    max_heading_rad: float  # of the road against the car, in the search
    searched_radpm: float  # curvature beside the car, in the search
    fitted_radpm: float  # the same in the fit
    unknown_sigma_radpm: float  # of the curvature, without a measurement of the car's motion
    usual_rate_radpm2: float  # of curvature, on a straight road
    max_range_m: float  # from the camera; farther, a bend has left the image
    are_sharp: bool  # so that the lines of a lane have different curvatures


FULL_SIZE_BENDS = Bends(0.16, 1 / 60, 1 / 25, 1 / 40, 5e-5, math.inf, False)
MODEL_BENDS = Bends(0.35, 1 / 4.5, 1 / 3.5, 1 / 6, 4e-3, 10.0, True)


def bends_of(scale: Scale) -> Bends:
    return FULL_SIZE_BENDS if scale == FULL_SIZE else MODEL_BENDS
