"""Roads of straights, clothoids and arcs, described by curvature over arc length. Left is positive."""

import numpy as np


class Road:
    """Curvature over arc length, linear between knots."""

    def __init__(self, knots: list[tuple[float, float]], width_m: float = 3.5) -> None:
        self._s, self._kappa = zip(*knots, strict=True)
        self.width_m = width_m
        self.length_m = self._s[-1]

    def curvature(self, s_m: float) -> float:
        """Return the curvature (1/m) at an arc length."""
        return float(np.interp(s_m, self._s, self._kappa))


def bend(radius_m: float, speed_mps: float, sign: float = 1.0, straight_m: float = 60.0) -> Road:
    """Return a straight, a transition curve, an arc, a transition curve and a straight."""
    transition_m, arc_m = max(20.0, speed_mps**3 / radius_m / 0.8), max(60.0, speed_mps * 4)
    return _road(straight_m, [(sign / radius_m, transition_m, arc_m)])


def s_bend(radius_m: float, speed_mps: float, sign: float = 1.0) -> Road:
    """Return a bend, a straight of 60 m, and the opposite bend."""
    transition_m, arc_m = max(20.0, speed_mps**3 / radius_m / 0.8), max(60.0, speed_mps * 4)
    return _road(60.0, [(sign / radius_m, transition_m, arc_m), (-sign / radius_m, transition_m, arc_m)])


def straight(length_m: float = 500.0) -> Road:
    """Return a straight road."""
    return Road([(0.0, 0.0), (length_m, 0.0)])


def _road(straight_m: float, bends: list[tuple[float, float, float]]) -> Road:
    s_m, knots = 0.0, [(0.0, 0.0)]
    for kappa, transition_m, arc_m in bends:
        s_m += straight_m
        knots.append((s_m, 0.0))
        knots.append((s_m + transition_m, kappa))
        knots.append((s_m + transition_m + arc_m, kappa))
        s_m += 2 * transition_m + arc_m
        knots.append((s_m, 0.0))
    knots.append((s_m + 60.0, 0.0))
    return Road(knots)
