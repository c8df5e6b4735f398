"""Lens distortion: Brown's model (1966) of radial and tangential distortion, as OpenCV writes it.

Points are (N, 2) directions right and down, divided by the depth: a pinhole camera's pixel minus its centre, over the
focal length. With r² = x² + y²:

    x' = x (1 + k1 r² + k2 r⁴ + k3 r⁶) + 2 p1 x y + p2 (r² + 2 x²)        y' likewise, x and y, p1 and p2 exchanged
"""

import math

import numpy as np
from msgspec import Struct

ITERATIONS = 20


class Lens(Struct, frozen=True):
    """The five coefficients."""

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0

    @property
    def has_distortion(self) -> bool:
        return bool(self.k1 or self.k2 or self.p1 or self.p2 or self.k3)

    @property
    def max_r2(self) -> float:
        """The largest r² for which the model is valid: beyond it, points farther out would appear farther in."""
        if not self.has_distortion:
            return math.inf
        growth = np.roots([7 * self.k3, 5 * self.k2, 3 * self.k1, 1.0])  # of dr'/dr, in powers of r²
        limits = growth.real[(np.abs(growth.imag) < 1e-9) & (growth.real > 0)]
        return float(limits.min(initial=np.inf))

    def distort(self, points: np.ndarray) -> np.ndarray:
        """Directions without the lens -> directions seen through it; NaN where the model is not valid."""
        r2 = (points**2).sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", over="ignore"):
            distorted = points * self._radial(r2) + self._tangential(points, r2)
            distorted[r2[:, 0] > self.max_r2] = np.nan
        return distorted

    def undistort(self, distorted: np.ndarray) -> np.ndarray:
        """The inverse of `distort`, by iteration."""
        points = distorted.copy()
        for _ in range(ITERATIONS):
            r2 = np.minimum((points**2).sum(axis=1, keepdims=True), self.max_r2)
            points = (distorted - self._tangential(points, r2)) / np.maximum(self._radial(r2), 0.1)
        return points

    def _radial(self, r2: np.ndarray) -> np.ndarray:
        return 1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))

    def _tangential(self, points: np.ndarray, r2: np.ndarray) -> np.ndarray:
        both = 2 * points[:, :1] * points[:, 1:]
        decentred = r2 + 2 * points**2
        return both * (self.p1, self.p2) + decentred * (self.p2, self.p1)
