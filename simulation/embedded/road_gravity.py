"""Gravity along, across and normal to the car, from slope and bank of the road surface along its route."""

import math
from bisect import bisect_right

from simulation.embedded.dynamics import GRAVITY_MPS2
from simulation.opendrive.routes import Route

LEVEL = 1e-9  # 1 - z of the surface normal, below which the road counts as level


class RoadGravity:
    """Surface normals along a route. Beside the lane the surface of the lane centre is extended."""

    def __init__(self, route: Route) -> None:
        self._wrap = route.curve.wrap
        s_m, normals = route.normals()
        self._s, self._normals = s_m.tolist(), normals.tolist()
        self.is_level = bool(normals[:, 2].min() > 1 - LEVEL)

    def gravity_mps2(self, s_m: float, yaw_rad: float) -> tuple[float, float, float]:
        """Components along the car (positive downhill), to its left, and into the road."""
        if self.is_level:
            return 0.0, 0.0, GRAVITY_MPS2
        i, share = self._between(s_m)
        x, y, up = (a + share * (b - a) for a, b in zip(self._normals[i], self._normals[i + 1], strict=True))
        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        # Gravity without its component along the normal, projected onto the horizontal plane: g nz (nx, ny).
        return (
            GRAVITY_MPS2 * up * (x * cos + y * sin),
            GRAVITY_MPS2 * up * (y * cos - x * sin),
            GRAVITY_MPS2 * up,
        )

    def _between(self, s_m: float) -> tuple[int, float]:
        """Index of the sample before s, and the ratio in [0, 1] of the distance to the next one."""
        s_m = min(max(self._wrap(s_m), self._s[0]), self._s[-1])
        i = min(max(bisect_right(self._s, s_m) - 1, 0), len(self._s) - 2)
        span_m = self._s[i + 1] - self._s[i]
        return i, (s_m - self._s[i]) / span_m if span_m > 0 else 0.0
