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
    """Convert a left-positive value to the right-positive one of message fields for people."""
    return -left


def rightward_deg(left_rad: float) -> float:
    """Convert a left-positive angle in radians to a right-positive one in degrees."""
    return -math.degrees(left_rad)


def wrap_rad(angle_rad: float) -> float:
    """The same angle in (-pi, pi]."""
    return math.pi - (math.pi - angle_rad) % (2 * math.pi)


Point = tuple[float, float]
Axes = tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]]

NEAREST_M = 0.1  # depth; nearer points have no pixel
LINE_FROM_M, LINE_TO_M = 0.3, 1.0  # ahead of the camera: a line starts and ends at least so far ahead
LOW_CAMERA_M = 1.0  # a lower camera is a model's: these distances shrink with its height
MIN_FALL = 1e-6  # of a ray, per depth; a flatter one never meets the ground
CROSSING_STEPS = 3  # a row of the image is nearly perpendicular to the lane, so each step gains at least one digit


class PinholeCamera:
    """The projection of one CameraGeometry over a flat ground, in both directions. Pixels are those of the original
    image, with lens distortion."""

    def __init__(self, geometry: CameraGeometry) -> None:
        self.geometry = geometry
        self.nearest_m = NEAREST_M * _low_ratio(geometry)
        self.lens = Lens(geometry.k1, geometry.k2, geometry.p1, geometry.p2, geometry.k3)
        self._lens = self.lens if self.lens.has_distortion else None
        self.axes = _axes(geometry)  # right, down, forward, in the ego frame
        self._camera_from_ego = np.array(self.axes)
        self._position_m = np.array([geometry.x_m, geometry.y_m, geometry.height_m])

    @property
    def horizon_row_px(self) -> float:
        """Row of the horizon in the middle column."""
        yaw_rad = self.geometry.yaw_rad
        return self._pixel_of(*_in_axes(self.axes, math.cos(yaw_rad), math.sin(yaw_rad), 0.0))[1]

    @property
    def vanishing_point_px(self) -> tuple[float, float]:
        """(u, v) where lines parallel to the car's x axis meet."""
        return self._pixel_of(*_in_axes(self.axes, 1.0, 0.0, 0.0))

    @property
    def image_from_ground_matrix(self) -> np.ndarray:
        """(3, 3) homography, without distortion: (x, y, 1) on the ground, ego frame -> (u w, v w, w), w depth in m."""
        return self.image_from_ego_matrix[:, [0, 1, 3]]

    @property
    def image_from_ego_matrix(self) -> np.ndarray:
        """(3, 4) projection, without distortion: (x, y, z, 1) in the ego frame -> (u w, v w, w), w depth in m."""
        g = self.geometry
        intrinsics = np.array([[g.focal_px, 0.0, g.cx_px], [0.0, g.focal_px, g.cy_px], [0.0, 0.0, 1.0]])
        rotation = self._camera_from_ego
        return intrinsics @ np.column_stack([rotation, -rotation @ self._position_m])

    def image_from_ego(self, points_m: np.ndarray) -> np.ndarray:
        """(N, 3) ego points -> (N, 2) pixels; NaN for points less than 0.1 m in front of the camera."""
        in_camera = (np.asarray(points_m, float) - self._position_m) @ self._camera_from_ego.T
        depth = in_camera[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = in_camera[:, :2] / depth[:, None]
        if self._lens is not None:
            pixels = self._lens.distort(pixels)
        pixels *= self.geometry.focal_px
        pixels += (self.geometry.cx_px, self.geometry.cy_px)
        pixels[depth < self.nearest_m] = np.nan
        return pixels

    def image_from_ground(self, x_m: np.ndarray, y_m: np.ndarray) -> np.ndarray:
        """Ground points of the ego frame -> (N, 2) pixels."""
        return self.image_from_ego(np.column_stack([x_m, y_m, np.zeros_like(x_m)]))

    def directions(self, pixels: np.ndarray) -> np.ndarray:
        """(N, 2) pixels -> (N, 2) undistorted directions: right and down of the axis, per depth."""
        g = self.geometry
        seen = (np.asarray(pixels, float) - (g.cx_px, g.cy_px)) / g.focal_px
        return seen if self._lens is None else self._lens.undistort(seen)

    def ground_from_image(self, pixels: np.ndarray) -> np.ndarray:
        """(N, 2) pixels -> (N, 2) ground points of the ego frame; NaN at and above the horizon."""
        g = self.geometry
        in_ego = np.column_stack([self.directions(pixels), np.ones(len(pixels))]) @ self._camera_from_ego
        with np.errstate(divide="ignore", invalid="ignore"):
            ground = self._position_m[:2] - in_ego[:, :2] * (g.height_m / in_ego[:, 2])[:, None]
        ground[in_ego[:, 2] >= -MIN_FALL] = np.nan
        return ground

    def pixel_of_ground(self, x_m: float, y_m: float) -> tuple[float, float] | None:
        """One ground point of the ego frame -> its pixel; None unless it is `nearest_m` ahead of the camera."""
        g = self.geometry
        right, down, depth = _in_axes(self.axes, x_m - g.x_m, y_m - g.y_m, -g.height_m)
        if not depth >= self.nearest_m:
            return None
        u, v = self._pixel_of(right, down, depth)
        return (u, v) if math.isfinite(u) and math.isfinite(v) else None

    def ground_of_pixel(self, u: float, v: float) -> tuple[float, float]:
        """One pixel -> its ground point of the ego frame; NaN at and above the horizon."""
        g = self.geometry
        right, down = (u - g.cx_px) / g.focal_px, (v - g.cy_px) / g.focal_px
        if self._lens is not None:
            right, down = self._lens.undistort(np.array([[right, down]]))[0].tolist()
        x, y, z = (
            of_right * right + of_down * down + ahead for of_right, of_down, ahead in zip(*self.axes, strict=True)
        )
        if not z < -MIN_FALL:
            return math.nan, math.nan
        return g.x_m - x * (g.height_m / z), g.y_m - y * (g.height_m / z)

    def _pixel_of(self, right: float, down: float, forward: float) -> tuple[float, float]:
        """Pixel of a direction in camera axes."""
        right, down = right / forward, down / forward
        if self._lens is not None:
            right, down = self._lens.distort(np.array([[right, down]]))[0].tolist()
        g = self.geometry
        return g.cx_px + g.focal_px * right, g.cy_px + g.focal_px * down


def line_lateral_m(line: LaneLine, x_m: np.ndarray | float) -> np.ndarray | float:
    """y of a lane line at x, metres, left positive."""
    return line.c0 + x_m * (line.c1 + x_m * (line.c2 / 2 + x_m * line.c3 / 6))


@lru_cache(maxsize=4)
def _camera_over(geometry: CameraGeometry, height_px: int) -> tuple[PinholeCamera, tuple[Point, Point]]:
    """The camera, and two ground points (x, y) on the last row of its image; cached: all lines use the same."""
    camera, last_px = PinholeCamera(geometry), height_px - 1.0
    return camera, (camera.ground_of_pixel(0.0, last_px), camera.ground_of_pixel(2 * geometry.cx_px, last_px))


def line_pixels(line: LaneLine, geometry: CameraGeometry, height_px: int, points: int = 40) -> np.ndarray:
    """(N, 2) pixels of a lane line from where it enters the image to the end of its seen part."""
    camera, last_row_m = _camera_over(geometry, height_px)
    near_m, far_m = _visible_range_m(line, geometry, last_row_m)
    # Even steps in 1/x are even steps in image rows.
    x_m = geometry.x_m + 1 / np.linspace(1 / near_m, 1 / far_m, points)
    pixels = camera.image_from_ground(x_m, np.asarray(line_lateral_m(line, x_m)))
    return pixels[np.isfinite(pixels).all(axis=1)]


def _visible_range_m(line: LaneLine, geometry: CameraGeometry, last_row_m: tuple[Point, Point]) -> tuple[float, float]:
    """Distances ahead of the camera at which a line enters the image and at which its seen part ends."""
    ratio = _low_ratio(geometry)
    near_m = max(LINE_FROM_M * ratio, _crossing_m(line, last_row_m) - geometry.x_m)
    return near_m, max(LINE_TO_M * ratio, line.x_max_m - geometry.x_m)


def _low_ratio(geometry: CameraGeometry) -> float:
    """1, or less for the low camera of a model car."""
    return min(1.0, geometry.height_m / LOW_CAMERA_M)


def _crossing_m(line: LaneLine, ends_m: tuple[Point, Point]) -> float:
    """x at which a lane line crosses the straight line through two ground points (x, y) side by side; the start of its
    seen part if there is no crossing."""
    (x, y), (to_x, to_y) = ends_m
    slant = (to_x - x) / (to_y - y) if to_y != y else math.nan
    crossing = x
    for _ in range(CROSSING_STEPS):
        crossing = x + slant * (float(line_lateral_m(line, crossing)) - y)
    return crossing if math.isfinite(crossing) else line.x_min_m


def lane_message(line: LaneLine, geometry: CameraGeometry, height_px: int) -> LaneMessage | None:
    """The two-point form of a lane line: its lowest and its highest pixel; None if it is outside the view."""
    camera, last_row_m = _camera_over(geometry, height_px)
    near_m, far_m = (geometry.x_m + ahead_m for ahead_m in _visible_range_m(line, geometry, last_row_m))
    lowest = camera.pixel_of_ground(near_m, float(line_lateral_m(line, near_m)))
    highest = camera.pixel_of_ground(far_m, float(line_lateral_m(line, far_m)))
    return None if lowest is None or highest is None else LaneMessage(*lowest, *highest, line.confidence)


def _in_axes(axes: Axes, x: float, y: float, z: float) -> tuple[float, float, float]:
    """Components of an ego-frame direction along the three axes."""
    right, down, forward = axes
    return (
        right[0] * x + right[1] * y + right[2] * z,
        down[0] * x + down[1] * y + down[2] * z,
        forward[0] * x + forward[1] * y + forward[2] * z,
    )


def _axes(g: CameraGeometry) -> Axes:
    """The camera's axes (right, down, forward) in the ego frame (forward, left, up)."""
    cy, sy = math.cos(g.yaw_rad), math.sin(g.yaw_rad)
    cp, sp = math.cos(g.pitch_rad), math.sin(g.pitch_rad)
    cr, sr = math.cos(g.roll_rad), math.sin(g.roll_rad)
    # The rotation yaw @ pitch @ roll, multiplied out. ISO 8855: positive pitch lowers the nose, positive roll the right
    # side.
    forward = cy * cp, sy * cp, -sp
    right = sy * cr - cy * sp * sr, -sy * sp * sr - cy * cr, -cp * sr
    down = -cy * sp * cr - sy * sr, cy * sr - sy * sp * cr, -cp * cr
    return right, down, forward
