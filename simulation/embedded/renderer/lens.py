"""Lens and sensor effects: rain on the glass, blur, dirt, glare of a low sun, exposure, noise."""

import math

import cv2
import numpy as np

from lkas.integration.shared_memory.messages import CameraGeometry
from simulation.conditions import Condition
from simulation.embedded.renderer import _draw
from simulation.embedded.renderer.noise import periodic_field
from simulation.embedded.renderer.rain import GlassDrops
from simulation.embedded.renderer.view import MapCamera, View

SUN_ELEVATION_RAD = math.radians(5)
SUN_COLOUR = (255, 240, 205)
SUN_SIDE_RAD = 0.12  # maximum azimuth from the road's direction at the start
NOISE_TILE_PX = 64  # range of the random shift of the noise between frames
EXPOSURE_PERIODS_S = (5.3, 13.1)
SUN_EXPOSURE_DROP = 0.35  # reduction of the exposure when the sun shines into the lens


class Lens:
    """Lens and sensor of one camera under one condition."""

    def __init__(
        self, geometry: CameraGeometry, width_px: int, height_px: int, seed: int, condition: Condition, start_rad: float
    ) -> None:
        """`start_rad`: heading of the road where the car starts, which gives the direction of a low sun."""
        random = np.random.default_rng([seed, 8])
        self._seed, self._condition = seed, condition
        shape = (height_px + NOISE_TILE_PX, width_px + NOISE_TILE_PX, 3)
        self._noise = random.integers(0, condition.noise + 1, shape, dtype=np.uint8)
        self._mask = _dirt(random, width_px, height_px, condition.dirt) if condition.dirt > 0 else None
        self._blur = _blur_weight(condition.blur_px) if condition.blur_px > 0 else 0
        self._phases = random.uniform(0, 2 * math.pi, len(EXPOSURE_PERIODS_S))
        self._drops = GlassDrops(random, width_px, height_px, condition.rain) if condition.rain > 0 else None
        azimuth = start_rad + random.uniform(-SUN_SIDE_RAD, SUN_SIDE_RAD)
        self._sun = _direction(azimuth, SUN_ELEVATION_RAD)
        self._focal_px, self._centre_px = geometry.focal_px, (geometry.cx_px, geometry.cy_px)
        self._glow = _glow(width_px, height_px, condition.sun) if condition.sun > 0 else None

    def expose(self, image: np.ndarray, camera: MapCamera, view: View) -> None:
        """Apply all effects to the image in place."""
        condition = self._condition
        if self._drops is not None:
            self._drops.draw(image, view.time_s)
        veil, dazzle = self._veil(camera, image.shape)
        gain = (1 + self._exposure_drift(view.time_s)) * (1 - SUN_EXPOSURE_DROP * condition.sun * dazzle)
        # The noise depends on the frame id only, so that a frame can be drawn again.
        dx, dy = np.random.default_rng([self._seed, 9, view.frame_id]).integers(0, NOISE_TILE_PX, 2)
        height, width, _ = image.shape
        noise = self._noise[dy : dy + height, dx : dx + width]
        _draw.expose(image, self._blur, self._mask, round(256 * gain), veil, noise, condition.noise // 2)

    def _exposure_drift(self, time_s: float) -> float:
        waves = [
            math.sin(2 * math.pi * time_s / period_s + phase)
            for period_s, phase in zip(EXPOSURE_PERIODS_S, self._phases, strict=True)
        ]
        return self._condition.exposure * sum(waves) / len(waves)

    def _veil(self, camera: MapCamera, shape: tuple[int, ...]) -> tuple[np.ndarray | None, float]:
        """The part of the sun's glow that falls into the image, and the strength of the glare (0 to 1)."""
        if self._glow is None:
            return None, 0.0
        height, width, _ = shape
        u_w, v_w, depth = camera.image_from_map[:, :3] @ self._sun
        if depth < 0.2:
            return None, 0.0
        left = round(1.5 * width - u_w / depth)
        top = round(1.5 * height - v_w / depth)
        if not (0 <= left <= 2 * width and 0 <= top <= 2 * height):
            return None, 0.0
        off_px = math.hypot(u_w / depth - self._centre_px[0], v_w / depth - self._centre_px[1])
        return self._glow[top : top + height, left : left + width], math.exp(-((off_px / self._focal_px) ** 2) * 2)


def _blur_weight(blur_px: float) -> int:
    """Weight of each neighbour, of 256, for a Gaussian blur of this standard deviation."""
    beside = math.exp(-1 / (2 * blur_px**2))
    return round(256 * beside / (1 + 2 * beside))


def _direction(azimuth_rad: float, elevation_rad: float) -> np.ndarray:
    cos = math.cos(elevation_rad)
    return np.array([cos * math.cos(azimuth_rad), cos * math.sin(azimuth_rad), math.sin(elevation_rad)])


def _glow(width_px: int, height_px: int, strength: float) -> np.ndarray:
    """(3 H, 3 W, 3) light added by a sun in the middle: disc, bright ring, veil, and reflection on the road."""
    v, u = np.mgrid[0 : 3 * height_px, 0 : 3 * width_px].astype(np.float32)
    du, dv = (u - 1.5 * width_px) / width_px, (v - 1.5 * height_px) / width_px
    away = np.hypot(du, dv)
    glow = 1.3 * np.exp(-((away / 0.022) ** 2)) + 0.55 * np.exp(-away / 0.07) + 0.30 * np.exp(-away / 0.45)
    below = np.clip((dv - 0.05) / 0.05, 0, 1)
    glow += 0.42 * below * np.exp(-((du / (0.035 + 0.10 * np.maximum(dv, 0))) ** 2)) * np.exp(-dv / 0.35)
    light = glow[..., None] * np.array(SUN_COLOUR, np.float32) * strength
    return np.rint(np.clip(light, 0, 255)).astype(np.uint8)


def _dirt(random: np.random.Generator, width_px: int, height_px: int, amount: float) -> np.ndarray:
    """(H, W, 3) transmission of the glass, of 255: smears and specks out of focus."""
    smears = periodic_field(random, 256, 256, 1.6, 2)
    through = 1 - amount * 0.22 * np.clip(cv2.resize(smears, (width_px, height_px)), 0, 1.5)
    for _ in range(round(26 * amount)):
        centre = random.uniform(0, 1, 2) * (width_px, height_px)
        radius_px = random.uniform(0.006, 0.028) * width_px
        v, u = np.ogrid[0:height_px, 0:width_px]
        speck = np.clip((radius_px - np.hypot(u - centre[0], v - centre[1])) / (0.9 * radius_px), 0, 1)
        through = through * (1 - random.uniform(0.1, 0.3) * speck)
    return np.repeat(np.rint(np.clip(through, 0, 1) * 255)[..., None], 3, axis=2).astype(np.uint8)
