"""The road ahead, resampled so that a column is a lateral position and a row is a distance ahead.

In this view all cameras look alike: a marking has the same width in each row, and straight lines along the road are
straight. Rows are even steps in 1/sqrt(x), a compromise between even steps on the road (far rows would be
interpolated) and even image rows (far rows, which show the curvature, would be too few).
"""

import msgspec
import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.bends import FULL_SIZE_BENDS, Bends
from lkas.detection.lane_fit.kernel_structs import ViewCamera, ViewSampling
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import CameraGeometry

MAX_ROWS = 96
ROW_POWER = 0.5  # rows are even steps in 1 / x**ROW_POWER
COLUMNS_PER_MARKING = 5  # width of a marking
STEEP_SLOPE = 0.1  # sideways per metre ahead: of a hairpin, or of a car that leaves its lane
GOLDEN_RATIO = 0.6180339887  # its multiples fill the unit interval evenly
HALF_WIDTH_LANES = 2.0  # the view reaches this many lane widths to each side
FAR_BELOW_HORIZON_RATIO = 0.03  # of the image height: nearer to the horizon a pixel is metres long
FAR_BELOW_HORIZON_PX = 8.0
SURFACE_SIGMA_M = 0.03  # how straight markings are painted and found
PIXEL_SIGMA = 0.5  # px, how well the image locates them
FAR_HEIGHTS = 42.0  # camera heights; farther away, half a degree of pitch is a third of the distance


class RoadView:
    """The sampling of one camera geometry and image size.

    x_m: (rows,) distance ahead of the camera, far row first; y_m: (columns,) lateral position, left positive,
    leftmost first; shift_m: (rows,) how far a row's columns lie to the left of that; pixel_m: (rows,) lateral size of
    one image pixel; point_sigma_m: (rows,) standard deviation of a line's point; visible: (rows, columns) bool, inside
    the image; spans: (rows, 2) first visible column and one past the last; seen_m: (rows,) visible width; smooth_from:
    from this row to the nearest one, neighbouring rows may be averaged.
    """

    def __init__(
        self,
        geometry: CameraGeometry,
        width_px: int,
        height_px: int,
        lane_width_m: float,
        marking_width_m: float,
        bends: Bends = FULL_SIZE_BENDS,
    ) -> None:
        self.geometry, self.bends = geometry, bends
        self.size_px = width_px, height_px
        camera = PinholeCamera(geometry)
        self.horizon_px = camera.horizon_row_px
        self.vanishing_point_px = camera.vanishing_point_px
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
        far_m = min(far_m, bends.max_range_m)
        self.step_m = marking_width_m / COLUMNS_PER_MARKING
        # No more rows than the image has there: interpolated rows are not independent evidence.
        rows = int(np.clip(height_px - far_px, 8, MAX_ROWS))
        columns = 2 * round(HALF_WIDTH_LANES * lane_width_m / self.step_m) + 1
        near_m = max(near_m, 0.2 * geometry.height_m)
        self.x_m = np.linspace(far_m**-ROW_POWER, near_m**-ROW_POWER, rows) ** (-1 / ROW_POWER)
        self.y_m = self.step_m * (columns // 2 - np.arange(columns, dtype=float))
        self.pixel_m = np.hypot(self.x_m, geometry.height_m) / geometry.focal_px
        self.point_sigma_m = np.hypot(SURFACE_SIGMA_M, PIXEL_SIGMA * self.pixel_m)
        # From this row on a line moves less than a column from row to row, unless it crosses the car's path.
        sideways_m = STEEP_SLOPE * -np.diff(self.x_m)
        self.smooth_from = int(np.argmax(sideways_m < self.step_m))
        # Near the car a column is several pixels wide, and all rows would have the same sub-column error. Shifting the
        # rows against each other by fractions of a column averages that out.
        self.shift_m: np.ndarray = self.step_m * ((np.arange(rows) * GOLDEN_RATIO) % 1 - 0.5)
        # The visible part of a row is one span: a straight row of the road meets the image in one piece.
        self._sampling = ViewSampling(
            width_px=width_px,
            height_px=height_px,
            corner=np.empty((rows, columns), np.int32),
            fraction=np.empty((rows, columns, 2), np.uint8),
            visible=np.empty((rows, columns), bool),
            spans=np.empty((rows, 2), np.int32),
        )
        self.visible, self.spans = self._sampling.visible, self._sampling.spans
        _kernels.place_view(_view_camera(camera), self.x_m, self.y_m, self.shift_m, self._sampling)
        self.seen_m = np.count_nonzero(self.visible, axis=1) * self.step_m
        self.patch = np.zeros((rows, columns, 3), np.uint8)
        self.planes = np.zeros((5, rows, columns), np.float32)  # work memory for the ridges of one image

    @property
    def far_m(self) -> float:
        return float(self.x_m[0])

    def sample(self, image: np.ndarray) -> np.ndarray:
        """(H, W, 3) uint8 RGB -> (rows, columns, 3) uint8, owned by the view and valid until the next sample.

        Cells outside the image repeat its edge.
        """
        _kernels.sample_patch(np.ascontiguousarray(image), self._sampling, self.patch)
        return self.patch

    def fits(self, width_px: int, height_px: int, geometry: CameraGeometry) -> bool:
        """Whether this view is the one of that image size and geometry."""
        return self.size_px == (width_px, height_px) and self.geometry == geometry


def _view_camera(camera: PinholeCamera) -> ViewCamera:
    geometry, lens = camera.geometry, camera.lens
    return ViewCamera(
        axes=np.array(camera.axes),
        height_m=geometry.height_m,
        nearest_m=camera.nearest_m,
        focal_px=geometry.focal_px,
        cx_px=geometry.cx_px,
        cy_px=geometry.cy_px,
        **msgspec.structs.asdict(lens),
        max_r2=lens.max_r2,
        has_distortion=lens.has_distortion,
    )
