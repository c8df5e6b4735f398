"""Slope and bank under the car: what gravity does to it on the road surface of its route."""

import math
from bisect import bisect_right

from simulation.embedded.dynamics import GRAVITY_MPS2
from simulation.opendrive.routes import Route

LEVEL = 1e-9  # a normal this near to upright is


class Terrain:
    """Tilt along a route. Beside the lane the surface goes on as in its middle."""

    def __init__(self, route: Route) -> None:
        self._wrapped = route.curve.wrapped
        s_m, normals = route.normals()
        self._s, self._normals = s_m.tolist(), normals.tolist()
        self.is_level = bool(normals[:, 2].min() > 1 - LEVEL)

    def gravity_mps2(self, s_m: float, yaw_rad: float) -> tuple[float, float, float]:
        """Gravity along the car, to its left, and into the road. Downhill pulls forward."""
        if self.is_level:
            return 0.0, 0.0, GRAVITY_MPS2
        i, share = self._between(s_m)
        x, y, up = (a + share * (b - a) for a, b in zip(self._normals[i], self._normals[i + 1], strict=True))
        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        # Gravity less its part along the normal, seen from above: g nz (nx, ny).
        return (
            GRAVITY_MPS2 * up * (x * cos + y * sin),
            GRAVITY_MPS2 * up * (y * cos - x * sin),
            GRAVITY_MPS2 * up,
        )

    def _between(self, s_m: float) -> tuple[int, float]:
        """The sample before s, and how far s is on the way to the next one."""
        s_m = min(max(self._wrapped(s_m), self._s[0]), self._s[-1])
        i = min(max(bisect_right(self._s, s_m) - 1, 0), len(self._s) - 2)
        span_m = self._s[i + 1] - self._s[i]
        return i, (s_m - self._s[i]) / span_m if span_m > 0 else 0.0
