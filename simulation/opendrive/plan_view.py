"""Reads the plan view of a road: its geometries in order, without pieces of no length, with gaps bridged."""

import math
from functools import cached_property
from typing import NamedTuple
from xml.etree.ElementTree import Element

import numpy as np
from msgspec import Struct

from simulation.opendrive.attributes import described, number
from simulation.opendrive.geometry import Nodes, cubic_length_m, cubic_nodes, spiral_nodes
from simulation.opendrive.notices import Place

MIN_GEOMETRY_M, MAX_GEOMETRY_M = 1e-6, 100e3
MAX_ROAD_M, MAX_GEOMETRIES = 200e3, 50_000  # of one road
MAX_STEP_M = 0.5  # between the end of a geometry and the start of the next: not worth a notice
MAX_GAP_M, MAX_GAP_RAD = 5.0, math.radians(30)  # that is bridged: length, and angle to the road
MAX_CURVATURE_RADPM = 20.0
MAX_LENGTH_RATIO = 1.5  # of a paramPoly3's arc length to its length, either way; beyond, its range is wrong


class PlanPiece(Struct, frozen=True, dict=True):
    """One geometry of a plan view; its nodes are computed when they are needed."""

    s_m: float
    x_m: float
    y_m: float
    heading_rad: float
    length_m: float
    curvature: tuple[float, float] = (0.0, 0.0)  # at start and end, 1/m
    cubic: tuple[tuple[float, ...], tuple[float, ...]] | None = None  # coefficients of u(p) and v(p)
    p_end: float | None = None

    @property
    def end_m(self) -> float:
        return self.s_m + self.length_m

    @property
    def end_heading_rad(self) -> float:
        """Heading at the end of a line, an arc or a spiral."""
        return self.heading_rad + self.length_m * sum(self.curvature) / 2

    @cached_property
    def nodes(self) -> Nodes:
        """Nodes of this piece; s as in the file."""
        start = self.s_m, self.x_m, self.y_m, self.heading_rad
        if self.cubic is None:
            return spiral_nodes(*start, self.length_m, *self.curvature)
        return cubic_nodes(*start, self.length_m, *self.cubic, self.p_end)

    def outline(self) -> np.ndarray:
        """(N, 2) points of this piece: its ends where it is straight, otherwise its nodes."""
        if self.cubic is not None or self.curvature != (0.0, 0.0):
            return np.column_stack([self.nodes.x_m, self.nodes.y_m])
        ahead = self.length_m * math.cos(self.heading_rad), self.length_m * math.sin(self.heading_rad)
        return np.array([(self.x_m, self.y_m), (self.x_m + ahead[0], self.y_m + ahead[1])])

    def bounds_m(self) -> tuple[float, float, float, float]:
        """(x, y) below and above all points of this piece: exact where it is straight, otherwise by its length."""
        x_m, y_m, length_m = self.x_m, self.y_m, self.length_m
        if self.cubic is not None or self.curvature != (0.0, 0.0):
            return x_m - length_m, y_m - length_m, x_m + length_m, y_m + length_m
        end_x_m, end_y_m = x_m + length_m * math.cos(self.heading_rad), y_m + length_m * math.sin(self.heading_rad)
        return min(x_m, end_x_m), min(y_m, end_y_m), max(x_m, end_x_m), max(y_m, end_y_m)


class Bridge(NamedTuple):
    """A straight piece that was inserted into a gap: all that follows is moved by its length."""

    s_m: float  # of the gap, as in the file
    length_m: float


class PlanView(NamedTuple):
    """The reference line of a road in the plane."""

    pieces: tuple[PlanPiece, ...]
    bridges: tuple[Bridge, ...] = ()

    def moved_m(self, s_m: float) -> float:
        """s on this line of an s of the file."""
        return s_m + sum(bridge.length_m for bridge in self.bridges if bridge.s_m <= s_m)


def read_plan_view(plan: Element | None, place: Place) -> PlanView:
    """Read the geometries; without any that can be used, `pieces` is empty."""
    if plan is None:
        return PlanView(())
    found = [
        piece
        for index, element in enumerate(plan.iterfind("geometry"))
        if (piece := _piece(element, place.at(f"geometry {index}"))) is not None
    ]
    ordered = sorted(found, key=lambda piece: piece.s_m)
    if [piece.s_m for piece in ordered] != [piece.s_m for piece in found]:
        place.at("planView").repaired("its geometries are out of order; sorted by s")
    if len(ordered) == 1:
        return PlanView(tuple(ordered))
    return _joined(ordered, place)


def _joined(found: list[PlanPiece], place: Place) -> PlanView:
    """Join the pieces: bridge gaps along the road; end the road before others."""
    pieces: list[PlanPiece] = []
    bridges: list[Bridge] = []
    moved_m = 0.0
    for piece in found:
        at = place.at(f"geometry at s = {piece.s_m:g} m")
        if not pieces:
            pieces.append(piece)
            continue
        before = pieces[-1]
        if before.end_m + piece.length_m > MAX_ROAD_M or len(pieces) >= MAX_GEOMETRIES:
            at.skipped(f"a road has at most {MAX_ROAD_M:g} m and {MAX_GEOMETRIES} geometries; it ends there")
            break
        nodes = before.nodes
        end_x_m, end_y_m, heading_rad = float(nodes.x_m[-1]), float(nodes.y_m[-1]), float(nodes.heading_rad[-1])
        dx_m, dy_m = piece.x_m - end_x_m, piece.y_m - end_y_m
        gap_m = math.hypot(dx_m, dy_m)
        s_m = piece.s_m + moved_m
        if abs(s_m - before.end_m) > MAX_STEP_M or s_m < nodes.s_m[-2] + MIN_GEOMETRY_M:
            at.repaired(f"the geometry before it ends at s = {before.end_m:g} m, where it is placed")
            moved_m += before.end_m - s_m
            s_m = before.end_m
        if max(abs(dx_m), abs(dy_m)) > MAX_STEP_M:
            angle_rad = abs(math.remainder(math.atan2(dy_m, dx_m) - heading_rad, 2 * math.pi))
            if gap_m > MAX_GAP_M or angle_rad > MAX_GAP_RAD:
                at.skipped(f"it starts {gap_m:.2f} m away from the end of the one before; the road ends there")
                break
            at.repaired(f"it starts {gap_m:.2f} m after the end of the one before; bridged by a straight line")
            pieces.append(PlanPiece(s_m, end_x_m, end_y_m, math.atan2(dy_m, dx_m), gap_m))
            bridges.append(Bridge(piece.s_m, gap_m))
            moved_m += gap_m
            s_m += gap_m
        pieces.append(_placed(piece, s_m))
    return PlanView(tuple(pieces), tuple(bridges))


def _placed(piece: PlanPiece, s_m: float) -> PlanPiece:
    if piece.s_m == s_m:
        return piece
    return PlanPiece(
        s_m,
        piece.x_m,
        piece.y_m,
        piece.heading_rad,
        piece.length_m,
        piece.curvature,
        piece.cubic,
        piece.p_end,
    )


def _piece(element: Element, place: Place) -> PlanPiece | None:
    values = {name: number(element, name, place) for name in ("s", "x", "y", "hdg", "length")}
    for name, value in values.items():
        if value is None:
            place.skipped(f"{described(element, name)}: expected a finite number")
            return None
    s_m, x_m, y_m, heading_rad, length_m = (value or 0.0 for value in values.values())
    if not MIN_GEOMETRY_M < length_m <= MAX_GEOMETRY_M:
        place.skipped(f"length={length_m:g}: expected more than 0 and at most {MAX_GEOMETRY_M:g} m")
        return None
    start = s_m, x_m, y_m, heading_rad, length_m
    shape = next(iter(element), None)
    if shape is None:
        place.repaired("it has no shape; read as a line")
        return PlanPiece(*start)
    place = place.at(shape.tag)
    match shape.tag:
        case "line":
            return PlanPiece(*start)
        case "arc" | "spiral":
            names = ("curvature", "curvature") if shape.tag == "arc" else ("curvStart", "curvEnd")
            first, last = (number(shape, name, place) for name in names)
            if first is not None and last is not None and max(abs(first), abs(last)) <= MAX_CURVATURE_RADPM:
                return PlanPiece(*start, curvature=(first, last))
            place.repaired(
                f"{' and '.join(described(shape, name) for name in dict.fromkeys(names))}: expected a curvature of at "
                f"most {MAX_CURVATURE_RADPM:g} 1/m; read as a line"
            )
            return PlanPiece(*start)
        case "poly3":
            return PlanPiece(*start, cubic=((0.0, 1.0), _coefficients(shape, "", place)))
        case "paramPoly3":
            return _param_poly3(shape, start, place)
    place.repaired("this shape is unknown; read as a line")
    return PlanPiece(*start)


def _coefficients(shape: Element, suffix: str, place: Place) -> tuple[float, ...]:
    names = [f"{name}{suffix}" for name in "abcd"]
    for name in names:
        if shape.get(name) is None:
            place.repaired(f"attribute {name} is missing; 0 is used")
    return tuple(number(shape, name, place, 0.0) or 0.0 for name in names)


def _param_poly3(shape: Element, start: tuple[float, float, float, float, float], place: Place) -> PlanPiece:
    length_m = start[-1]
    u, v = _coefficients(shape, "U", place), _coefficients(shape, "V", place)
    if u[1] == 0.0 and v[1] == 0.0:
        place.repaired("bU and bV are both 0, so its direction at the start is undefined; read as a line")
        return PlanPiece(*start)
    declared = shape.get("pRange")
    name = "normalized" if declared is None else declared.strip().lower()
    lengths = {"normalized": cubic_length_m(u, v, 1.0), "arclength": cubic_length_m(u, v, length_m)}
    fitting = min(lengths, key=lambda key: abs(math.log(max(lengths[key], 1e-9) / length_m)))
    if name not in lengths or not length_m / MAX_LENGTH_RATIO < lengths[name] < length_m * MAX_LENGTH_RATIO:
        if fitting != name:
            place.repaired(f"{described(shape, 'pRange')}: its coefficients fit the range {fitting}, which is used")
        name = fitting
    elif declared is not None and declared not in ("normalized", "arcLength"):
        place.repaired(f"{described(shape, 'pRange')}: read as {name}")
    if not length_m / MAX_LENGTH_RATIO < lengths[name] < length_m * MAX_LENGTH_RATIO:
        place.repaired(f"it is {lengths[name]:g} m long and not {length_m:g} m; read as a line")
        return PlanPiece(*start)
    return PlanPiece(*start, cubic=(u, v), p_end=1.0 if name == "normalized" else length_m)
