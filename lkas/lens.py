"""A lens that bends straight lines: Brown's model (1966) of radial and tangential distortion, as OpenCV writes it.

Points are (N, 2) directions right and down, divided by the depth: a pinhole camera's pixel less its centre, over the
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
    def is_straight(self) -> bool:
        return not (self.k1 or self.k2 or self.p1 or self.p2 or self.k3)

    @property
    def reach2(self) -> float:
        """r² up to which points farther out are also seen farther out; beyond, the model folds the world back."""
        if self.is_straight:
            return math.inf
        growth = np.roots([7 * self.k3, 5 * self.k2, 3 * self.k1, 1.0])  # of r' over r, in powers of r²
        turns = growth.real[(np.abs(growth.imag) < 1e-9) & (growth.real > 0)]
        return float(turns.min(initial=np.inf))

    def bend(self, straight: np.ndarray) -> np.ndarray:
        """Where points without the lens are seen through it; NaN beyond the model's reach."""
        r2 = (straight**2).sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore", over="ignore"):
            bent = straight * self._radial(r2) + self._tangential(straight, r2)
            bent[r2[:, 0] > self.reach2] = np.nan
        return bent

    def straighten(self, bent: np.ndarray) -> np.ndarray:
        """The inverse of `bend`, by iteration."""
        straight = bent.copy()
        for _ in range(ITERATIONS):
            r2 = np.minimum((straight**2).sum(axis=1, keepdims=True), self.reach2)
            straight = (bent - self._tangential(straight, r2)) / np.maximum(self._radial(r2), 0.1)
        return straight

    def _radial(self, r2: np.ndarray) -> np.ndarray:
        return 1 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3))

    def _tangential(self, points: np.ndarray, r2: np.ndarray) -> np.ndarray:
        both = 2 * points[:, :1] * points[:, 1:]
        swayed = r2 + 2 * points**2
        return both * (self.p1, self.p2) + swayed * (self.p2, self.p1)
