"""Draws other vehicles with light, lamps, shadow and occlusion."""

import math

import numpy as np

from simulation.conditions import Condition
from simulation.embedded.renderer.canvas import NEAR_M, Canvas
from simulation.embedded.renderer.vehicle_models import HEAD, HEAD_COLOUR, TAIL, TAIL_COLOUR, model
from simulation.embedded.renderer.view import MapCamera, Vehicle

VIEW_M = 200.0
DETAILS_M = 90.0  # beyond, details are smaller than a pixel
PAINTS = ((176, 178, 182), (46, 50, 58), (150, 34, 32), (38, 70, 128), (226, 226, 222), (92, 96, 92))
BRAKE = (255, 46, 30)
SUN = 0.35, 0.5, 0.79  # direction of the light, in the map
SHADOW_DARKNESS = 0.55
GLOW = ((0.22, 1.0), (0.5, 0.4), (1.1, 0.16))  # around a lamp: radius in m, relative intensity
CIRCLE = np.column_stack([np.cos(np.arange(10) * math.pi / 5), np.sin(np.arange(10) * math.pi / 5)])


class VehiclePainter:
    """Draws vehicles from far to near."""

    def __init__(self, condition: Condition) -> None:
        self._light, self._lamps = condition.ambient, condition.lamps
        self._haze, self._haze_m = condition.haze, condition.haze_m
        self._is_dark = condition.ambient < 0.5

    def draw(self, canvas: Canvas, camera: MapCamera, vehicles: tuple[Vehicle, ...]) -> None:
        ahead = camera.image_from_map[2]
        depths = [float(ahead[:3] @ vehicle.origin_m + ahead[3]) for vehicle in vehicles]
        for depth_m, vehicle in sorted(zip(depths, vehicles, strict=True), key=lambda pair: -pair[0]):
            if -3 < depth_m < VIEW_M:
                self._draw_one(canvas, camera, vehicle, max(depth_m, 1.0))

    def _draw_one(self, canvas: Canvas, camera: MapCamera, vehicle: Vehicle, depth_m: float) -> None:
        clear = math.exp(-depth_m / self._haze_m)
        is_lit = vehicle.is_braking or self._is_dark
        seen = (
            *vehicle.origin_m,
            *vehicle.axes.flat,
            *SUN,
            *PAINTS[vehicle.colour],
            *(BRAKE if is_lit else TAIL_COLOUR),
            *self._haze,
            self._light + self._lamps * 0.8 / (1 + (depth_m / 26) ** 2),
            clear,
            SHADOW_DARKNESS,
            depth_m < DETAILS_M,
        )
        canvas.draw_vehicle(model(vehicle.kind), np.array(seen, np.float32))
        if is_lit:
            self._glow(canvas, camera, vehicle, clear)

    def _glow(self, canvas: Canvas, camera: MapCamera, vehicle: Vehicle, clear: float) -> None:
        """Draw the glow of the lamps: of all at night, of brake lights by day."""
        faces = model(vehicle.kind).faces
        normals, middles, flags = faces[:, :3], faces[:, 3:6], faces[:, 9].astype(int)
        eye = vehicle.axes @ (camera.centre_m - vehicle.origin_m)
        lamps = TAIL | HEAD if self._is_dark else TAIL
        for face in np.flatnonzero((flags & lamps != 0) & (np.einsum("ij,ij->i", normals, eye - middles) > 0)).tolist():
            is_head = bool(flags[face] & HEAD)
            pixels, depths = camera.project((middles[face] @ vehicle.axes + vehicle.origin_m)[None])
            depth_m = float(depths[0])
            if depth_m < NEAR_M:
                continue
            strength = (0.5 if is_head else 0.16) * (1.0 if self._is_dark else 0.35) * clear
            for radius_m, share in GLOW:
                corners = pixels[0] + CIRCLE * (radius_m * canvas.focal_px / depth_m)
                colour = HEAD_COLOUR if is_head else BRAKE
                canvas.add_polygon(corners.tolist(), 1 / depth_m, colour, strength * share, is_additive=True)
