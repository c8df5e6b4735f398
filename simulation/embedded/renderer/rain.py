"""Rain: drops that collect on the glass between two wiper strokes, and streaks in the air."""

import numpy as np

from simulation.embedded.renderer import _draw
from simulation.embedded.renderer.canvas import Canvas

WIPER_S = 2.4  # between two strokes
IMAGES = 6  # states of the glass between two strokes; each adds drops to the one before
DROPS = 90  # on the glass in a downpour, just before a wiper stroke; for 800 px
STREAKS = 150  # in one frame of a downpour
STREAK_COLOUR = (206, 210, 214)


class GlassDrops:
    """Drops as small lenses: each shows a wide part of the image upside down."""

    def __init__(self, random: np.random.Generator, width_px: int, height_px: int, amount: float) -> None:
        number = max(1, round(DROPS * amount))
        centres = random.uniform(0, 1, (number, 2)) * (width_px, height_px)
        radii_px = random.uniform(0.004, 0.013, number) * width_px
        self._images = [np.zeros((2, 0), np.int32)]
        owner = np.full((height_px, width_px), -1)
        source = np.zeros((height_px, width_px), np.int32)
        for index, ((cu, cv), radius_px) in enumerate(zip(centres, radii_px, strict=True)):
            v, u = np.mgrid[
                max(0, int(cv - 1.3 * radius_px)) : min(height_px, int(cv + 1.3 * radius_px) + 2),
                max(0, int(cu - radius_px)) : min(width_px, int(cu + radius_px) + 2),
            ]
            inside = np.hypot(u - cu, (v - cv) / 1.25) < radius_px
            u, v = u[inside], v[inside]
            wide_u = np.clip(np.rint(cu - (u - cu) * 7), 0, width_px - 1).astype(np.int32)
            wide_v = np.clip(np.rint(cv - (v - cv) * 6), 0, height_px - 1).astype(np.int32)
            owner[v, u], source[v, u] = index, wide_v * width_px + wide_u
            if (index + 1) * (IMAGES - 1) // number > len(self._images) - 1:
                at = np.flatnonzero(owner >= 0)
                self._images.append(np.stack([at, source.reshape(-1)[at]]).astype(np.int32))

    def draw(self, image: np.ndarray, time_s: float) -> None:
        """Draw the drops that have fallen since the last wiper stroke."""
        share = (time_s % WIPER_S) / WIPER_S
        at, source = self._images[min(int(share * IMAGES), len(self._images) - 1)]
        _draw.drops(image, at, source)


def draw_streaks(canvas: Canvas, seed: int, frame_id: int, amount: float, light: float) -> None:
    """Draw falling drops as streaks of motion blur; new random ones in each frame."""
    random = np.random.default_rng([seed, 11, frame_id])
    height, width, _ = canvas.image.shape
    number = round(STREAKS * amount)
    u, v = random.uniform(0, width, number), random.uniform(-30, height, number)
    near = random.uniform(0.3, 1.0, number) ** 2
    length = 0.09 * height * near
    # They move towards the car: outwards from the middle of the image.
    slant = (u - width / 2) / width * 0.9
    half = 0.25 + 0.5 * near
    end_u, end_v = u + length * slant, v + length * np.sqrt(1 - slant * slant)
    corners = np.stack([u - half, v, u + half, v, end_u + half, end_v, end_u - half, end_v], axis=1)
    colours = np.tile(np.array(STREAK_COLOUR) * light, (number, 1))
    canvas.draw_polygons(corners.reshape(-1, 2), 0.0, np.full(number, 4, np.int32), colours, 0.16 + 0.22 * near)
