"""The named arguments of the C kernels; _arguments.c reads their fields by name.

Lengths in metres, angles in radians, positions in the ground frame below the camera (x ahead, y left).
"""

import numpy as np
from msgspec import Struct


class ViewCamera(Struct, frozen=True, gc=False):
    """A camera above a flat ground."""

    axes: np.ndarray  # (3, 3) float64: right, down and forward axes in the ego frame
    height_m: float
    nearest_m: float  # points with less depth have no pixel
    focal_px: float
    cx_px: float
    cy_px: float
    k1: float  # distortion, as in lkas.lens.Lens
    k2: float
    p1: float
    p2: float
    k3: float
    max_r2: float
    has_distortion: bool


class ViewSampling(Struct, frozen=True, gc=False):
    """Where in an image of this size the cells of a view lie."""

    width_px: int
    height_px: int
    corner: np.ndarray  # (rows, columns) int32: index of the upper left of the four pixels around each cell
    fraction: np.ndarray  # (rows, columns, 2) uint8: how far right of and below it, in 1/256 pixel
    visible: np.ndarray  # (rows, columns) bool: inside the image
    spans: np.ndarray  # (rows, 2) int32: first visible column and one past the last


class RidgeShape(Struct, frozen=True, gc=False):
    """The box filter for markings."""

    strip: int  # columns of a marking, odd
    beside: int  # columns from the middle of a marking to the road beside it
    smooth_from: int  # from this row on, three neighbouring rows are averaged
    noise_floor_levels: float
    yellow_weight: float


class PeakShape(Struct, frozen=True, gc=False):
    """What counts as a peak of a response."""

    reach: int  # columns from a peak to the end of its bump
    threshold: float
    foot_ratio: float  # of the peak's height; lower cells do not belong to its bump


class CourseSearch(Struct, frozen=True, gc=False):
    """The grid of the vote for a course."""

    far_m: float
    half_width_m: float
    stages: np.ndarray  # (3,) float64: share of the view that each stage uses
    step_m: float  # lateral step of the grid at the stage's far end
    max_heading_rad: float
    max_curvature_radpm: float
    straight_bonus: float
    bin_m: float
    bins: int
    first_points: int  # the first stage uses only so many points
    is_local: bool  # only the last stage, around the given course
    is_circular: bool = False  # lines are concentric circles; else one parabola, shifted


class LateralHistogram(Struct, frozen=True, gc=False):
    """A histogram over the lateral positions that remain after a course is subtracted."""

    heading_rad: float
    curvature_radpm: float
    half_width_m: float
    bin_m: float
    bins: int
    min_height: float  # summed weight; lower peaks are ignored
    is_circular: bool = False  # as in CourseSearch


class NextLineSearch(Struct, frozen=True, gc=False):
    """Where to look for the line beside an ego line."""

    ego_m: float
    outward: int  # 1: on its left, -1: on its right
    nearest_m: float  # distances from the ego line
    farthest_m: float
    bin_m: float
    bins: int
    min_height: float
    min_points: int
    reach_m: float  # points this close to the highest peak belong to the line


class FitPoints(Struct, frozen=True, gc=False):
    """The points of a fit, all (N,) float64."""

    x_m: np.ndarray
    y_m: np.ndarray
    sigma_m: np.ndarray
    weight: np.ndarray


class RoadShape(Struct, frozen=True, gc=False):
    """The form of the road model."""

    lines: int  # 1 or 2
    segment_from_m: np.ndarray  # (segments,) float64: where each curvature rate starts, the first at 0
    far_m: float
    height_m: float  # of the camera
    max_slope: float


class FitPrior(Struct, frozen=True, gc=False):
    """The priors of a fit, and how points weigh against them."""

    curvature_radpm: float
    sigma_heading_rad: float
    sigma_curvature_radpm: float
    sigma_rate_radpm2: float
    sigma_pitch_rad: float
    sigma_sag_radpm: float
    rate_per_square: float
    correlated_rows: float
    max_curvature_radpm: float
    inlier_sigmas: float
    min_solved_scatter: float
    max_solved_scatter: float
    min_scatter: float
    min_points: int


class LineTrace(Struct, frozen=True, gc=False):
    """One line of a fitted road; written by `trace_line`."""

    coefficients: np.ndarray  # (4,) float64: c0..c3 below the camera
    covariance: np.ndarray  # (4, 4) float64
    lateral_m: np.ndarray  # (rows,) float64: position in each row of the view


class RangeLimits(Struct, frozen=True, gc=False):
    """How far beyond its seen part a line may be drawn."""

    seen_to_m: float
    extension_ratio: float  # distances up to so many times seen_to_m are tried
    focal_px: float
    max_sigma_px: float
    max_bend_px: float
    steps: int


class SupportView(Struct, frozen=True, gc=False):
    """A view, as far as the support of a line depends on it."""

    near_from: int  # rows from here on are near
    leftmost_m: float  # lateral position of the first column
    step_m: float  # distance between columns
    spans: np.ndarray  # (rows, 2) int32, as in ViewSampling
    gate_m: np.ndarray  # (rows,) float64: how close to a line its peaks lie
    seen_m: np.ndarray  # (rows,) float64: visible width
