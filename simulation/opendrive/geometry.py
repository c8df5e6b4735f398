"""Plane curves parametrized by arc length, and lane coordinates on them.

Every geometry of a file is converted to nodes at most `NODE_SPACING_M` apart with linear curvature in between: exact
for lines, spirals and arcs, with an error below 0.1 mm for cubics. Lane coordinates: s along the curve, t to its left.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

NODE_SPACING_M = 1.0
NODE_TURN_RAD = 0.25  # maximum change of heading between two nodes
GAUSS_POINTS = ((0.1127016653792583, 5 / 18), (0.5, 8 / 18), (0.8872983346207417, 5 / 18))  # on [0, 1]


class Nodes(NamedTuple):
    """N + 1 points of a curve, and the curvature at both ends of the N intervals between them."""

    s_m: np.ndarray
    x_m: np.ndarray
    y_m: np.ndarray
    heading_rad: np.ndarray
    curvature_start: np.ndarray  # (N,) 1/m, left positive
    curvature_end: np.ndarray


def spiral_nodes(
    s_m: float, x_m: float, y_m: float, heading_rad: float, length_m: float, start_radpm: float, end_radpm: float
) -> Nodes:
    """Nodes of a line, an arc or a spiral: curvature changes linearly from `start_radpm` to `end_radpm`."""
    turn_rad = max(abs(start_radpm), abs(end_radpm)) * length_m
    count = max(1, math.ceil(length_m / NODE_SPACING_M), math.ceil(turn_rad / NODE_TURN_RAD))
    along_m = np.linspace(0.0, length_m, count + 1)
    curvature = start_radpm + (end_radpm - start_radpm) * along_m / length_m
    heading = heading_rad + along_m * (start_radpm + curvature) / 2
    dx, dy = _step(heading[:-1], curvature[:-1], np.diff(curvature) / np.diff(along_m), np.diff(along_m))
    return Nodes(
        s_m + along_m,
        x_m + np.concatenate([[0.0], np.cumsum(dx)]),
        y_m + np.concatenate([[0.0], np.cumsum(dy)]),
        heading,
        curvature[:-1],
        curvature[1:],
    )


def cubic_nodes(
    s_m: float,
    x_m: float,
    y_m: float,
    heading_rad: float,
    length_m: float,
    u_coefficients: Sequence[float],
    v_coefficients: Sequence[float],
    p_end: float | None,
) -> Nodes:
    """Nodes of a parametric cubic u(p), v(p), p from 0 to `p_end`, in the frame of its start.

    With `p_end` None the curve ends after `length_m`. Otherwise its arc length is scaled to `length_m`, which differs
    by rounding only.
    """
    u, v = np.polynomial.Polynomial(u_coefficients), np.polynomial.Polynomial(v_coefficients)
    du, dv = u.deriv(), v.deriv()
    count = max(4, math.ceil(2 * length_m / NODE_SPACING_M))
    p = np.linspace(0.0, length_m if p_end is None else p_end, count + 1)
    along_m = _arc_length(du, dv, p)
    if p_end is None:
        p = np.interp(np.linspace(0.0, length_m, count + 1), along_m, p)
        along_m = _arc_length(du, dv, p)
    along_m *= length_m / along_m[-1]
    speed = np.hypot(du(p), dv(p))
    curvature = (du(p) * dv.deriv()(p) - dv(p) * du.deriv()(p)) / speed**3
    cos, sin = math.cos(heading_rad), math.sin(heading_rad)
    return Nodes(
        s_m + along_m,
        x_m + cos * u(p) - sin * v(p),
        y_m + sin * u(p) + cos * v(p),
        heading_rad + np.unwrap(np.arctan2(dv(p), du(p))),
        curvature[:-1],
        curvature[1:],
    )


def cubic_length_m(u_coefficients: Sequence[float], v_coefficients: Sequence[float], p_end: float) -> float:
    """Arc length of a parametric cubic from 0 to `p_end`."""
    u, v = np.polynomial.Polynomial(u_coefficients), np.polynomial.Polynomial(v_coefficients)
    return float(_arc_length(u.deriv(), v.deriv(), np.linspace(0.0, p_end, 9))[-1])


def join_nodes(pieces: Sequence[Nodes]) -> Nodes:
    """Concatenate pieces; each keeps its own start point, so that rounding errors do not accumulate."""
    last = pieces[-1]

    def points(index: int) -> np.ndarray:
        return np.concatenate([piece[index][:-1] for piece in pieces] + [last[index][-1:]])

    def intervals(index: int) -> np.ndarray:
        return np.concatenate([piece[index] for piece in pieces])

    return Nodes(points(0), points(1), points(2), points(3), intervals(4), intervals(5))


class Curve:
    """A curve with lane coordinates. s of a closed curve is periodic; an open curve is extended by straight lines."""

    def __init__(self, nodes: Nodes, is_closed: bool = False) -> None:
        self.nodes = nodes
        self.is_closed = is_closed
        self.length_m = float(nodes.s_m[-1])
        self._ramp = (nodes.curvature_end - nodes.curvature_start) / np.diff(nodes.s_m)
        # Plain floats: indexing an array for a scalar takes ten times as long.
        self._s, self._x, self._y, self._heading = (array.tolist() for array in nodes[:4])
        self._curvature, self._ramps = nodes.curvature_start.tolist(), self._ramp.tolist()

    def wrap(self, s_m: float) -> float:
        """s in [0, length) on a closed curve, unchanged on an open one."""
        return s_m % self.length_m if self.is_closed else s_m

    def interval(self, s_m: float) -> int:
        """Index of the interval between nodes that contains s."""
        return min(max(bisect_right(self._s, s_m) - 1, 0), len(self._curvature) - 1)

    def pose(self, s_m: float) -> tuple[float, float, float, float]:
        """(x, y, heading, curvature) at s."""
        s_m = self.wrap(s_m)
        if s_m < 0.0 or s_m > self.length_m:
            i = 0 if s_m < 0.0 else -1
            heading, beyond_m = self._heading[i], s_m - self._s[i]
            return self._x[i] + beyond_m * math.cos(heading), self._y[i] + beyond_m * math.sin(heading), heading, 0.0
        i = self.interval(s_m)
        ds, heading, curvature, ramp = s_m - self._s[i], self._heading[i], self._curvature[i], self._ramps[i]
        x, y = self._x[i], self._y[i]
        for share, weight in GAUSS_POINTS:
            tau = share * ds
            angle = heading + tau * (curvature + tau * ramp / 2)
            x += weight * ds * math.cos(angle)
            y += weight * ds * math.sin(angle)
        return x, y, heading + ds * (curvature + ds * ramp / 2), curvature + ramp * ds

    def poses(self, s_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """(x, y, heading, curvature) at many s; on an open curve they are clamped to it."""
        s_m = s_m % self.length_m if self.is_closed else np.clip(s_m, 0.0, self.length_m)
        nodes = self.nodes
        i = np.clip(np.searchsorted(nodes.s_m, s_m, side="right") - 1, 0, len(self._ramp) - 1)
        ds, curvature, ramp = s_m - nodes.s_m[i], nodes.curvature_start[i], self._ramp[i]
        dx, dy = _step(nodes.heading_rad[i], curvature, ramp, ds)
        heading = nodes.heading_rad[i] + ds * (curvature + ds * ramp / 2)
        return nodes.x_m[i] + dx, nodes.y_m[i] + dy, heading, curvature + ramp * ds

    def to_world(self, s_m: float, t_m: float) -> tuple[float, float]:
        """Map coordinates of a point t to the left of the curve."""
        x, y, heading, _ = self.pose(s_m)
        return x - t_m * math.sin(heading), y + t_m * math.cos(heading)

    def to_lane(self, x_m: float, y_m: float, near_s_m: float) -> tuple[float, float]:
        """(s, t) of the foot point on the curve, by Newton's method from `near_s_m`.

        Continuous as the point moves, also far from the road, where several foot points may exist.
        """
        s_m = near_s_m
        t_m = 0.0
        for _ in range(30):
            x, y, heading, curvature = self.pose(s_m)
            cos, sin = math.cos(heading), math.sin(heading)
            ahead_m = (x_m - x) * cos + (y_m - y) * sin
            t_m = (y_m - y) * cos - (x_m - x) * sin
            if abs(ahead_m) < 1e-7:
                break
            # Newton's step; limited because beyond the centre of a bend there is no foot point.
            s_m += min(10.0, max(-10.0, ahead_m / max(0.3, 1.0 - curvature * t_m)))
        return self.wrap(s_m), t_m

    def nearest_s_m(self, x_m: float, y_m: float) -> float:
        """s of the node nearest to a point: a starting value for `to_lane`."""
        return self._s[int(np.argmin(np.hypot(self.nodes.x_m - x_m, self.nodes.y_m - y_m)))]


def _step(
    heading: np.ndarray, curvature: np.ndarray, ramp: np.ndarray, ds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Displacement over ds from the given headings, with linear curvature."""
    dx, dy = np.zeros_like(ds), np.zeros_like(ds)
    for share, weight in GAUSS_POINTS:
        tau = share * ds
        angle = heading + tau * (curvature + tau * ramp / 2)
        dx += weight * ds * np.cos(angle)
        dy += weight * ds * np.sin(angle)
    return dx, dy


def _arc_length(du: np.polynomial.Polynomial, dv: np.polynomial.Polynomial, p: np.ndarray) -> np.ndarray:
    """Length of a parametric curve from p[0] to each p."""
    step = np.diff(p)
    pieces = sum(
        weight * np.hypot(du(p[:-1] + share * step), dv(p[:-1] + share * step)) for share, weight in GAUSS_POINTS
    )
    return np.concatenate([[0.0], np.cumsum(pieces * step)])
