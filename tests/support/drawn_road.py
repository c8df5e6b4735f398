"""A drawn road with known lines: a cheap image sequence for tests that do not need the renderer."""

import math

import cv2
import numpy as np

from lkas.frames import PinholeCamera, line_pixels
from lkas.integration.shared_memory.messages import LaneLine
from lkas.vehicle import CameraConfig

LANE_WIDTH_M = 3.6
LINE_COLOUR = (235, 235, 230)
_GEOMETRY = CameraConfig().geometry()
_CAMERA = PinholeCamera(_GEOMETRY)
_WIDTH_PX, _HEIGHT_PX = 800, 600


class DrawnRoad:
    """A car weaving gently along a gently curved road, as a function of time in seconds."""

    def offset_m(self, t_s: float) -> float:
        """Car relative to the lane centre, left positive."""
        return 0.28 * math.sin(0.55 * t_s)

    def heading_rad(self, t_s: float) -> float:
        """Car relative to the lane, left positive."""
        return 0.010 * math.cos(0.55 * t_s)

    def curvature_radpm(self, t_s: float) -> float:
        return 0.0035 * math.sin(0.23 * t_s)

    def line(self, side: int, t_s: float) -> LaneLine:
        """The left (+1) or right (-1) line in the ego frame."""
        return self._line(side * LANE_WIDTH_M / 2, t_s)

    def line_px(self, side: int, t_s: float) -> np.ndarray:
        """(N, 2) pixels of that line, from the bottom upwards."""
        return line_pixels(self.line(side, t_s), _GEOMETRY, _HEIGHT_PX)

    def draw(self, t_s: float, speed_mps: float) -> np.ndarray:
        """(600, 800, 3) uint8 RGB."""
        image = np.empty((_HEIGHT_PX, _WIDTH_PX, 3), np.uint8)
        horizon = int(_CAMERA.horizon_row_px)
        rows = np.linspace(0, 1, horizon)[:, None]
        image[:horizon] = ((1 - rows) * (116, 150, 196) + rows * (205, 216, 224))[:, None, :]
        image[horizon:] = (92, 108, 74)
        self._stripe(image, -5.7, 5.7, 2, 140, t_s, (88, 90, 94))
        travelled_m = speed_mps * t_s
        for start_m in np.arange(-(travelled_m % 9.0), 90, 9.0):
            self._stripe(image, 1.72, 1.88, max(2.0, start_m), max(2.0, start_m + 3.0), t_s, LINE_COLOUR)
        for lateral_m in (-1.8, 5.4, -5.4):
            self._stripe(image, lateral_m - 0.08, lateral_m + 0.08, 2, 120, t_s, LINE_COLOUR)
        for start_m in np.arange(10 - (travelled_m % 25.0), 120, 25.0):
            for lateral_m in (-7.0, 7.0):
                self._post(image, start_m, lateral_m, t_s)
        return image

    def _line(self, lateral_m: float, t_s: float) -> LaneLine:
        return LaneLine(
            c0=lateral_m - self.offset_m(t_s),
            c1=-self.heading_rad(t_s),
            c2=self.curvature_radpm(t_s),
            sigma_c0=0.05,
            sigma_c1=0.005,
            sigma_c2=0.0005,
            sigma_c3=0.0,
            x_min_m=4.0,
            x_max_m=45.0,
            confidence=0.93,
        )

    def _lateral_m(self, lateral_m: float, x_m: np.ndarray, t_s: float) -> np.ndarray:
        line = self._line(lateral_m, t_s)
        return line.c0 + x_m * (line.c1 + x_m * line.c2 / 2)

    def _stripe(self, image, right_m, left_m, near_m, far_m, t_s, colour) -> None:
        if far_m - near_m < 0.05:
            return
        x_m = 1 / np.linspace(1 / near_m, 1 / far_m, 40)
        left = _CAMERA.image_from_ground(x_m, self._lateral_m(left_m, x_m, t_s))
        right = _CAMERA.image_from_ground(x_m, self._lateral_m(right_m, x_m, t_s))
        outline = np.concatenate([left, right[::-1]])
        outline = outline[np.isfinite(outline).all(axis=1)]
        cv2.fillPoly(image, [np.round(outline * 16).astype(np.int32)], colour, cv2.LINE_AA, shift=4)

    def _post(self, image, x_m, lateral_m, t_s) -> None:
        if x_m < 4:
            return
        y_m = float(self._lateral_m(lateral_m, np.array(x_m), t_s))
        foot, top = _CAMERA.image_from_ego(np.array([[x_m, y_m, 0.0], [x_m, y_m, 0.9]]))
        thickness = max(1, round(60 / x_m))
        cv2.line(image, _point(foot), _point(top), (238, 238, 238), thickness, cv2.LINE_AA)


def _point(pixel: np.ndarray) -> tuple[int, int]:
    return round(float(pixel[0])), round(float(pixel[1]))
