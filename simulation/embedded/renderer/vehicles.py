"""Other vehicles: lit from above, with lamps, their shadow and what they hide."""

import math

import numpy as np

from simulation.embedded.conditions import Condition
from simulation.embedded.renderer.canvas import NEAR_M, Canvas
from simulation.embedded.renderer.vehicle_models import HEAD, TAIL, Model, model
from simulation.embedded.renderer.view import MapCamera, Vehicle

VIEW_M = 200.0
DETAILS_M = 90.0  # beyond, what lies on other faces is smaller than a pixel
PAINTS = ((176, 178, 182), (46, 50, 58), (150, 34, 32), (38, 70, 128), (226, 226, 222), (92, 96, 92))
BRAKE, SHADOW = (255, 46, 30), (12, 13, 15)
SUN = np.array([0.35, 0.5, 0.79])  # direction of the light, in the map
SHADOW_DARKNESS = 0.55
GLOW = ((0.22, 1.0), (0.5, 0.4), (1.1, 0.16))  # around a lamp: radius in m, share of its strength
CIRCLE = np.column_stack([np.cos(np.arange(10) * math.pi / 5), np.sin(np.arange(10) * math.pi / 5)])


class VehiclePainter:
    """Draws vehicles, the farthest first."""

    def __init__(self, condition: Condition) -> None:
        self._light, self._lamps = condition.ambient, condition.lamps
        self._haze, self._haze_m = np.array(condition.haze), condition.haze_m

    def draw(self, canvas: Canvas, camera: MapCamera, vehicles: tuple[Vehicle, ...]) -> None:
        ahead = camera.image_from_map[2]
        depths = [float(ahead[:3] @ vehicle.origin_m + ahead[3]) for vehicle in vehicles]
        for depth_m, vehicle in sorted(zip(depths, vehicles, strict=True), key=lambda pair: -pair[0]):
            if -3 < depth_m < VIEW_M:
                self._draw_one(canvas, camera, vehicle, max(depth_m, 1.0))

    def _draw_one(self, canvas: Canvas, camera: MapCamera, vehicle: Vehicle, depth_m: float) -> None:
        shape = model(vehicle.kind)
        pixels, depths = camera.project(shape.corners @ vehicle.axes + vehicle.origin_m)
        nearness = 1 / max(float(depths.min()), NEAR_M)  # of its nearest corner: the road before it hides nothing of it
        clear = math.exp(-depth_m / self._haze_m)
        self._fill_shadow(canvas, camera, shape.shadow @ vehicle.axes + vehicle.origin_m, nearness, clear)
        seen = _seen_from(shape, vehicle.axes @ (camera.centre_m - vehicle.origin_m), depth_m)
        if depths.min() < NEAR_M:
            seen = np.array([face for face in seen.tolist() if depths[shape.faces[face]].min() >= NEAR_M], np.intp)
        if len(seen) == 0:
            return
        corners = pixels[np.concatenate([shape.faces[face] for face in seen.tolist()])]
        counts = np.array([len(shape.faces[face]) for face in seen.tolist()], np.int32)
        colours = self._colours(shape, vehicle, seen, depth_m)
        colours = colours * clear + self._haze * (1 - clear)
        canvas.polygons(corners, nearness, counts, colours)
        if self._is_dark or vehicle.is_braking:
            self._glow(canvas, shape, seen, pixels, depths, clear)

    @property
    def _is_dark(self) -> bool:
        return self._light < 0.5

    def _colours(self, shape: Model, vehicle: Vehicle, faces: np.ndarray, depth_m: float) -> np.ndarray:
        """(N, 3) of some faces, before haze: daylight from above, and own headlights; lamps shine by themselves."""
        lit = self._light + self._lamps * 0.8 / (1 + (depth_m / 26) ** 2)
        shade = 0.62 + 0.38 * np.maximum(0.0, shape.normals[faces] @ (vehicle.axes @ SUN))
        colours = np.where(shape.is_painted[faces, None], np.array(PAINTS[vehicle.colour], float), shape.colours[faces])
        colours = colours * (shade * lit)[:, None]
        colours[shape.is_tail[faces]] = BRAKE if vehicle.is_braking or self._is_dark else TAIL
        colours[shape.is_head[faces]] = HEAD
        return colours

    def _glow(
        self, canvas: Canvas, shape: Model, seen: np.ndarray, pixels: np.ndarray, depths: np.ndarray, clear: float
    ) -> None:
        """Light around the lamps: all at night, brake lights by day."""
        for face in seen[shape.is_tail[seen] | (shape.is_head[seen] & self._is_dark)].tolist():
            at, depth_m = pixels[shape.faces[face]].mean(axis=0), float(depths[shape.faces[face]].mean())
            strength = (0.5 if shape.is_head[face] else 0.16) * (1.0 if self._is_dark else 0.35) * clear
            colour = HEAD if shape.is_head[face] else BRAKE
            for radius_m, share in GLOW:
                corners = at + CIRCLE * (radius_m * canvas.focal_px / depth_m)
                canvas.polygon(corners.tolist(), 1 / depth_m, colour, strength * share, is_light=True)

    @staticmethod
    def _fill_shadow(canvas: Canvas, camera: MapCamera, points: np.ndarray, nearness: float, clear: float) -> None:
        pixels, depths = camera.project(points)
        if depths.min() >= NEAR_M:
            canvas.polygon(pixels.tolist(), nearness, SHADOW, SHADOW_DARKNESS * clear)


def _seen_from(shape: Model, eye: np.ndarray, depth_m: float) -> np.ndarray:
    """The faces turned towards the eye: the farthest first, then what lies on them."""
    is_seen = np.einsum("ij,ij->i", shape.normals, eye - shape.first) > 0
    if depth_m > DETAILS_M:
        is_seen &= ~shape.is_detail | shape.is_tail | shape.is_head
    faces = np.flatnonzero(is_seen)
    away = np.linalg.norm(shape.middle[faces] - eye, axis=1)
    return faces[np.lexsort((-away, shape.is_detail[faces]))]
