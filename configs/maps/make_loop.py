"""Generates the closed roads that come with this project; run by `make defaults`.

loop.xodr, the built-in road: a country road with two lanes of 3.5 m, straights and bends in both directions from
R = 1000 m to R = 125 m, each with clothoids at its start and end, so that curvature is continuous.

small_loop.xodr: a model road at 1:10 with lanes of 0.5 m, whose right lane bends with R = 1 m and more.

duckie_loop.xodr: a road of a Duckietown, lanes of 0.2 m between dashed yellow and solid white tape, whose right lane
turns by 90 degrees with R = 0.3 m and 0.4 m and without transition curves.
"""

from collections.abc import Sequence

import numpy as np

from simulation.opendrive.writer import DASH_M, GAP_M, Paint, Piece, advance, bend, road_xml, straight

NOTE = "Written by configs/maps/make_loop.py; do not edit."
LANE_WIDTH_M = 3.5
STRAIGHT_M = 50.0  # approximate length before each bend; adjusted to close the loop
CLOTHOID_M = 60.0  # at 50 km/h into R = 125 m: a lateral jerk of 0.36 m/s³

# Radius (m) and angle (deg, left positive) of each bend; the sum of the angles is one turn to the left.
Bends = Sequence[tuple[float, float]]
BENDS: Bends = ((180, 114), (250, 100), (125, -80), (125, 150), (1000, -14), (125, 130), (400, -40))

SMALL_LANE_WIDTH_M, SMALL_STRAIGHT_M, SMALL_CLOTHOID_M = 0.5, 2.0, 0.6
SMALL_BENDS: Bends = ((1.5, 110), (0.75, 90), (1.25, -90), (2.5, 90), (0.75, 140), (1.25, -60), (2.5, 80))

DUCKIE_LANE_WIDTH_M, DUCKIE_STRAIGHT_M = 0.2, 0.6
DUCKIE_PAINT = Paint(width_m=0.024, dash_m=0.05, gap_m=0.025, centre_colour="yellow")  # a Duckietown's tape
DUCKIE_BENDS: Bends = ((0.3, 90), (0.3, 90), (0.4, -90), (0.3, 90), (0.3, 90), (0.3, 90))


def closing_straights(bends: Bends, straight_m: float, clothoid_m: float, period_m: float) -> np.ndarray:
    """Length of the straight before each bend that closes the loop, as close to `straight_m` as possible.

    The total length is a multiple of `period_m`, dash and gap, so that the dashes are periodic.
    """
    headings = np.radians(np.cumsum([0.0, *(angle for _, angle in bends)]))[:-1]
    displacement = np.zeros(2)
    for (radius_m, angle_deg), heading in zip(bends, headings, strict=True):
        x, y, _ = advance(bend(radius_m, angle_deg, clothoid_m), 0.0, 0.0, heading)[-1]
        displacement += x, y
    bends_m = sum(piece.length_m for each in bends for piece in bend(*each, clothoid_m))
    total_m = round((bends_m + straight_m * len(bends)) / period_m) * period_m
    system = np.vstack([np.cos(headings), np.sin(headings), np.ones(len(bends))])
    target = np.array([*-displacement, total_m - bends_m])
    return straight_m + np.linalg.pinv(system) @ (target - system @ np.full(len(bends), straight_m))


def loop_pieces(bends: Bends, straight_m: float, clothoid_m: float, period_m: float) -> list[Piece]:
    pieces = []
    straights_m = closing_straights(bends, straight_m, clothoid_m, period_m)
    for length_m, (radius_m, angle_deg) in zip(straights_m, bends, strict=True):
        pieces += [straight(float(length_m)), *bend(radius_m, angle_deg, clothoid_m)]
    return pieces


def loop_xml() -> str:
    """Content of loop.xodr."""
    pieces = loop_pieces(BENDS, STRAIGHT_M, CLOTHOID_M, DASH_M + GAP_M)
    return road_xml("loop", pieces, lane_width_m=LANE_WIDTH_M, is_closed=True, note=NOTE)


def small_loop_xml() -> str:
    """Content of small_loop.xodr."""
    paint = Paint.of_road(SMALL_LANE_WIDTH_M)
    pieces = loop_pieces(SMALL_BENDS, SMALL_STRAIGHT_M, SMALL_CLOTHOID_M, paint.dash_m + paint.gap_m)
    return road_xml("small_loop", pieces, lane_width_m=SMALL_LANE_WIDTH_M, is_closed=True, note=NOTE)


def duckie_loop_xml() -> str:
    """Content of duckie_loop.xodr."""
    pieces = loop_pieces(DUCKIE_BENDS, DUCKIE_STRAIGHT_M, 0.0, DUCKIE_PAINT.dash_m + DUCKIE_PAINT.gap_m)
    return road_xml(
        "duckie_loop", pieces, lane_width_m=DUCKIE_LANE_WIDTH_M, is_closed=True, note=NOTE, paint=DUCKIE_PAINT
    )
