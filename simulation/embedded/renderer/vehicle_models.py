"""Models of other vehicles, made of flat faces: car, van, lorry.

Model coordinates in m: x forward from the middle, y left, z above the road.
"""

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np

GLASS, TYRE, TRIM, PLATE = (44, 54, 64), (26, 26, 28), (58, 60, 64), (214, 214, 206)
TAIL_COLOUR, HEAD_COLOUR, SHADOW_COLOUR = (120, 18, 16), (255, 250, 232), (12, 13, 15)
PAINTED, DETAIL, TAIL, HEAD, SHADOW = 1, 2, 4, 8, 16  # flags of a face, as in _draw.h; DETAIL: lies on another face


class Size(NamedTuple):
    """Outer dimensions and cabin position, m."""

    length: float
    width: float
    height: float
    belt: float  # height of the windows' lower edge
    cabin: tuple[float, float, float, float]  # x at the rear belt, rear roof, front roof and front belt


SIZES = (
    Size(4.4, 1.80, 1.46, 0.92, (-2.05, -1.45, 0.35, 1.15)),  # car
    Size(4.7, 1.86, 1.72, 1.05, (-2.30, -2.05, 0.45, 1.25)),  # van
    Size(9.5, 2.50, 3.60, 3.00, (-4.75, -4.75, 4.60, 4.70)),  # lorry
)
LORRY = 2


class Face(NamedTuple):
    """A convex polygon, counter-clockwise as seen from outside."""

    corners: np.ndarray  # (N, 3)
    colour: tuple[int, int, int] | None  # None: the vehicle's own paint
    flags: int = 0


class Model(NamedTuple):
    """The faces of one model in the kernel's layout."""

    corners: np.ndarray  # (V, 3) float32 of all faces, one after the other
    starts: np.ndarray  # (F + 1,) int32 index of each face's first corner
    faces: np.ndarray  # (F, 10) float32: outward normal of length 1, middle, colour, flags


@lru_cache
def model(kind: int) -> Model:
    """Build one of SIZES by its index; the last face is its shadow on the road."""
    size = SIZES[kind]
    x, y = size.length / 2 + 0.1, size.width / 2 + 0.08
    ground = [(-x, y, 0.01), (-x, -y - 0.15, 0.01), (x, -y - 0.15, 0.01), (x, y, 0.01)]
    faces = [*(_lorry(size) if kind == LORRY else _car(size)), Face(np.array(ground), SHADOW_COLOUR, SHADOW)]
    rows = []
    for face in faces:
        normal = np.cross(face.corners[1] - face.corners[0], face.corners[2] - face.corners[1])
        flags = face.flags | (PAINTED if face.colour is None else 0)
        rows.append(
            (*(normal / np.linalg.norm(normal)), *face.corners.mean(axis=0), *(face.colour or (0, 0, 0)), flags)
        )
    return Model(
        corners=np.concatenate([face.corners for face in faces]).astype(np.float32),
        starts=np.cumsum([0, *(len(face.corners) for face in faces)]).astype(np.int32),
        faces=np.array(rows, np.float32),
    )


def _car(size: Size) -> tuple[Face, ...]:
    x, y, floor, belt, roof = size.length / 2, size.width / 2, 0.24, size.belt, size.height
    behind, roof_behind, roof_ahead, ahead = size.cabin
    top = y - 0.22  # the cabin narrows towards the roof
    faces = [*_wheels(size), *_box(-x, x, y, floor, belt)]
    faces.append(
        Face(
            np.array(
                [(roof_behind, top, roof), (roof_behind, -top, roof), (roof_ahead, -top, roof), (roof_ahead, top, roof)]
            ),
            None,
        )
    )
    for side in (1, -1):
        pane = [
            (behind, side * y, belt),
            (roof_behind, side * top, roof),
            (roof_ahead, side * top, roof),
            (ahead, side * y, belt),
        ]
        faces.append(_facing(pane, (0, side, 0.3), GLASS))
    faces.append(
        _facing(
            [(behind, y, belt), (behind, -y, belt), (roof_behind, -top, roof), (roof_behind, top, roof)],
            (-1, 0, 0.5),
            None,
        )
    )
    low, high = belt + 0.05, roof - 0.06
    back = [
        (behind + (roof_behind - behind) * share - 0.01, side, z)
        for share, side, z in ((0.1, y - 0.12, low), (0.1, -y + 0.12, low), (0.88, -top, high), (0.88, top, high))
    ]
    faces.append(_detail(back, (-1, 0, 0.5), GLASS))
    faces.append(
        _facing(
            [(ahead, y, belt), (ahead, -y, belt), (roof_ahead, -top, roof), (roof_ahead, top, roof)], (1, 0, 0.5), GLASS
        )
    )
    for side in (1, -1):
        inner, outer = side * (y - 0.42), side * (y - 0.04)
        faces.append(_detail(_panel(-x - 0.01, inner, outer, belt - 0.26, belt - 0.06), (-1, 0, 0), TAIL_COLOUR, TAIL))
        faces.append(_detail(_panel(x + 0.01, inner, outer, belt - 0.34, belt - 0.18), (1, 0, 0), HEAD_COLOUR, HEAD))
    faces.append(_detail(_panel(-x - 0.01, -0.26, 0.26, 0.48, 0.60), (-1, 0, 0), PLATE))
    faces.append(_detail(_panel(-x - 0.01, -y + 0.05, y - 0.05, floor, 0.40), (-1, 0, 0), TRIM))
    faces.append(_detail(_panel(x + 0.01, -y + 0.3, y - 0.3, 0.38, 0.52), (1, 0, 0), TRIM))
    return tuple(faces)


def _lorry(size: Size) -> tuple[Face, ...]:
    x, y = size.length / 2, size.width / 2
    faces = [
        *_wheels(size),
        *_box(-x, x, y, 0.55, 1.0, TRIM),
        *_box(-x, x - 2.0, y, 1.0, size.height, (196, 198, 200)),
        *_box(x - 1.9, x, y, 0.55, size.height - 0.6),
    ]
    for side in (1, -1):
        inner, outer = side * (y - 0.45), side * (y - 0.08)
        faces.append(_detail(_panel(-x - 0.01, inner, outer, 0.72, 0.90), (-1, 0, 0), TAIL_COLOUR, TAIL))
        faces.append(_detail(_panel(x + 0.01, inner, outer, 0.66, 0.90), (1, 0, 0), HEAD_COLOUR, HEAD))
    faces.append(_detail(_panel(-x - 0.02, -0.02, 0.02, 1.05, size.height - 0.1), (-1, 0, 0), TRIM))
    faces.append(_detail(_panel(x + 0.02, -y + 0.1, y - 0.1, 1.7, 2.7), (1, 0, 0), GLASS))
    return tuple(faces)


def _panel(x: float, y0: float, y1: float, z0: float, z1: float) -> list[tuple[float, float, float]]:
    return [(x, y0, z0), (x, y1, z0), (x, y1, z1), (x, y0, z1)]


def _facing(
    corners: list[tuple[float, float, float]],
    outwards: tuple[float, float, float],
    colour: tuple[int, int, int] | None,
) -> Face:
    """A face oriented so that it is visible from the direction `outwards`."""
    points = np.array(corners, float)
    normal = np.cross(points[1] - points[0], points[2] - points[1])
    return Face(points if normal @ np.array(outwards) > 0 else points[::-1].copy(), colour)


def _detail(
    corners: list[tuple[float, float, float]],
    outwards: tuple[float, float, float],
    colour: tuple[int, int, int],
    lamp: int = 0,
) -> Face:
    """A face that lies on another one."""
    return _facing(corners, outwards, colour)._replace(flags=DETAIL | lamp)


def _box(
    x0: float, x1: float, y: float, z0: float, z1: float, colour: tuple[int, int, int] | None = None
) -> list[Face]:
    """All faces of a box except its bottom."""
    sides = [
        ([(x0, y, z0), (x1, y, z0), (x1, y, z1), (x0, y, z1)], (0, 1, 0)),
        ([(x0, -y, z0), (x1, -y, z0), (x1, -y, z1), (x0, -y, z1)], (0, -1, 0)),
        (_panel(x0, -y, y, z0, z1), (-1, 0, 0)),
        (_panel(x1, -y, y, z0, z1), (1, 0, 0)),
        ([(x0, y, z1), (x1, y, z1), (x1, -y, z1), (x0, -y, z1)], (0, 0, 1)),
    ]
    return [_facing(corners, outwards, colour) for corners, outwards in sides]


def _wheels(size: Size) -> list[Face]:
    """Wheels as dark boxes that reach down to the road, with discs on the sides."""
    x, y, radius = size.length / 2, size.width / 2 - 0.02, 0.33 if size.height < 3 else 0.5
    faces = []
    for middle in (-x + 0.75 + radius / 2, x - 0.85):
        for side in (1, -1):
            disc = [
                (middle + radius * math.cos(a), side * (y + 0.03), radius + radius * math.sin(a))
                for a in np.arange(8) * math.pi / 4
            ]
            faces.append(_detail(disc, (0, side, 0), TYRE))
            tyre = _panel(middle - radius, side * (y - 0.22), side * y, 0.0, radius)
            faces.append(_facing(tyre, (-1, 0, 0), TYRE))
            faces.append(_facing([(middle + radius, b, c) for _, b, c in tyre], (1, 0, 0), TYRE))
    return faces
