"""The inner loops of lane detection in C (_kernels.h). Arrays are C-contiguous; results are written in place.

Every function raises TypeError for an array of another element type and ValueError for one of another size.
"""

import numpy as np
from numpy.typing import NDArray

from lkas.detection.lane_fit.kernel_structs import (
    CourseSearch,
    FitPoints,
    FitPrior,
    LateralHistogram,
    LineTrace,
    NextLineSearch,
    PeakShape,
    RangeLimits,
    RidgeShape,
    RoadShape,
    SupportView,
    ViewCamera,
    ViewSampling,
)
from lkas.detection.lane_fit.ridges import Peaks

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Cubic = tuple[float, float, float, float]

def place_view(camera: ViewCamera, x_m: Float64, y_m: Float64, shift_m: Float64, sampling: ViewSampling, /) -> None:
    """Fill in the sampling of a view with rows at x_m and columns at y_m, shifted by shift_m per row."""

def sample_patch(image: Bytes, sampling: ViewSampling, patch: Bytes, /) -> None:
    """Sample (H, W, 3) image into the (rows, columns, 3) patch."""

def find_ridges(
    patch: Bytes,
    spans: Int32,
    shape: RidgeShape,
    response: Float32,
    bright_levels: Float32,
    yellow_levels: Float32,
    scratch: Float32,
    /,
) -> None:
    """Box ridges of a patch relative to the noise, all (rows, columns); scratch is two such planes."""

def find_peaks(response: Float32, shape: PeakShape, index: Int32, column: Float64, /) -> int:
    """Cell index and sub-column position of each peak, at most len(index); returns their number."""

def search_course(
    x_m: Float64, y_m: Float64, weight: Float64, search: CourseSearch, start: tuple[float, float], scratch: Float64, /
) -> tuple[float, float, float]:
    """Heading, curvature and agreement of the best course; scratch is three times as long as x_m."""

def histogram_peaks(
    x_m: Float64, y_m: Float64, weight: Float64, histogram: LateralHistogram, position_m: Float64, height: Float64, /
) -> int:
    """Position and height of each peak, rightmost first; both arrays have `bins` elements. Returns their number."""

def next_line(lateral_m: Float64, weight: Float64, search: NextLineSearch, scratch: Float64, /) -> float | None:
    """Lateral position of the line beside an ego line; None if there is none."""

def fit_road(points: FitPoints, shape: RoadShape, prior: FitPrior, steps: Float64, state: Float64, /) -> bool:
    """Improve the state in place by (n, 4) steps of share, gate, scale and rate factor; False if it diverges."""

def judge_fit(
    points: FitPoints,
    shape: RoadShape,
    prior: FitPrior,
    gate_m: float,
    state: Float64,
    owner: NDArray[np.int8],
    residual: Float64,
    covariance: Float64,
    /,
) -> bool:
    """Owner and residual (sigmas) of each point, covariance of the state; False if the state is not determined."""

def shape_road(shape: RoadShape, state: Float64, x_m: Float64, y_m: Float64, stretch: Float64, /) -> None:
    """y of the road's reference curve at x_m, and the factor by which lateral positions are stretched there."""

def trace_line(
    shape: RoadShape,
    state: Float64,
    covariance: Float64,
    index: int,
    max_error_m: float,
    x_m: Float64,
    trace: LineTrace,
    /,
) -> float:
    """Fill in the trace; returns the distance up to which cubic and curve differ by less than max_error_m."""

def move_line(coefficients: Float64, covariance: Float64, back_m: float, /) -> tuple[Cubic, Cubic]:
    """c0..c3 and their sigmas for an origin that lies back_m behind."""

def known_range(coefficients: Float64, covariance: Float64, limits: RangeLimits, /) -> float:
    """How far ahead a line is known, metres."""

def measure_support(
    view: SupportView, peaks: Peaks, inliers: Int64, lateral_m: Float64, /
) -> tuple[float, float, float, float, float, float, float, float, float]:
    """The fields of LineSupport in _kernels.h, in their order."""
