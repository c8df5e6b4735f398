"""Views: the inputs of one rendered frame, and the projection of its camera."""

import math
from typing import NamedTuple

import msgspec
import numpy as np

from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import CameraGeometry, Pose


class Vehicle(NamedTuple):
    """Another vehicle: the ground point below its middle, its axes in the map, and its model."""

    origin_m: np.ndarray  # (3,)
    axes: np.ndarray  # (3, 3) rows: ahead, left, up
    kind: int
    colour: int
    is_braking: bool


class View(NamedTuple):
    """Everything that varies between frames."""

    pose: Pose  # of the ego origin on the road's surface
    frame_id: int
    time_s: float
    body_pitch_rad: float = 0.0  # of the body on its springs, relative to the road; positive lowers the nose
    body_roll_rad: float = 0.0  # positive lowers the right side
    vehicles: tuple[Vehicle, ...] = ()

    def relative_to(self, origin_m: np.ndarray, length: float) -> "View":
        """This view relative to a point (x, y, 0) of the map, divided by the `length` of the map's scale."""
        x_m, y_m, _ = origin_m.tolist()
        pose = msgspec.structs.replace(
            self.pose,
            x_m=(self.pose.x_m - x_m) / length,
            y_m=(self.pose.y_m - y_m) / length,
            z_m=self.pose.z_m / length,
        )
        vehicles = tuple(vehicle._replace(origin_m=(vehicle.origin_m - origin_m) / length) for vehicle in self.vehicles)
        return self._replace(pose=pose, vehicles=vehicles)


class MapCamera:
    """Projection of a camera geometry at a pose in the map, in both directions."""

    def __init__(self, geometry: CameraGeometry) -> None:
        self._image_from_ego = PinholeCamera(geometry).image_from_ego_matrix
        self._ego_from_pixel = np.linalg.inv(self._image_from_ego[:, :3])
        self._mount_m = np.array([geometry.x_m, geometry.y_m, geometry.height_m])

    def move_to(self, view: View) -> "MapCamera":
        """Set the pose from a view; returns self."""
        pose = view.pose
        map_from_ego = rotation(pose.yaw_rad, pose.pitch_rad, pose.roll_rad)
        map_from_ego = map_from_ego @ rotation(0.0, view.body_pitch_rad, view.body_roll_rad)
        origin = np.array([pose.x_m, pose.y_m, pose.z_m])
        turned = self._image_from_ego[:, :3] @ map_from_ego.T
        self.image_from_map = np.column_stack([turned, self._image_from_ego[:, 3] - turned @ origin])
        self.map_from_pixel = map_from_ego @ self._ego_from_pixel
        self.centre_m = origin + map_from_ego @ self._mount_m
        return self

    def ego_rays(self, width_px: int, height_px: int) -> np.ndarray:
        """(H, W, 3) rays of the pixels in ego axes, per metre of depth."""
        u, v = np.meshgrid(np.arange(width_px, dtype=float), np.arange(height_px, dtype=float))
        return np.stack([u, v, np.ones_like(u)], axis=-1) @ self._ego_from_pixel.T

    def packed(self) -> np.ndarray:
        """(24,) float64 in the kernel's layout: projection, rays of the pixels, centre."""
        return np.concatenate([self.image_from_map.ravel(), self.map_from_pixel.ravel(), self.centre_m])

    def project(self, points_m: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 3) map points -> (N, 2) pixels and (N,) depths; pixels are valid only where the depth is positive."""
        homogeneous = points_m @ self.image_from_map[:, :3].T + self.image_from_map[:, 3]
        depth = homogeneous[:, 2]
        return homogeneous[:, :2] / np.where(np.abs(depth) < 1e-6, 1e-6, depth)[:, None], depth


def rotation(yaw_rad: float, pitch_rad: float, roll_rad: float) -> np.ndarray:
    """(3, 3) rotation from ego to map axes, ISO 8855: positive pitch lowers the nose, positive roll the right side."""
    cy, sy = math.cos(yaw_rad), math.sin(yaw_rad)
    cp, sp = math.cos(pitch_rad), math.sin(pitch_rad)
    cr, sr = math.cos(roll_rad), math.sin(roll_rad)
    return np.array(
        [
            [cy * cp, cy * sp * sr - sy * cr, cy * sp * cr + sy * sr],
            [sy * cp, sy * sp * sr + cy * cr, sy * sp * cr - cy * sr],
            [-sp, cp * sr, cp * cr],
        ]
    )
