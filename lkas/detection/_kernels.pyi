"""Hot loops of lane detection in C; what the arrays mean stands in _kernels.h. All work in place."""

import numpy as np

Float32 = np.ndarray
Float64 = np.ndarray
Int32 = np.ndarray
Bytes = np.ndarray  # uint8, int8 for owners
FitNumbers = tuple[float, ...]  # points, then as in struct FitProblem
ShapeNumbers = tuple[int, int, float, float, float]  # lines, stretches, height, far, most_slope

def place(
    axes: tuple[tuple[float, float, float], tuple[float, float, float], tuple[float, float, float]],
    pinhole: tuple[float, float, float, float, float],  # height, nearest distance, focal length, centre
    lens: tuple[float, float, float, float, float, float, bool],  # k1, k2, p1, p2, k3, reach2, whether there is one
    size_px: tuple[int, int],
    x: Float64,
    y: Float64,
    shift: Float64,
    size: tuple[int, int],
    corner: Int32,
    share: Bytes,
    visible: Bytes,
    spans: Int32,
) -> None: ...
def sample(
    image: Bytes,
    size_px: tuple[int, int],
    corner: Int32,
    share: Bytes,
    spans: Int32,
    patch: Bytes,
    size: tuple[int, int],
) -> None: ...
def ridges(
    patch: Bytes,
    spans: Int32,
    shape: tuple[int, int, int, int, int, float, float],
    response: Float32,
    bright_levels: Float32,
    yellow_levels: Float32,
    scratch: Float32,
) -> None: ...
def tops(
    response: Float32,
    size: tuple[int, int],
    reach: int,
    threshold: float,
    foot_ratio: float,
    most: int,
    index: Int32,
    column: Float64,
) -> int: ...
def course(
    x: Float64,
    y: Float64,
    weight: Float64,
    points: int,
    search: tuple[
        float, float, tuple[float, float, float], float, float, float, float, float, int, int, bool
    ],  # as in struct CourseSearch
    begin: tuple[float, float],  # heading, curvature
    scratch: Float64,
) -> tuple[float, float, float]: ...  # heading, curvature, score
def piles(
    x: Float64,
    y: Float64,
    weight: Float64,
    points: int,
    course: tuple[float, float],  # heading, curvature
    half_width: float,
    bin_width: float,
    bins: int,
    least: float,
    position: Float64,
    height: Float64,
    most: int,
) -> int: ...
def beside(
    place: Float64,
    weight: Float64,
    points: int,
    next_line: tuple[float, int, float, float, float, int, float, int, float],  # as in struct NextLine
    scratch: Float64,
) -> float | None: ...
def moved(
    coefficients: Float64, covariance: Float64, back: float
) -> tuple[float, float, float, float, float, float, float, float]: ...  # c0..c3, their sigmas
def reach(
    coefficients: Float64,
    covariance: Float64,
    limits: tuple[float, float, float, float, float, int],  # as in struct Reach
) -> float: ...
def fit(
    x: Float64,
    y: Float64,
    sigma: Float64,
    weight: Float64,
    stretches: Float64,
    numbers: FitNumbers,
    steps: Float64,
    count: int,
    state: Float64,
) -> bool: ...
def judge(
    x: Float64,
    y: Float64,
    sigma: Float64,
    weight: Float64,
    stretches: Float64,
    numbers: FitNumbers,
    gate: float,
    state: Float64,
    owner: Bytes,
    residual: Float64,
    covariance: Float64,
) -> bool: ...
def shape(
    stretches: Float64, numbers: ShapeNumbers, state: Float64, x: Float64, points: int, y: Float64, stretch: Float64
) -> None: ...
def line(
    stretches: Float64,
    numbers: ShapeNumbers,
    state: Float64,
    covariance: Float64,
    index: int,
    most_off: float,
    x: Float64,
    rows: int,
    coefficients: Float64,
    spread: Float64,
    lateral: Float64,
) -> float: ...
def support(
    row: Int32,
    weight: Float64,
    yellow: Bytes,
    painted: Bytes,
    tops: int,
    inliers: np.ndarray,  # int64
    count: int,
    lateral: Float64,
    spans: Int32,
    gate: Float64,
    seen: Float64,
    view: tuple[int, int, float, float],  # rows, near_from, leftmost, step
) -> tuple[float, float, float, float, float, float, float, float, float]: ...
