"""Roads drawn with known truth, with an independent projection: nothing of lkas.frames is used here."""

import math
from dataclasses import dataclass

import numpy as np

ASPHALT, GRASS, SKY = (96, 96, 98), (70, 92, 60), (150, 175, 205)
WHITE, YELLOW = (225, 225, 222), (215, 175, 40)


@dataclass(frozen=True)
class DrawnLine:
    """One line of the road, at `place_m` left of the lane's centre."""

    place_m: float
    width_m: float = 0.15
    dash_m: float | None = None  # painted length; None: solid
    gap_m: float = 9.0
    phase_m: float = 0.0
    colour: tuple[int, int, int] = WHITE


@dataclass(frozen=True)
class DrawnRoad:
    """A road of constant curvature, the car on it, and its camera (pinhole, no roll)."""

    lines: tuple[DrawnLine, ...] = (DrawnLine(1.8), DrawnLine(-1.8))
    curvature_radpm: float = 0.0  # of the lane's centre, positive to the left
    offset_m: float = 0.0  # of the car, left of the centre
    heading_rad: float = 0.0  # of the car, left of the lane
    pitch_rad: float = math.radians(4.0)
    yaw_rad: float = 0.0
    hfov_rad: float = math.radians(70.0)
    height_m: float = 1.4
    camera_x_m: float = 0.6
    width_px: int = 800
    height_px: int = 600
    brightness: float = 1.0
    noise_levels: float = 3.0
    seed: int = 1

    def truth(self, line: DrawnLine) -> tuple[float, float, float]:
        """(c0, c1, c2) of a line in the ego frame."""
        kappa, offset, heading = self.curvature_radpm, self.offset_m, self.heading_rad
        if kappa == 0:
            return (line.place_m - offset) / math.cos(heading), math.tan(-heading), 0.0
        # Circle around the road's centre of curvature, in the car's axes.
        radius, to_centre = 1 / kappa - line.place_m, 1 / kappa - offset
        x_centre, y_centre = to_centre * math.sin(heading), to_centre * math.cos(heading)
        drop = math.copysign(math.sqrt(radius**2 - x_centre**2), kappa)
        return y_centre - drop, -x_centre / drop, radius**2 / drop**3

    def image(self) -> np.ndarray:
        """(H, W, 3) uint8 RGB."""
        focal_px = self.width_px / 2 / math.tan(self.hfov_rad / 2)
        u = (np.arange(self.width_px) - (self.width_px - 1) / 2)[None, :] / focal_px
        v = (np.arange(self.height_px) - (self.height_px - 1) / 2)[:, None] / focal_px
        cos_pitch, sin_pitch = math.cos(self.pitch_rad), math.sin(self.pitch_rad)
        down = v * cos_pitch + sin_pitch
        ahead = cos_pitch - v * sin_pitch
        with np.errstate(divide="ignore"):
            depth = np.where(down > 1e-4, self.height_m / down, np.nan)
        forward, left = depth * ahead, -u * depth
        x = self.camera_x_m + forward * math.cos(self.yaw_rad) - left * math.sin(self.yaw_rad)
        y = forward * math.sin(self.yaw_rad) + left * math.cos(self.yaw_rad)
        along = x * math.cos(self.heading_rad) - y * math.sin(self.heading_rad)
        across = self.offset_m + x * math.sin(self.heading_rad) + y * math.cos(self.heading_rad)
        if self.curvature_radpm:
            radius = 1 / self.curvature_radpm
            across = radius - math.copysign(1.0, radius) * np.hypot(along, radius - across)
        pixel_m = np.hypot(depth, self.height_m) / focal_px
        image = np.empty((self.height_px, self.width_px, 3))
        image[:] = SKY
        on_ground = np.isfinite(depth) & (depth < 200)
        on_ground = np.broadcast_to(on_ground, across.shape)
        image[on_ground] = GRASS
        image[on_ground & (np.abs(across) < 7.5)] = ASPHALT
        for line in self.lines:
            cover = np.clip((line.width_m / 2 - np.abs(across - line.place_m)) / pixel_m + 0.5, 0, 1)
            if line.dash_m is not None:
                cover = cover * ((along + line.phase_m) % (line.dash_m + line.gap_m) < line.dash_m)
            cover = np.where(on_ground, np.nan_to_num(cover), 0.0)[..., None]
            image = image * (1 - cover) + np.array(line.colour) * cover
        image *= self.brightness
        image += np.random.default_rng(self.seed).normal(0, self.noise_levels, image.shape)
        return np.clip(np.rint(image), 0, 255).astype(np.uint8)
