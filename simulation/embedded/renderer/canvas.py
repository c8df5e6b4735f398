"""The image of one frame with the depth behind it, and the kernel's drawing calls on them."""

from collections.abc import Sequence

import numpy as np

from simulation.embedded.renderer import _draw

NEAR_M = 0.3  # depth; what begins nearer is cut off there
Colour = Sequence[float]


class Canvas:
    """Buffers of one camera, used again for each frame; `image` is what is drawn into."""

    def __init__(self, width_px: int, height_px: int, focal_px: float) -> None:
        self.focal_px = focal_px
        self.image = np.zeros((height_px, width_px, 3), np.uint8)
        self.camera = np.zeros(24)
        self.depth = np.zeros((height_px, width_px), np.float32)  # 1/m; 0: sky
        self.cover = np.zeros((_draw.LAYERS, height_px, width_px), np.uint8)
        self.spans = np.zeros((_draw.LAYERS, height_px, 2), np.int32)
        self._sums = np.zeros((height_px, width_px + 2), np.float32)
        self._rows = np.zeros((height_px, 2), np.int32)
        self._waiting: list[tuple[Sequence[tuple[float, float]], float, Colour, float, bool]] = []

    def begin(self, image: np.ndarray, camera: np.ndarray) -> None:
        """Draw into `image` from now on, as seen by a packed camera."""
        self.image, self.camera = image, camera

    def enter_plane(self, height_m: float, far_m: float) -> None:
        """Depth of a level plane; everything else is sky."""
        _draw.plane(self.depth, self.camera, height_m, far_m)

    def enter_quads(self, quads_m: np.ndarray, bias: float) -> None:
        """Depth of quadrilaterals; each wins over what is `bias` times as near."""
        _draw.depth(self.depth, self.camera, quads_m, NEAR_M, bias)

    def cover_layer(self, layer: int, quads_m: np.ndarray, far_m: float) -> None:
        """How much of each pixel quadrilaterals fill, as one of the ground's layers."""
        _draw.cover(self.depth, self.camera, quads_m, NEAR_M, far_m, self._sums, self.cover[layer], self.spans[layer])

    def draw_standing(
        self, sprites: tuple[np.ndarray, np.ndarray], sizes: int, things: np.ndarray, air: np.ndarray
    ) -> None:
        """Upright RGBA pictures whose colours are multiplied by alpha, the farthest first.

        `sprites`: flat texels, and (N, 2) int32 widths and heights, `sizes` of each kind; `things`: (M, 5) float32 foot
        in the map, height in m, kind; `air`: (8,) float32 as in `_draw.h`.
        """
        _draw.standing(self.image, self.depth, self.camera, sprites, sizes, things, air)

    def draw_vehicle(self, model: tuple[np.ndarray, np.ndarray, np.ndarray], vehicle: np.ndarray) -> None:
        """One vehicle, after the polygons that wait: its model, and (28,) float32 as in `_draw.h`."""
        self.flush()
        _draw.vehicle(self.image, self.depth, self.camera, model, vehicle, self._sums, self._rows)

    def polygon(
        self,
        corners_px: Sequence[tuple[float, float]],
        nearness: float,
        colour: Colour,
        opacity: float = 1.0,
        *,
        is_light: bool = False,
    ) -> None:
        """Fill a polygon at the next `flush`; with a nearness of 0 nothing hides it."""
        self._waiting.append((corners_px, nearness, colour, opacity, is_light))

    def polygons(
        self,
        corners_px: np.ndarray,
        nearness: np.ndarray | float,
        counts: np.ndarray,
        colours: np.ndarray,
        opacity: np.ndarray | float = 1.0,
    ) -> None:
        """Fill many polygons at once, after those that wait: (V, 2) corners, (N,) int32 counts, (N, 3) RGB."""
        self.flush()
        corners = np.empty((len(corners_px), 3), np.float32)
        corners[:, :2], corners[:, 2] = corners_px, nearness
        paints = np.zeros((len(counts), 5), np.float32)
        paints[:, :3], paints[:, 3] = colours, opacity
        _draw.polygons(self.image, self.depth, corners, counts, paints, self._sums, self._rows)

    def flush(self) -> None:
        """Draw the polygons that wait, in their order."""
        if not self._waiting:
            return
        corners = [(u, v, nearness) for points, nearness, *_ in self._waiting for u, v in points]
        counts = [len(points) for points, *_ in self._waiting]
        colours = [(*colour, opacity, float(is_light)) for *_, colour, opacity, is_light in self._waiting]
        self._waiting.clear()
        _draw.polygons(
            self.image,
            self.depth,
            np.array(corners, np.float32),
            np.array(counts, np.int32),
            np.array(colours, np.float32),
            self._sums,
            self._rows,
        )
