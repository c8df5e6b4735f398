"""Makes loop.xodr, the built-in road; `make defaults` writes it.

A closed country road of two 3.5 m lanes: straights, then bends of both hands from R = 1000 m down to R = 125 m, each
entered and left over a clothoid, so that curvature never jumps.
"""

import numpy as np

from simulation.opendrive.writer import DASH_M, GAP_M, Piece, advance, bend, road_xml, straight

LANE_WIDTH_M = 3.5
STRAIGHT_M = 50.0  # before each bend, about; the lengths that close the loop lie around it
CLOTHOID_M = 60.0  # at 50 km/h into R = 125 m: a lateral jerk of 0.36 m/s³

# Radius (m) and angle (deg, left positive) of each bend; the angles add up to one turn to the left.
BENDS = ((180, 114), (250, 100), (125, -80), (125, 150), (1000, -14), (125, 130), (400, -40))


def closing_straights() -> np.ndarray:
    """Length of the straight before each bend, as near to STRAIGHT_M as closes the loop.

    The whole is a multiple of dash + gap, so that the dashes go on over the seam.
    """
    headings = np.radians(np.cumsum([0.0, *(angle for _, angle in BENDS)]))[:-1]
    displacement = np.zeros(2)
    for (radius_m, angle_deg), heading in zip(BENDS, headings, strict=True):
        x, y, _ = advance(bend(radius_m, angle_deg, CLOTHOID_M), 0.0, 0.0, heading)[-1]
        displacement += x, y
    bends_m = sum(piece.length_m for each in BENDS for piece in bend(*each, CLOTHOID_M))
    total_m = round((bends_m + STRAIGHT_M * len(BENDS)) / (DASH_M + GAP_M)) * (DASH_M + GAP_M)
    system = np.vstack([np.cos(headings), np.sin(headings), np.ones(len(BENDS))])
    wanted = np.array([*-displacement, total_m - bends_m])
    return STRAIGHT_M + np.linalg.pinv(system) @ (wanted - system @ np.full(len(BENDS), STRAIGHT_M))


def loop_pieces() -> list[Piece]:
    pieces = []
    for straight_m, (radius_m, angle_deg) in zip(closing_straights(), BENDS, strict=True):
        pieces += [straight(float(straight_m)), *bend(radius_m, angle_deg, CLOTHOID_M)]
    return pieces


def loop_xml() -> str:
    """The whole file."""
    note = "Written by configs/maps/make_loop.py; do not edit."
    return road_xml("loop", loop_pieces(), lane_width_m=LANE_WIDTH_M, is_closed=True, note=note)
