"""Hot loops of lane detection in C; what the arrays mean stands in _kernels.h. All work in place."""

import numpy as np

Float32 = np.ndarray
Float64 = np.ndarray
Int32 = np.ndarray
Bytes = np.ndarray  # uint8, int8 for owners
FitNumbers = tuple[
    int, int, int, float, float, float, float, float, float, float, float, float, float, int
]  # points, lines, knots, then as in struct FitProblem, with the least scatter before the least points

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
def agreement(
    x: Float64,
    y: Float64,
    weight: Float64,
    points: int,
    heading: Float64,
    curvature: Float64,
    courses: int,
    half_width: float,
    bin_width: float,
    pile: Float64,
    bins: int,
    score: Float64,
) -> None: ...
def fit(
    x: Float64,
    y: Float64,
    sigma: Float64,
    weight: Float64,
    knots: Float64,
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
    knots: Float64,
    numbers: FitNumbers,
    reach: float,
    gate: float,
    inlier: float,
    state: Float64,
    owner: Bytes,
    residual: Float64,
    information: Float64,
) -> None: ...
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
