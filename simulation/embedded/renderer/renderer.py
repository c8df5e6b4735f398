"""Draws the camera image of a car on a flat road.

From back to front: grass, verges, pavement with its wheel tracks, painted lines with exact coverage per pixel, grain
that lies on the ground, haze towards the horizon, the panorama above it, trees and posts, sensor noise.
"""

import math

import cv2
import numpy as np

from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import CameraGeometry
from simulation.embedded.renderer.ground import BANDS_M, Ground
from simulation.embedded.renderer.raster import FULL, Rasteriser
from simulation.embedded.renderer.roadside import RoadsidePainter, plant_roadside
from simulation.embedded.renderer.scene import RIBBON_STEPS, build_scene
from simulation.embedded.renderer.sky import HAZE, Sky
from simulation.opendrive.road_map import RoadMap

VIEW_M = 240.0
NEAR_M = 0.3  # depth; what begins nearer is not drawn
LOCAL_M = 60.0  # the part of the map that is drawn is chosen anew after this way
RIBBON_COLOURS = (142, 138, 122), (104, 105, 108), (99, 100, 103)  # verges, pavements, wheel tracks
RIBBON_VIEWS_M = VIEW_M, VIEW_M, 70.0
WHITE, YELLOW = (232, 233, 230), (226, 178, 54)
HAZE_M = 420.0  # distance at which 63 % of the ground is haze
NOISE = 7  # sensor noise: uniform, peak to peak, grey values
SHIFT = 4  # fractional bits of polygon corners


class Renderer:
    """One camera over one map. Pixels depend on the seed, the pose and the frame id only."""

    def __init__(self, road_map: RoadMap, geometry: CameraGeometry, width_px: int, height_px: int, seed: int) -> None:
        self._shape = (height_px, width_px, 3)
        self._seed = seed
        self._scene = build_scene(road_map)
        camera = PinholeCamera(geometry)
        self._image_from_ego = camera.image_from_ground_matrix
        rays = _rays(np.linalg.inv(self._image_from_ego), geometry.height_m, width_px, height_px, geometry)
        self._sky = Sky(seed, geometry, rays)
        is_ground = rays[..., 2] < 0
        ground_rows = np.flatnonzero(is_ground.any(axis=1))
        self._first_row = int(ground_rows[0]) if len(ground_rows) else height_px
        horizon = camera.horizon_row_px
        rows = [horizon + geometry.focal_px * geometry.height_m / distance_m for distance_m in BANDS_M]
        self._ground = Ground(seed, width_px, height_px, self._first_row, rows)
        self._raster = Rasteriser(width_px, height_px, self._first_row, horizon)
        roadside = plant_roadside(seed, self._scene.verges)
        self._roadside = RoadsidePainter(seed, roadside, geometry.focal_px)
        self._haze = self._haze_rows(rays, geometry)
        random = np.random.default_rng([seed, 8])
        self._noise = random.integers(0, NOISE + 1, (height_px + 64, width_px + 64, 3), dtype=np.uint8)
        self._local_centre: tuple[float, float] | None = None

    def render_into(self, image: np.ndarray, x_m: float, y_m: float, yaw_rad: float, frame_id: int) -> None:
        """Fill a C-contiguous (H, W, 3) uint8 RGB array with the view from a pose of the ego origin."""
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(f"expected a uint8 image of shape {self._shape}, found {image.dtype} {image.shape}")
        if not image.flags.c_contiguous:
            raise ValueError("expected a C-contiguous image, found one with gaps between its rows or pixels")
        cos, sin = math.cos(yaw_rad), math.sin(yaw_rad)
        ego_from_map = np.array([[cos, sin, -x_m * cos - y_m * sin], [-sin, cos, x_m * sin - y_m * cos], [0, 0, 1]])
        image_from_map = self._image_from_ego @ ego_from_map
        if self._first_row < self._shape[0]:
            self._choose_local(x_m, y_m)
            self._draw_ground(image, image_from_map)
        self._sky.draw(image, yaw_rad)
        self._roadside.draw(image, image_from_map)
        # The same noise for the same frame, wherever and however often it is drawn.
        dx, dy = np.random.default_rng([self._seed, 9, frame_id]).integers(0, 64, 2)
        height, width, _ = self._shape
        cv2.add(image, self._noise[dy : dy + height, dx : dx + width], image)

    def _draw_ground(self, image: np.ndarray, image_from_map: np.ndarray) -> None:
        map_from_image = np.linalg.inv(image_from_map)
        self._ground.draw_grass(image, map_from_image)
        for ribbons, colour, view_m in zip(self._local_ribbons, RIBBON_COLOURS, RIBBON_VIEWS_M, strict=True):
            self._fill(image, ribbons, image_from_map, colour, view_m)
        for quads, colour in zip(self._local_quads, (WHITE, YELLOW), strict=True):
            self._paint(image, quads, image_from_map, colour)
        self._ground.add_grain(image, map_from_image)
        rows, share, haze = self._haze
        cv2.add(cv2.multiply(image[rows], share, scale=1 / 255), haze, image[rows])

    def _choose_local(self, x_m: float, y_m: float) -> None:
        """Keep only what can come into view before the car has moved by LOCAL_M."""
        centre = self._local_centre
        if centre is not None and math.hypot(x_m - centre[0], y_m - centre[1]) < LOCAL_M:
            return
        self._local_centre = x_m, y_m
        here, reach_m = np.array([x_m, y_m]), VIEW_M + LOCAL_M + 50
        scene = self._scene
        self._local_ribbons = [
            ribbons[np.linalg.norm(ribbons[:, 0, 0] - here, axis=1) < reach_m]
            for ribbons in (scene.verges, scene.pavements, scene.wheel_tracks)
        ]
        self._local_quads = [
            quads[np.linalg.norm(quads[:, 0] - here, axis=1) < reach_m] for quads in (scene.white, scene.yellow)
        ]

    def _fill(
        self, image: np.ndarray, ribbons: np.ndarray, image_from_map: np.ndarray, colour: tuple, view_m: float
    ) -> None:
        """Fill ribbons with one colour. Chunk by chunk: where roads cross, a common outline would have holes."""
        depth = ribbons[:, 0, :: RIBBON_STEPS // 2] @ image_from_map[2, :2] + image_from_map[2, 2]
        ribbons = ribbons[np.any((depth > 0) & (depth < view_m), axis=1)]
        pixels = _projected(ribbons.reshape(-1, 2), image_from_map).reshape(ribbons.shape)
        seen = np.isfinite(pixels[:, 0, :, 0]) & np.isfinite(pixels[:, 1, :, 0])
        corners = np.rint(np.clip(np.nan_to_num(pixels), -8e3, 8e3) * (1 << SHIFT)).astype(np.int32)
        for chunk in np.flatnonzero(seen.sum(axis=1) >= 2):
            left, right = corners[chunk][:, seen[chunk]]
            cv2.fillPoly(image, [np.concatenate([left, right[::-1]])], colour, cv2.LINE_AA, SHIFT)

    def _paint(self, image: np.ndarray, quads: np.ndarray, image_from_map: np.ndarray, colour: tuple) -> None:
        depth = quads[:, 0] @ image_from_map[2, :2] + image_from_map[2, 2]
        quads = quads[(depth > 0) & (depth < VIEW_M)]
        if len(quads) == 0:
            return
        pixels = _projected(quads.reshape(-1, 2), image_from_map).reshape(-1, 4, 2)
        pixels = pixels[np.isfinite(pixels).all(axis=(1, 2))]
        index, coverage = self._raster.cover(pixels)
        flat = image[self._first_row :].reshape(-1, 3)
        before = np.take(flat, index, axis=0).astype(np.float32)
        share = (coverage.astype(np.float32) / FULL)[:, None]
        after = before + (np.array(colour, np.float32) - before) * share + 0.5
        flat[index] = after.astype(np.uint8)  # cut off to whole grey values

    def _haze_rows(self, rays: np.ndarray, geometry: CameraGeometry) -> tuple[slice, np.ndarray, np.ndarray]:
        """The rows where haze shows, what it leaves of the ground there (of 255), and what it adds."""
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = geometry.height_m * np.hypot(rays[..., 0], rays[..., 1]) / -rays[..., 2]
        left = np.where(rays[..., 2] < 0, np.exp(-np.abs(distance) / HAZE_M), 0.0)[self._first_row :]
        last = int(np.flatnonzero((left < 0.985).any(axis=1))[-1]) + 1 if len(left) else 0
        rows = slice(self._first_row, self._first_row + last)
        left = left[:last, :, None]
        share = np.repeat(np.rint(left * 255), 3, axis=2).astype(np.uint8)
        return rows, share, np.rint((1 - left) * np.array(HAZE)).astype(np.uint8)


def _projected(points_m: np.ndarray, image_from_map: np.ndarray) -> np.ndarray:
    """(N, 2) map points -> (N, 2) pixels; NaN behind the near plane and beyond the view."""
    homogeneous = points_m @ image_from_map[:, :2].T + image_from_map[:, 2]
    depth = homogeneous[:, 2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        pixels = homogeneous[:, :2] / depth
    pixels[(depth[:, 0] < NEAR_M) | (depth[:, 0] > VIEW_M)] = np.nan
    return pixels


def _rays(
    ego_from_image: np.ndarray, height_m: float, width_px: int, height_px: int, geometry: CameraGeometry
) -> np.ndarray:
    """(H, W, 3) directions of the pixels in ego axes; forward, left, up."""
    u, v = np.meshgrid(np.arange(width_px, dtype=float), np.arange(height_px, dtype=float))
    ground = np.stack([u, v, np.ones_like(u)], axis=-1) @ ego_from_image.T
    # A ground point (x, y, 1) / w seen along a ray is the camera's foot plus that ray times 1 / w.
    foot = np.array([geometry.x_m, geometry.y_m])
    rays = np.empty_like(ground)
    rays[..., :2] = ground[..., :2] - foot * ground[..., 2:]
    rays[..., 2] = -height_m * ground[..., 2]
    return rays / np.linalg.norm(rays, axis=-1, keepdims=True)
