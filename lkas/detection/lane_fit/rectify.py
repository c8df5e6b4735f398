"""The road ahead, resampled so that a column is a lateral position and a row is an image row.

Every camera looks alike in this view: a marking has the same width in each row, and straight lines along the road
run straight. Rows are even steps in 1/sqrt(x), in between even steps on the road (far ones would be invented) and even
image rows (far ones, which tell the curvature, would be thrown away).
"""

import msgspec
import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.frames import NEAREST_M, PinholeCamera
from lkas.integration.shared_memory.messages import CameraGeometry

MOST_ROWS = 96
ROW_POWER = 0.5  # rows are even steps in 1 / x**ROW_POWER
COLUMNS_PER_MARKING = 5  # so many columns are as wide as a marking
STEEP_SLOPE = 0.1  # sideways per metre ahead: a hairpin's, or a car's that leaves the lane
GOLDEN_RATIO = 0.6180339887  # its multiples fill the unit interval evenly
HALF_WIDTH_LANES = 2.0  # the view reaches so many lane widths to each side
FAR_BELOW_HORIZON_RATIO = 0.03  # of the image height: nearer to the horizon a pixel is metres long
FAR_BELOW_HORIZON_PX = 8.0
SURFACE_SIGMA_M = 0.03  # how straight markings are painted and found
PIXEL_SIGMA = 0.5  # px, how well the image places them
FAR_HEIGHTS = 42.0  # camera heights; farther, half a degree of pitch is a third of the distance


class RoadView:
    """The sampling of one camera geometry and image size.

    x_m: (rows,) distance ahead of the camera, far row first; y_m: (columns,) lateral position, left positive,
    leftmost first; shift_m: (rows,) what a row's columns lie left of that; pixel_m: (rows,) lateral size of one image
    pixel; point_sigma_m: (rows,) how well a point of a line is placed; visible: (rows, columns) bool, inside the image;
    seen_m: (rows,) how much of a row is that; smooth_from: from this row to the nearest one, neighbouring rows may be
    averaged.
    """

    def __init__(
        self, geometry: CameraGeometry, width_px: int, height_px: int, lane_width_m: float, marking_width_m: float
    ) -> None:
        self.geometry = geometry
        self.size_px = width_px, height_px
        camera = PinholeCamera(geometry)
        self.horizon_px = camera.horizon_row_px
        self.aim_px = camera.vanishing_point_px
        far_px = self.horizon_px + max(
            FAR_BELOW_HORIZON_PX, FAR_BELOW_HORIZON_RATIO * height_px, geometry.focal_px / FAR_HEIGHTS
        )
        self.is_empty = far_px > 0.9 * height_px  # hardly any road in the image
        if self.is_empty:
            return
        middle_px = geometry.cx_px
        far_m, near_m = (
            camera.ground_of_pixel(middle_px, row_px)[0] - geometry.x_m
            for row_px in (max(0.0, far_px), height_px - 1.0)
        )
        self.step_m = marking_width_m / COLUMNS_PER_MARKING
        # No more rows than the image has there: rows made up between two are no second witness.
        rows = int(np.clip(height_px - far_px, 8, MOST_ROWS))
        columns = 2 * round(HALF_WIDTH_LANES * lane_width_m / self.step_m) + 1
        near_m = max(near_m, 0.2 * geometry.height_m)
        self.x_m = np.linspace(far_m**-ROW_POWER, near_m**-ROW_POWER, rows) ** (-1 / ROW_POWER)
        self.y_m = self.step_m * (columns // 2 - np.arange(columns, dtype=float))
        self.pixel_m = np.hypot(self.x_m, geometry.height_m) / geometry.focal_px
        self.point_sigma_m = np.hypot(SURFACE_SIGMA_M, PIXEL_SIGMA * self.pixel_m)
        # From this row on a line moves less than a column from row to row, unless it crosses the car's way.
        sideways_m = STEEP_SLOPE * -np.diff(self.x_m)
        self.smooth_from = int(np.argmax(sideways_m < self.step_m))
        # Near the car a column is several pixels wide, and all rows would place an edge wrong by the same part of a
        # column. Rows shifted against each other by parts of a column average that out.
        self.shift_m = self.step_m * ((np.arange(rows) * GOLDEN_RATIO) % 1 - 0.5)
        self._corner, self._share = np.empty((rows, columns), np.int32), np.empty((rows, columns, 2), np.uint8)
        # What a row shows is one stretch of it: a straight row of the road meets the image in one piece.
        self.visible, self.spans = np.empty((rows, columns), bool), np.empty((rows, 2), np.int32)
        _kernels.place(
            camera.axes,
            (geometry.height_m, NEAREST_M, geometry.focal_px, geometry.cx_px, geometry.cy_px),
            (*msgspec.structs.astuple(camera.lens), camera.lens.reach2, not camera.lens.is_straight),
            self.size_px,
            self.x_m,
            self.y_m,
            self.shift_m,
            (rows, columns),
            self._corner,
            self._share,
            self.visible,
            self.spans,
        )
        self.seen_m = np.count_nonzero(self.visible, axis=1) * self.step_m
        self.patch = np.zeros((rows, columns, 3), np.uint8)
        self.planes = np.zeros((5, rows, columns), np.float32)  # room for the ridges of one image

    @property
    def far_m(self) -> float:
        return float(self.x_m[0])

    def sample(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB -> (rows, columns, 3) uint8, this view's own, until the next image is sampled.

        Where the image shows nothing the edge of what it shows goes on.
        """
        image = np.ascontiguousarray(image)
        _kernels.sample(image, self.size_px, self._corner, self._share, self.spans, self.patch, self.patch.shape[:2])
        return self.patch

    def fits(self, width_px: int, height_px: int, geometry: CameraGeometry) -> bool:
        return self.size_px == (width_px, height_px) and self.geometry == geometry
