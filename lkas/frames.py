"""Axes and signs: image px <-> ground m, and the only left/right and radian/degree conversions.

Ego frame: x forward, y left, z up, origin on the ground below the centre of gravity; angles counter-clockwise.
Image: u right, v down. Message fields for people (steering, lateral_offset, heading_angle) are positive right.
"""

import math
from functools import lru_cache

import numpy as np

from lkas.integration.shared_memory.messages import CameraGeometry, LaneLine, LaneMessage
from lkas.lens import Lens


def steering_from_left_rad(steer_rad: float, max_steer_rad: float) -> float:
    """Road-wheel angle, left positive -> steering command in [-1, 1], right positive."""
    return min(1.0, max(-1.0, -steer_rad / max_steer_rad))


def left_rad_from_steering(steering: float, max_steer_rad: float) -> float:
    """Steering command in [-1, 1], right positive -> road-wheel angle, left positive."""
    return -min(1.0, max(-1.0, steering)) * max_steer_rad


def rightward(left: float) -> float:
    """A left-positive figure as the right-positive one that message fields for people carry."""
    return -left


def rightward_deg(left_rad: float) -> float:
    """A left-positive angle in radians as a right-positive one in degrees."""
    return -math.degrees(left_rad)


def wrap_rad(angle_rad: float) -> float:
    """The same angle in (-pi, pi]."""
    return math.pi - (math.pi - angle_rad) % (2 * math.pi)


MEETING_STEPS = 3  # a row of the image lies nearly square to the lane, so each step gains a digit or more


class PinholeCamera:
    """The projection of one CameraGeometry over a flat ground, both ways. Pixels are those of the image as it is,
    with what the lens bends."""

    def __init__(self, geometry: CameraGeometry) -> None:
        self.geometry = geometry
        lens = Lens(geometry.k1, geometry.k2, geometry.p1, geometry.p2, geometry.k3)
        self._lens = None if lens.is_straight else lens
        self._camera_from_ego = _camera_from_ego(geometry)
        self._position_m = np.array([geometry.x_m, geometry.y_m, geometry.height_m])

    @property
    def horizon_row_px(self) -> float:
        """Row of the horizon in the middle column."""
        yaw_rad = self.geometry.yaw_rad
        return self._pixel_of(self._camera_from_ego @ np.array([math.cos(yaw_rad), math.sin(yaw_rad), 0.0]))[1]

    @property
    def vanishing_point_px(self) -> tuple[float, float]:
        """(u, v) where lines parallel to the car's x axis meet."""
        return self._pixel_of(self._camera_from_ego @ np.array([1.0, 0.0, 0.0]))

    @property
    def image_from_ground_matrix(self) -> np.ndarray:
        """(3, 3) homography, without the lens: (x, y, 1) on the ground, ego frame -> (u w, v w, w), w depth in m."""
        return self.image_from_ego_matrix[:, [0, 1, 3]]

    @property
    def image_from_ego_matrix(self) -> np.ndarray:
        """(3, 4) projection, without the lens: (x, y, z, 1) in the ego frame -> (u w, v w, w), w depth in m."""
        g = self.geometry
        intrinsics = np.array([[g.focal_px, 0.0, g.cx_px], [0.0, g.focal_px, g.cy_px], [0.0, 0.0, 1.0]])
        rotation = self._camera_from_ego
        return intrinsics @ np.column_stack([rotation, -rotation @ self._position_m])

    def image_from_ego(self, points_m: np.ndarray) -> np.ndarray:
        """(N, 3) ego points -> (N, 2) pixels; NaN for points that are not at least 0.1 m before the camera."""
        in_camera = (np.asarray(points_m, float) - self._position_m) @ self._camera_from_ego.T
        depth = in_camera[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = in_camera[:, :2] / depth[:, None]
        if self._lens is not None:
            pixels = self._lens.bend(pixels)
        pixels *= self.geometry.focal_px
        pixels += (self.geometry.cx_px, self.geometry.cy_px)
        pixels[depth < 0.1] = np.nan
        return pixels

    def image_from_ground(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Ground points of the ego frame -> (N, 2) pixels."""
        return self.image_from_ego(np.column_stack([x_m, y_m, np.zeros_like(x_m)]))

    def directions(self, pixels: np.ndarray) -> np.ndarray:
        """(N, 2) pixels -> (N, 2) right and down of the axis, per depth: where the lens sees them."""
        g = self.geometry
        seen = (np.asarray(pixels, float) - (g.cx_px, g.cy_px)) / g.focal_px
        return seen if self._lens is None else self._lens.straighten(seen)

    def ground_from_image(self, pixels: np.ndarray) -> np.ndarray:
        """(N, 2) pixels -> (N, 2) ground points of the ego frame; NaN at and above the horizon."""
        g = self.geometry
        in_ego = np.column_stack([self.directions(pixels), np.ones(len(pixels))]) @ self._camera_from_ego
        with np.errstate(divide="ignore", invalid="ignore"):
            ground = self._position_m[:2] - in_ego[:, :2] * (g.height_m / in_ego[:, 2])[:, None]
        ground[in_ego[:, 2] >= -1e-6] = np.nan
        return ground

    def _pixel_of(self, in_camera: np.ndarray) -> tuple[float, float]:
        """Of a direction right, down, forward."""
        seen = in_camera[None, :2] / in_camera[2]
        if self._lens is not None:
            seen = self._lens.bend(seen)
        u, v = (self.geometry.focal_px * seen[0]).tolist()
        return self.geometry.cx_px + u, self.geometry.cy_px + v


def line_lateral_m(line: LaneLine, x_m: np.ndarray | float) -> np.ndarray | float:
    """y of a lane line at x, metres, left positive."""
    return line.c0 + x_m * (line.c1 + x_m * (line.c2 / 2 + x_m * line.c3 / 6))


@lru_cache(maxsize=4)
def _camera_over(geometry: CameraGeometry, height_px: int) -> tuple[PinholeCamera, list[list[float]]]:
    """The camera, and two ground points (x, y) that its image shows in its last row: the same for all lines drawn."""
    camera = PinholeCamera(geometry)
    last_row = np.array([[0.0, height_px - 1.0], [2 * geometry.cx_px, height_px - 1.0]])
    return camera, camera.ground_from_image(last_row).tolist()


def line_pixels(line: LaneLine, geometry: CameraGeometry, height_px: int, points: int = 40) -> np.ndarray:
    """(N, 2) pixels of a lane line from where it enters the image to the end of its seen stretch."""
    camera, last_row_m = _camera_over(geometry, height_px)
    x_min_m = _meeting_m(line, last_row_m)
    # Even steps in 1/x are even steps in image rows.
    nearness = np.linspace(1 / max(0.3, x_min_m - geometry.x_m), 1 / max(1.0, line.x_max_m - geometry.x_m), points)
    x_m = geometry.x_m + 1 / nearness
    pixels = camera.image_from_ground(x_m, np.asarray(line_lateral_m(line, x_m)))
    return pixels[np.isfinite(pixels).all(axis=1)]


def _meeting_m(line: LaneLine, ends_m: list[list[float]]) -> float:
    """x of a lane line where it crosses the straight line through two ground points (x, y) abreast of each other; where
    its seen stretch begins when there is no such place."""
    (x, y), (to_x, to_y) = ends_m
    slant = (to_x - x) / (to_y - y) if to_y != y else math.nan
    meeting = x
    for _ in range(MEETING_STEPS):
        meeting = x + slant * (float(line_lateral_m(line, meeting)) - y)
    return meeting if math.isfinite(meeting) else line.x_min_m


def lane_message(line: LaneLine, geometry: CameraGeometry, height_px: int) -> LaneMessage | None:
    """The two-point form of a lane line: its lowest and its highest pixel, or None when nothing is in view."""
    pixels = line_pixels(line, geometry, height_px, points=2)
    if len(pixels) < 2:
        return None
    (x1, y1), (x2, y2) = pixels[0], pixels[-1]
    return LaneMessage(float(x1), float(y1), float(x2), float(y2), line.confidence)


def _camera_from_ego(g: CameraGeometry) -> np.ndarray:
    """Rotation from ego axes (forward, left, up) to camera axes (right, down, forward)."""
    cy, sy = math.cos(g.yaw_rad), math.sin(g.yaw_rad)
    cp, sp = math.cos(g.pitch_rad), math.sin(g.pitch_rad)
    cr, sr = math.cos(g.roll_rad), math.sin(g.roll_rad)
    # The mount's axes in the ego frame, yaw @ pitch @ roll multiplied out: ISO 8855, positive pitch lowers the nose,
    # positive roll the right side.
    forward = cy * cp, sy * cp, -sp
    left = cy * sp * sr - sy * cr, sy * sp * sr + cy * cr, cp * sr
    up = cy * sp * cr + sy * sr, sy * sp * cr - cy * sr, cp * cr
    return np.array([[-a for a in left], [-a for a in up], forward])
