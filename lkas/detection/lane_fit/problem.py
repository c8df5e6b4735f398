"""The road model against the points of one view: solving it, and judging the solution.

Model, in the ground frame below the camera (x ahead, y left, metres). Curvature k beside the camera continues with one
rate per segment of the view, r_0, r_1, ...; b is the heading of the road relative to the car. The road's reference
curve s(x), at lateral position 0, has the slope

    s' = u + (u³ - b³) / 2,   u(x) = b + k x + the double integral of the rates

(u is the sine of the road's direction; the second term is what the tangent has in addition; with a single segment it is
that of a circle, (k x)³ / 2). The line at lateral position a keeps its distance along the normal. A pitch error delta
(the camera looks down by this much more than calibrated, h is its height) turns parallel lines into a fan, and a road
that bends upwards by g (1/m, a sag; a crest is negative) into a trumpet:

    y(x) = a + s(x) + a (s'(x)² - b²)/2 + a (delta x + g x²/2) / h

Both are removed from the points before the last steps, as they also move the points along the road. A banked bend has
a sag too: its surface falls away to the high side of the plane in which the car stands.

Gauss-Newton with Geman-McClure weights (_fit.c). Priors are weak compared with what a real road shows (a strong
curvature prior hides bends), and the scatter of the points decides how much they weigh against them. Rates are Cauchy
distributed: a road is a circle or a straight for most of its length, and where it is neither, curvature may change
fast. The usual rate grows with the square of the visible curvature: sharp bends start suddenly, motorways do not.
"""

import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.kernel_structs import FitPoints, FitPrior, LineTrace, RoadShape
from lkas.detection.lane_fit.motion import CurvaturePrior
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks

SIGMA_HEADING_RAD = 0.3
# Where each segment starts, in ranges of the view. The first one reaches from the car well into the visible road: its
# rate cannot be separated from that of the invisible part below the camera.
SEGMENTS = np.array([0.0, 0.25, 0.42, 0.65])
ONE_SEGMENT = SEGMENTS[:1]  # a cubic
USUAL_RATE_OF_ONE = 4e-4  # a single segment has to follow all changes in the view
RATE_PER_SQUARE = 2.0  # usual rate of a bend over its curvature squared: transitions as short as half the radius
MAX_SLOPE = 0.8  # of a line against the car's axis; a steeper line is a poor function of x
CORRELATED_ROWS = 4.0  # neighbouring rows err together: so many count as one independent point
INLIER_SIGMAS = 2.5
# Bounds of the points' scatter relative to the expected variance, when they are weighted against priors. In a view
# that was chosen for what it shows, priors only decide what the points leave open: stronger ones lost lines on
# photographs.
SOLVED_SCATTER = 0.05, 1.0
SOLVED_SCATTER_OF_ONE = 1 / 16, 1 / 16
MIN_SCATTER = 0.25  # the same in the covariance, so that a lucky frame does not claim too much
MIN_POINTS = 6
RATES = 4  # shared states before the rates: heading, curvature, pitch error, sag

Judgement = tuple[np.ndarray, np.ndarray, np.ndarray]


class Problem:
    """The points of one view and a prior: a fit of the state (positions..., b, k, delta, g, r...)."""

    def __init__(
        self,
        peaks: Peaks,
        view: RoadView,
        lines: int,
        segments: np.ndarray,
        pitch_sigma_rad: float,
        sag_sigma_radpm: float,
        expected: CurvaturePrior | None,
    ) -> None:
        self.lines = lines
        self._view_x_m = view.x_m
        self._shape = RoadShape(lines, segments * view.far_m, view.far_m, view.geometry.height_m, MAX_SLOPE)
        self._points = FitPoints(peaks.x_m, peaks.y_m, view.point_sigma_m[peaks.row], peaks.weight)
        expected = expected or CurvaturePrior(0.0, view.bends.unknown_sigma_radpm)
        has_many = len(segments) > 1
        min_solved_scatter, max_solved_scatter = SOLVED_SCATTER if has_many else SOLVED_SCATTER_OF_ONE
        self._prior = FitPrior(
            curvature_radpm=expected.radpm,
            sigma_heading_rad=SIGMA_HEADING_RAD,
            sigma_curvature_radpm=expected.sigma_radpm,
            sigma_rate_radpm2=view.bends.usual_rate_radpm2 if has_many else USUAL_RATE_OF_ONE,
            sigma_pitch_rad=pitch_sigma_rad,
            sigma_sag_radpm=sag_sigma_radpm,
            rate_per_square=RATE_PER_SQUARE if has_many else 0.0,
            correlated_rows=CORRELATED_ROWS,
            max_curvature_radpm=view.bends.fitted_radpm,
            inlier_sigmas=INLIER_SIGMAS,
            min_solved_scatter=min_solved_scatter,
            max_solved_scatter=max_solved_scatter,
            min_scatter=MIN_SCATTER,
            min_points=MIN_POINTS,
        )

    @property
    def y_m(self) -> np.ndarray:
        """(N,) lateral positions of the points, as levelled so far."""
        return self._points.y_m

    @property
    def sigma_m(self) -> np.ndarray:
        """(N,) standard deviations of the points."""
        return self._points.sigma_m

    @property
    def weight(self) -> np.ndarray:
        """(N,) weights of the points."""
        return self._points.weight

    def ground_cost(self, pitch_error_rad: float, sag_radpm: float) -> float:
        """Cost of a pitch error and a sag, in squared sigmas."""
        prior = self._prior
        return (pitch_error_rad / prior.sigma_pitch_rad) ** 2 + (sag_radpm / prior.sigma_sag_radpm) ** 2

    def level(self, pitch_error_rad: float, sag_radpm: float) -> None:
        """Move the points to where they would be on level ground."""
        points = self._points
        x_m, y_m = levelled(points.x_m, points.y_m, pitch_error_rad, sag_radpm, self._shape.height_m)
        self._points = FitPoints(x_m, y_m, points.sigma_m, points.weight)

    def solve(self, state: np.ndarray, steps: np.ndarray) -> bool:
        """Improve the state in place; False if it diverges or has too few points.

        steps: (n, 4): share of the view's range that is used; largest distance of a point from a line (m); scale of the
        robust weight (point sigmas); factor on the usual rates, because small rates are not found from a start at zero.
        """
        return _kernels.fit_road(self._points, self._shape, self._prior, steps, state)

    def judge(self, state: np.ndarray, gate_m: float) -> Judgement | None:
        """(N,) int8 line within `gate_m` that owns each point or -1, (N,) its residual in sigmas, covariance of the
        state. None if the state is not determined."""
        count = len(self._points.x_m)
        owner, residual = np.empty(count, np.int8), np.empty(count)
        covariance = np.empty((len(state), len(state)))
        is_determined = _kernels.judge_fit(
            self._points, self._shape, self._prior, gate_m, state, owner, residual, covariance
        )
        return (owner, residual, covariance) if is_determined else None

    def shape_at_peaks(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N,) y of the reference curve at each point, and (N,) factor by which lateral positions are stretched."""
        x_m = self._points.x_m
        y_m, stretch = np.empty(len(x_m)), np.empty(len(x_m))
        _kernels.shape_road(self._shape, state, x_m, y_m, stretch)
        return y_m, stretch

    def trace(
        self, state: np.ndarray, covariance: np.ndarray, index: int, max_error_m: float
    ) -> tuple[LineTrace, float]:
        """One line of the state, and how far ahead its cubic is within `max_error_m` of it (infinite: everywhere)."""
        trace = LineTrace(np.empty(4), np.empty((4, 4)), np.empty(len(self._view_x_m)))
        to_m = _kernels.trace_line(self._shape, state, covariance, index, max_error_m, self._view_x_m, trace)
        return trace, to_m


def levelled(
    x_m: np.ndarray, y_m: np.ndarray, pitch_error_rad: float, sag_radpm: float, height_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Where ground points are on level ground, seen with a camera that looks down by `pitch_error_rad` more than
    assumed, on a road that bends upwards by `sag_radpm`."""
    # On ground at pitch * x + sag * x² / 2, x looks to be at x / (1 - that / height).
    tilt = np.maximum(1 + pitch_error_rad * x_m / height_m, 0.2)
    scale = 2 / (tilt + np.sqrt(np.maximum(tilt**2 + 2 * sag_radpm * x_m**2 / height_m, 0.04)))
    return x_m * scale, y_m * scale
