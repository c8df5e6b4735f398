"""Generates loop.xodr, the built-in road; run by `make defaults`.

A closed country road with two lanes of 3.5 m: straights and bends in both directions from R = 1000 m to R = 125 m, each
with clothoids at its start and end, so that curvature is continuous.
"""

import numpy as np

from simulation.opendrive.writer import DASH_M, GAP_M, Piece, advance, bend, road_xml, straight

LANE_WIDTH_M = 3.5
STRAIGHT_M = 50.0  # approximate length before each bend; adjusted to close the loop
CLOTHOID_M = 60.0  # at 50 km/h into R = 125 m: a lateral jerk of 0.36 m/s³

# Radius (m) and angle (deg, left positive) of each bend; the sum of the angles is one turn to the left.
BENDS = ((180, 114), (250, 100), (125, -80), (125, 150), (1000, -14), (125, 130), (400, -40))


def closing_straights() -> np.ndarray:
    """Length of the straight before each bend that closes the loop, as close to STRAIGHT_M as possible.

    The total length is a multiple of dash + gap, so that the dashes are periodic.
    """
    headings = np.radians(np.cumsum([0.0, *(angle for _, angle in BENDS)]))[:-1]
    displacement = np.zeros(2)
    for (radius_m, angle_deg), heading in zip(BENDS, headings, strict=True):
        x, y, _ = advance(bend(radius_m, angle_deg, CLOTHOID_M), 0.0, 0.0, heading)[-1]
        displacement += x, y
    bends_m = sum(piece.length_m for each in BENDS for piece in bend(*each, CLOTHOID_M))
    total_m = round((bends_m + STRAIGHT_M * len(BENDS)) / (DASH_M + GAP_M)) * (DASH_M + GAP_M)
    system = np.vstack([np.cos(headings), np.sin(headings), np.ones(len(BENDS))])
    target = np.array([*-displacement, total_m - bends_m])
    return STRAIGHT_M + np.linalg.pinv(system) @ (target - system @ np.full(len(BENDS), STRAIGHT_M))


def loop_pieces() -> list[Piece]:
    pieces = []
    for straight_m, (radius_m, angle_deg) in zip(closing_straights(), BENDS, strict=True):
        pieces += [straight(float(straight_m)), *bend(radius_m, angle_deg, CLOTHOID_M)]
    return pieces


def loop_xml() -> str:
    """Content of the file."""
    note = "Written by configs/maps/make_loop.py; do not edit."
    return road_xml("loop", loop_pieces(), lane_width_m=LANE_WIDTH_M, is_closed=True, note=note)
