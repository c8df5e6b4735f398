"""Draws the camera image of a car on a road with hills and banks, under a named condition.

In stages: depth of the ground, exact coverage of its layers (verge, pavement, wheel tracks, stains, paint) per pixel,
their colours with grain, wear, water, shadow, light and haze in one pass, the sky above, trees, posts, vehicles and
rain, and last the lens and the sensor. The pixel loops are a C kernel (`_draw.h`).
"""

import math
from collections.abc import Callable

import numpy as np

from lkas.integration.shared_memory.messages import CameraGeometry
from simulation.conditions import CONDITIONS, Condition
from simulation.embedded.renderer import _draw
from simulation.embedded.renderer.canvas import Canvas
from simulation.embedded.renderer.lens import Lens
from simulation.embedded.renderer.look import beam_of, look_of
from simulation.embedded.renderer.rain import draw_streaks
from simulation.embedded.renderer.roadside import RoadsidePainter, plant_roadside
from simulation.embedded.renderer.scene import build_scene
from simulation.embedded.renderer.sky import panorama
from simulation.embedded.renderer.textures import surfaces
from simulation.embedded.renderer.vehicles import VehiclePainter
from simulation.embedded.renderer.view import MapCamera, View
from simulation.opendrive.road_map import RoadMap

VIEW_M = 240.0
LAND_M = 300.0  # how far land is drawn that is not level
PLANE_M = 20e3  # the same for level land: to the horizon
LOCAL_M = 60.0  # the part of the map that is drawn is chosen anew after this way
LAYER_VIEWS_M = VIEW_M, VIEW_M, 70.0, 120.0, VIEW_M, VIEW_M
ROAD_BIAS = 0.85  # a road wins over land that is up to 15 % nearer: land follows it only roughly
PITCH_MARGIN = 0.25  # tangent; how much farther up a hill lets the camera look


class Renderer:
    """One camera over one map. Pixels depend on the seed, the condition and the view only."""

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
        """`start_rad`: heading of the road where the car starts; a low sun stands there."""
        self._shape = (height_px, width_px, 3)
        self._seed, self._condition = seed, condition
        self._scene = build_scene(road_map, condition, seed)
        self._canvas = Canvas(width_px, height_px, geometry.focal_px)
        self._camera = MapCamera(geometry)
        rays = self._camera.ego_rays(width_px, height_px)
        upwards = rays[..., 2] / np.maximum(np.hypot(rays[..., 0], rays[..., 1]), 1e-6)
        self._panorama = panorama(seed, geometry.focal_px, float(upwards.max()) + PITCH_MARGIN, condition)
        self._surfaces = surfaces(seed)
        self._look = np.array(look_of(condition), np.float32)
        self._beam = beam_of(rays)
        roadside = plant_roadside(seed, self._scene.chunks, self._scene.terrain)
        self._roadside = RoadsidePainter(seed, roadside, geometry.focal_px, condition)
        self._vehicles = VehiclePainter(condition)
        self._lens = Lens(geometry, width_px, height_px, seed, condition, start_rad)
        self._local_centre: tuple[float, float] | None = None
        self.stages: tuple[tuple[str, Callable[[View], None]], ...] = (
            ("depth", self._enter_depth),
            ("layers", self._cover_layers),
            ("ground", self._shade_ground),
            ("sky", self._draw_sky),
            ("trees", self._draw_roadside),
            ("traffic", self._draw_vehicles),
            ("rain", self._draw_rain),
            ("lens", self._expose),
        )

    def render_into(self, image: np.ndarray, view: View) -> None:
        """Fill a C-contiguous (H, W, 3) uint8 RGB array."""
        self.begin(image, view)
        for _, draw in self.stages:
            draw(view)

    def begin(self, image: np.ndarray, view: View) -> None:
        """Get ready to draw a view by calling each of `stages` in turn."""
        if image.shape != self._shape or image.dtype != np.uint8:
            raise ValueError(f"expected a uint8 image of shape {self._shape}, found {image.dtype} {image.shape}")
        if not image.flags.c_contiguous:
            raise ValueError("expected a C-contiguous image, found one with gaps between its rows or pixels")
        self._canvas.begin(image, self._camera.look(view).packed())
        self._choose_local(view.pose.x_m, view.pose.y_m)

    def _enter_depth(self, view: View) -> None:
        canvas = self._canvas
        if self._scene.terrain.is_level:
            canvas.enter_plane(self._scene.terrain.level_m, PLANE_M)
            return
        canvas.depth.fill(0.0)
        canvas.enter_quads(self._local_land, 1.0)
        # The farthest first: within the bias, a nearer piece of road is to win over a farther one.
        road = self._local_road
        order = np.argsort(-np.hypot(road[:, 0, 0] - view.pose.x_m, road[:, 0, 1] - view.pose.y_m))
        canvas.enter_quads(road[order], ROAD_BIAS)

    def _cover_layers(self, view: View) -> None:
        for index, (quads, view_m) in enumerate(zip(self._local_layers, LAYER_VIEWS_M, strict=True)):
            self._canvas.cover_layer(index, quads, view_m)

    def _shade_ground(self, view: View) -> None:
        canvas = self._canvas
        _draw.ground(
            canvas.image,
            canvas.depth,
            canvas.camera,
            canvas.cover,
            canvas.spans,
            self._surfaces,
            self._beam,
            self._look,
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

    def _choose_local(self, x_m: float, y_m: float) -> None:
        """Keep only what can come into view before the car has moved by LOCAL_M."""
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
