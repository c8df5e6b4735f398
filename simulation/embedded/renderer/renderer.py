"""Renders the camera image of a car on a road with hills and banks, under a named condition.

Stages: depth of the ground; coverage of each pixel by the ground layers (verge, pavement, wheel tracks, stains, paint);
their colours with grain, wear, water, shadow, light and haze; sky; trees and posts; vehicles; rain; lens and sensor.
The pixel loops are a C kernel (`_draw.h`).
"""

import math
from collections.abc import Callable

import numpy as np

from lkas.integration.shared_memory.messages import CameraGeometry
from lkas.scale import at_full_size
from simulation.conditions import CONDITIONS, Condition
from simulation.embedded.renderer import _draw
from simulation.embedded.renderer.canvas import Canvas
from simulation.embedded.renderer.ground_appearance import appearance_of, headlight_beam
from simulation.embedded.renderer.lens import Lens
from simulation.embedded.renderer.rain import draw_streaks
from simulation.embedded.renderer.roadside import RoadsidePainter, plant_roadside
from simulation.embedded.renderer.scene import build_scene
from simulation.embedded.renderer.sky import panorama
from simulation.embedded.renderer.textures import surfaces
from simulation.embedded.renderer.vehicles import VehiclePainter
from simulation.embedded.renderer.view import MapCamera, View
from simulation.opendrive.road_map import RoadMap

VIEW_M = 240.0
LAND_M = 300.0  # visibility range of land that is not level
PLANE_M = 20e3  # visibility range of level land: to the horizon
LOCAL_M = 60.0  # distance travelled after which the local part of the map is selected again
LAYER_VIEWS_M = VIEW_M, VIEW_M, 70.0, 120.0, VIEW_M, VIEW_M
ROAD_BIAS = 0.85  # roads replace land that is up to 15 % nearer: land follows roads only roughly
PITCH_MARGIN = 0.25  # tangent; additional elevation that comes into view on a hill


class Renderer:
    """One camera in one map. Pixels depend only on the seed, the condition and the view."""

    def __init__(
        self,
        road_map: RoadMap,
        geometry: CameraGeometry,
        width_px: int,
        height_px: int,
        seed: int,
        condition: Condition = CONDITIONS["clear"],
        start_rad: float = 0.0,
    ) -> None:
        """`start_rad`: heading of the road where the car starts, which gives the direction of a low sun."""
        self._shape = (height_px, width_px, 3)
        self._seed, self._condition = seed, condition
        self._length = road_map.scale.length
        geometry = at_full_size(geometry, road_map.scale)
        self._scene = build_scene(road_map, condition, seed)
        self._canvas = Canvas(width_px, height_px, geometry.focal_px)
        self._camera = MapCamera(geometry)
        rays = self._camera.ego_rays(width_px, height_px)
        upwards = rays[..., 2] / np.maximum(np.hypot(rays[..., 0], rays[..., 1]), 1e-6)
        self._panorama = panorama(seed, geometry.focal_px, float(upwards.max()) + PITCH_MARGIN, condition)
        self._surfaces = surfaces(seed)
        self._appearance = np.array(appearance_of(condition), np.float32)
        self._beam = headlight_beam(rays)
        roadside = plant_roadside(seed, self._scene.verge_edges, self._scene.terrain)
        self._roadside = RoadsidePainter(seed, roadside, geometry.focal_px, condition)
        self._vehicles = VehiclePainter(condition)
        self._lens = Lens(geometry, width_px, height_px, seed, condition, start_rad)
        self._local_centre: tuple[float, float] | None = None
        self.stages: tuple[tuple[str, Callable[[View], None]], ...] = (
            ("depth", self._draw_depth),
            ("layers", self._rasterize_layers),
            ("ground", self._shade_ground),
            ("sky", self._draw_sky),
            ("trees", self._draw_roadside),
            ("traffic", self._draw_vehicles),
            ("rain", self._draw_rain),
            ("lens", self._expose),
        )

    def render_into(self, image: np.ndarray, view: View) -> None:
        """Fill a C-contiguous (H, W, 3) uint8 RGB array."""
        view = self.start_frame(image, view)
        for _, draw in self.stages:
            draw(view)

    def start_frame(self, image: np.ndarray, view: View) -> View:
        """Prepare a view; the caller then calls each of `stages` in order with the view that is returned."""
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(f"expected a uint8 image of shape {self._shape}, found {image.dtype} {image.shape}")
        if not image.flags.c_contiguous:
            raise ValueError("expected a C-contiguous image, found gaps between its rows or pixels")
        view = view.relative_to(self._scene.origin_m, self._length)
        self._canvas.start_frame(image, self._camera.move_to(view).packed())
        self._select_local_geometry(view.pose.x_m, view.pose.y_m)
        return view

    def _draw_depth(self, view: View) -> None:
        canvas = self._canvas
        if self._scene.terrain.is_level:
            canvas.draw_plane_depth(self._scene.terrain.level_m, PLANE_M)
            return
        canvas.depth.fill(0.0)
        canvas.draw_quad_depths(self._local_land, 1.0)
        # From far to near: within the bias, nearer pieces of road replace farther ones.
        road = self._local_road
        order = np.argsort(-np.hypot(road[:, 0, 0] - view.pose.x_m, road[:, 0, 1] - view.pose.y_m))
        canvas.draw_quad_depths(road[order], ROAD_BIAS)

    def _rasterize_layers(self, view: View) -> None:
        for index, (quads, view_m) in enumerate(zip(self._local_layers, LAYER_VIEWS_M, strict=True)):
            self._canvas.rasterize_layer(index, quads, view_m)

    def _shade_ground(self, view: View) -> None:
        canvas = self._canvas
        _draw.ground(
            canvas.image,
            canvas.depth,
            canvas.camera,
            canvas.coverage,
            canvas.spans,
            self._surfaces,
            self._beam,
            self._appearance,
        )

    def _draw_sky(self, view: View) -> None:
        _draw.panorama(self._canvas.image, self._canvas.depth, self._canvas.camera, *self._panorama)

    def _draw_roadside(self, view: View) -> None:
        self._roadside.draw(self._canvas, self._camera)
        self._canvas.flush()

    def _draw_vehicles(self, view: View) -> None:
        self._vehicles.draw(self._canvas, self._camera, view.vehicles)
        self._canvas.flush()

    def _draw_rain(self, view: View) -> None:
        if self._condition.rain > 0:
            draw_streaks(self._canvas, self._seed, view.frame_id, self._condition.rain, self._condition.ambient)

    def _expose(self, view: View) -> None:
        self._lens.expose(self._canvas.image, self._camera, view)

    def _select_local_geometry(self, x_m: float, y_m: float) -> None:
        """Select the geometry that can come into view before the car has moved by LOCAL_M."""
        centre = self._local_centre
        if centre is not None and math.hypot(x_m - centre[0], y_m - centre[1]) < LOCAL_M:
            return
        self._local_centre = x_m, y_m
        scene = self._scene
        self._local_layers = [
            _within(quads, x_m, y_m, view_m + LOCAL_M + 20)
            for quads, view_m in zip(scene.layers, LAYER_VIEWS_M, strict=True)
        ]
        self._local_land = scene.terrain.quads_around(x_m, y_m, LAND_M + LOCAL_M)
        skirts = _within(scene.terrain.skirts, x_m, y_m, VIEW_M + LOCAL_M)
        self._roadside.keep_near(x_m, y_m, LOCAL_M)
        self._local_road = np.concatenate([self._local_layers[0], skirts])


def _within(quads: np.ndarray, x_m: float, y_m: float, reach_m: float) -> np.ndarray:
    away_m = np.hypot(quads[:, 0, 0] - x_m, quads[:, 0, 1] - y_m)
    return np.ascontiguousarray(quads[away_m < reach_m])
