"""Image and depth buffers of one camera, with the drawing calls of the C kernel."""

from collections.abc import Sequence

import numpy as np

from simulation.embedded.renderer import _draw

NEAR_M = 0.3  # depth of the near clipping plane
Colour = Sequence[float]


class Canvas:
    """Buffers of one camera, reused for each frame; `image` is the drawing target."""

    def __init__(self, width_px: int, height_px: int, focal_px: float) -> None:
        self.focal_px = focal_px
        self.image = np.zeros((height_px, width_px, 3), np.uint8)
        self.camera = np.zeros(24)
        self.depth = np.zeros((height_px, width_px), np.float32)  # 1/m; 0: sky
        self.coverage = np.zeros((_draw.LAYERS, height_px, width_px), np.uint8)
        self.spans = np.zeros((_draw.LAYERS, height_px, 2), np.int32)
        self._sums = np.zeros((height_px, width_px + 2), np.float32)
        self._rows = np.zeros((height_px, 2), np.int32)
        self._pending: list[tuple[Sequence[tuple[float, float]], float, Colour, float, bool]] = []

    def start_frame(self, image: np.ndarray, camera: np.ndarray) -> None:
        """Set the target image and the packed camera of this frame."""
        self.image, self.camera = image, camera

    def draw_plane_depth(self, height_m: float, far_m: float) -> None:
        """Set the depth of a level plane at `height_m`; pixels beyond `far_m` become sky."""
        _draw.plane(self.depth, self.camera, height_m, far_m)

    def draw_quad_depths(self, quads_m: np.ndarray, bias: float) -> None:
        """Draw (N, 4, 3) quadrilaterals into the depth; each replaces nearness up to 1 / `bias` times its own."""
        _draw.depth(self.depth, self.camera, quads_m, NEAR_M, bias)

    def rasterize_layer(self, layer: int, quads_m: np.ndarray, far_m: float) -> None:
        """Set one ground layer to the coverage of each pixel by (N, 4, 3) quadrilaterals."""
        _draw.coverage(
            self.depth, self.camera, quads_m, NEAR_M, far_m, self._sums, self.coverage[layer], self.spans[layer]
        )

    def draw_billboards(
        self, sprites: tuple[np.ndarray, np.ndarray], sizes: int, billboards: np.ndarray, atmosphere: np.ndarray
    ) -> None:
        """Draw upright RGBA sprites (premultiplied alpha) that face the camera, the farthest first.

        `sprites`: flat texels, and (N, 2) int32 widths and heights, `sizes` of each kind; `billboards`: (M, 5) float32
        foot in the map, height in m, kind; `atmosphere`: (8,) float32 as in `_draw.h`.
        """
        _draw.billboards(self.image, self.depth, self.camera, sprites, sizes, billboards, atmosphere)

    def draw_vehicle(self, model: tuple[np.ndarray, np.ndarray, np.ndarray], vehicle: np.ndarray) -> None:
        """Draw the pending polygons, then one vehicle: its model, and (28,) float32 as in `_draw.h`."""
        self.flush()
        _draw.vehicle(self.image, self.depth, self.camera, model, vehicle, self._sums, self._rows)

    def add_polygon(
        self,
        corners_px: Sequence[tuple[float, float]],
        nearness: float,
        colour: Colour,
        opacity: float = 1.0,
        *,
        is_additive: bool = False,
    ) -> None:
        """Queue a polygon for the next `flush`; with a nearness of 0 it is never occluded."""
        self._pending.append((corners_px, nearness, colour, opacity, is_additive))

    def draw_polygons(
        self,
        corners_px: np.ndarray,
        nearness: np.ndarray | float,
        counts: np.ndarray,
        colours: np.ndarray,
        opacity: np.ndarray | float = 1.0,
    ) -> None:
        """Draw the pending polygons, then many at once: (V, 2) corners, (N,) int32 counts, (N, 3) RGB."""
        self.flush()
        corners = np.empty((len(corners_px), 3), np.float32)
        corners[:, :2], corners[:, 2] = corners_px, nearness
        paints = np.zeros((len(counts), 5), np.float32)
        paints[:, :3], paints[:, 3] = colours, opacity
        _draw.polygons(self.image, self.depth, corners, counts, paints, self._sums, self._rows)

    def flush(self) -> None:
        """Draw the pending polygons in the order they were added."""
        if not self._pending:
            return
        corners = [(u, v, nearness) for points, nearness, *_ in self._pending for u, v in points]
        counts = [len(points) for points, *_ in self._pending]
        colours = [(*colour, opacity, float(is_additive)) for *_, colour, opacity, is_additive in self._pending]
        self._pending.clear()
        _draw.polygons(
            self.image,
            self.depth,
            np.array(corners, np.float32),
            np.array(counts, np.int32),
            np.array(colours, np.float32),
            self._sums,
            self._rows,
        )
