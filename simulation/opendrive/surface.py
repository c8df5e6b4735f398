"""The road surface in space: elevation, superelevation and lateral shape over the plane reference line.

Coordinates of a road: s along the plane projection of its reference line, t to the left in the banked cross section, h
up from the surface. Elevation raises the reference line, superelevation rotates the cross section about it (positive:
the left side is higher), and the lateral shape adds a height to that plane.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from msgspec import Struct

from simulation.opendrive.geometry import Curve
from simulation.opendrive.lanes import Cubic, cubic_value, cubic_values

MAX_STEPS = 60
CLOSE_ENOUGH_M = 1e-9


class CrossSection(Struct, frozen=True):
    """The lateral shape at one s: height above the banked plane in cubic pieces over t."""

    s_m: float
    pieces: tuple[Cubic, ...]  # their `s_m` is the t where each starts; ascending

    def height_m(self, t_m: np.ndarray) -> np.ndarray:
        """Height at each t; constant before the first piece, while the last piece has no end."""
        return cubic_values(self.pieces, np.maximum(t_m, self.pieces[0].s_m))[0]


class Profiles(Struct, frozen=True):
    """Elevation, superelevation and lateral shape of a road; flat by default."""

    elevation: tuple[Cubic, ...] = ()
    superelevation: tuple[Cubic, ...] = ()  # rad
    shape: tuple[CrossSection, ...] = ()

    def shape_m(self, s_m: np.ndarray, t_m: np.ndarray) -> np.ndarray:
        """Height of the lateral shape: linear between cross sections, constant before the first and after the last."""
        if not self.shape:
            return np.zeros(np.broadcast(s_m, t_m).shape)
        starts = np.array([section.s_m for section in self.shape])
        if len(starts) == 1:
            return np.broadcast_to(self.shape[0].height_m(t_m), np.broadcast(s_m, t_m).shape)
        first = np.clip(np.searchsorted(starts, s_m, side="right") - 1, 0, len(starts) - 2)
        share = np.clip((s_m - starts[first]) / (starts[first + 1] - starts[first]), 0.0, 1.0)
        columns = np.arange(len(t_m))
        used = self.shape[int(first.min()) : int(first.max()) + 2]
        heights = np.stack([section.height_m(t_m) for section in used])
        first = first - first.min()
        return (1 - share) * heights[first, columns] + share * heights[first + 1, columns]

    def steepest(self, s_m: np.ndarray) -> tuple[float, float]:
        """Maximum slope (ratio) and bank (rad) over the given s."""
        slope, bank = cubic_values(self.elevation, s_m)[1], cubic_values(self.superelevation, s_m)[0]
        return float(np.abs(slope).max()), float(np.abs(bank).max())


Vector = tuple[float, float, float]


class SurfaceFrame(NamedTuple):
    """A point of the reference line and the axes at it, in plain floats."""

    origin: Vector
    ahead: Vector
    left: Vector
    up: Vector


class Surface:
    """Conversion between road coordinates and map coordinates of one road."""

    def __init__(self, curve: Curve, profiles: Profiles) -> None:
        self.curve, self.profiles = curve, profiles
        self.level_m = _level_m(profiles)  # height of a completely level road, otherwise None

    def frames(self, s_m: Sequence[float] | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 3) points of the reference line and (N, 3, 3) axes at them; rows are s, t and h.

        The s axis follows the slope, t the bank, h is orthogonal to both.
        """
        s_m = np.asarray(s_m, dtype=float)
        # A road is extended by straight lines, as its curve is.
        x, y, heading, _ = self.curve.poses(s_m)
        beyond_m = s_m - np.clip(s_m, 0.0, self.curve.length_m)
        x, y = x + beyond_m * np.cos(heading), y + beyond_m * np.sin(heading)
        height_m, slope = cubic_values(self.profiles.elevation, s_m)
        bank_rad = cubic_values(self.profiles.superelevation, s_m)[0]
        pitch_rad = np.arctan(slope)
        ahead = np.column_stack(
            [np.cos(heading) * np.cos(pitch_rad), np.sin(heading) * np.cos(pitch_rad), np.sin(pitch_rad)]
        )
        level_left = np.column_stack([-np.sin(heading), np.cos(heading), np.zeros_like(heading)])
        up = np.cross(ahead, level_left)
        cos, sin = np.cos(bank_rad)[:, None], np.sin(bank_rad)[:, None]
        axes = np.stack([ahead, cos * level_left + sin * up, cos * up - sin * level_left], axis=1)
        return np.column_stack([x, y, height_m]), axes

    def frame(self, s_m: float) -> SurfaceFrame:
        """As `frames`, for one s."""
        x, y, heading, _ = self.curve.pose(s_m)
        height_m, slope = cubic_value(self.profiles.elevation, s_m)
        bank_rad = cubic_value(self.profiles.superelevation, s_m)[0]
        cos, sin = math.cos(heading), math.sin(heading)
        flat, rise = 1 / math.hypot(1.0, slope), slope / math.hypot(1.0, slope)  # cosine and sine of the slope
        banked, lift = math.cos(bank_rad), math.sin(bank_rad)
        return SurfaceFrame(
            origin=(x, y, height_m),
            ahead=(cos * flat, sin * flat, rise),
            left=(-banked * sin - lift * cos * rise, banked * cos - lift * sin * rise, lift * flat),
            up=(lift * sin - banked * cos * rise, -lift * cos - banked * sin * rise, banked * flat),
        )

    def to_world(self, s_m: float, t_m: float, h_m: float = 0.0) -> Vector:
        """Map coordinates (x, y, z) of a point h above the surface."""
        x, y, z = self.points([s_m], [t_m], [h_m])[0]
        return float(x), float(y), float(z)

    def points(
        self, s_m: Sequence[float] | np.ndarray, t_m: Sequence[float] | np.ndarray, h_m: Sequence[float] | np.ndarray
    ) -> np.ndarray:
        """(N, 3) map coordinates of many points."""
        s_m, t_m, h_m = (np.asarray(values, dtype=float) for values in (s_m, t_m, h_m))
        origins, axes = self.frames(s_m)
        above_m = h_m + self.profiles.shape_m(s_m, t_m)
        return origins + t_m[:, None] * axes[:, 1] + above_m[:, None] * axes[:, 2]

    def lines(self, s_m: np.ndarray, *lines_t_m: np.ndarray) -> list[np.ndarray]:
        """(N, 3) map coordinates on the surface for each line t(s); s is within the road."""
        if self.level_m is not None:
            x, y, heading, _ = self.curve.poses(s_m)
            cos, sin, z = np.cos(heading), np.sin(heading), np.full(len(s_m), self.level_m)
            return [np.column_stack([x - t_m * sin, y + t_m * cos, z]) for t_m in lines_t_m]
        origins, axes = self.frames(s_m)
        return [
            origins + t_m[:, None] * axes[:, 1] + self.profiles.shape_m(s_m, t_m)[:, None] * axes[:, 2]
            for t_m in lines_t_m
        ]

    def to_lane(self, x_m: float, y_m: float, z_m: float, near_s_m: float) -> Vector:
        """(s, t, h) of a point: the inverse of `to_world`, iterated from `near_s_m`."""
        point = np.array([x_m, y_m, z_m])
        s_m = self.curve.to_lane(x_m, y_m, near_s_m)[0]
        step_m = 1e-3
        for _ in range(MAX_STEPS):
            # Find the cross section in whose plane the point is.
            origins, axes = self.frames([s_m, s_m + step_m])
            ahead_m, ahead_later_m = np.einsum("ij,ij->i", point - origins, axes[:, 0])
            if abs(ahead_m) < CLOSE_ENOUGH_M:
                break
            rate = (ahead_later_m - ahead_m) / step_m
            s_m += float(np.clip(ahead_m / max(0.3, -rate), -10.0, 10.0))
        origins, axes = self.frames([s_m])
        _, t_m, above_m = axes[0] @ (point - origins[0])
        shape_m = self.profiles.shape_m(np.array([s_m]), np.array([t_m]))[0]
        return s_m, float(t_m), float(above_m - shape_m)


def _level_m(profiles: Profiles) -> float | None:
    heights = {piece.a for piece in profiles.elevation} or {0.0}
    sloping = any(piece.b or piece.c or piece.d for piece in profiles.elevation)
    banked = any(piece.a or piece.b or piece.c or piece.d for piece in profiles.superelevation)
    return None if sloping or banked or profiles.shape or len(heights) > 1 else heights.pop()
