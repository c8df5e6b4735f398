"""The road model against the points of one view: solved, and judged.

Model, in the ground frame below the camera (x ahead, y left, metres). Curvature k beside the camera goes on at one rate
per stretch of the view, r_0, r_1, ...; b is the heading of the road against the car. The road's shape s(x) at lateral
position 0 has the slope

    s' = u + (u³ - b³) / 2,   u(x) = b + k x + the double integral of the rates

(u is the sine of the road's direction; the second term is what the tangent has more; with one stretch only, it is that
of a circle, (k x)³ / 2). The line at lateral position a
keeps its distance along the normal. A pitch error delta (what the camera is pitched down beyond its calibration, h its
height) turns parallel lines into a fan, and a road that bends upwards by g (1/m, a sag; a crest is negative) into a
trumpet:

    y(x) = a + s(x) + a (s'(x)² - b²)/2 + a (delta x + g x²/2) / h

Both are taken out of the points before the last steps, as they also move the points along the road. A banked bend has
a sag too: against the plane in which the car stands its surface falls away to the high side.

Gauss-Newton with Geman-McClure weights (_fit.c). Priors are weak against what a real road shows (a strong curvature
prior hides bends), and the points' own scatter says how much they weigh against them. Rates are Cauchy distributed: a
road is a circle or a straight for most of its length, and where it is neither, curvature may change fast. How fast
grows with the square of the curvature that is seen: sharp bends begin suddenly, motorways do not.
"""

import numpy as np

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.motion import Curvature
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.lane_fit.ridges import Peaks

SIGMA_HEADING_RAD = 0.3
NO_CURVATURE = Curvature(0.0, 1 / 40)  # what is expected where nobody feels it
# Of the view's range: where each stretch begins. The first one reaches from the car well into what is seen: its rate
# can not be told from the blind piece below the camera.
STRETCHES = np.array([0.0, 0.25, 0.42, 0.65])
ONE_STRETCH = STRETCHES[:1]  # a cubic
USUAL_RATE = 5e-5  # 1/m², of a straight road; one stretch alone has to follow all that the road does in the view
USUAL_RATE_OF_ONE = 4e-4
RATE_PER_SQUARE = 2.0  # usual rate of a bend over its curvature squared: transitions as short as half the radius
MOST_SLOPE = 0.8  # of a line against the car's axis; beyond it a curve over x is a poor one
CORRELATED_ROWS = 4.0  # neighbouring rows err together: so many make one independent point
INLIER_SIGMAS = 2.5
# Of the expected variance, when points are weighed against priors. Where the view itself was chosen by what it shows,
# priors only hold what the points leave open: stronger ones lose lines on photographs.
SOLVED_SCATTER = 0.05, 1.0
SOLVED_SCATTER_OF_ONE = 1 / 16, 1 / 16
MIN_SCATTER = 0.25  # and in the covariance: a lucky frame is not that good
MIN_POINTS = 6
CURVATURE_BOUND = 1 / 25
RATES = 4  # shared states before the rates: heading, curvature, pitch error, sag

Judgement = tuple[np.ndarray, np.ndarray, np.ndarray]


class Problem:
    """The points of one view, and the numbers that make them a fit of (places..., b, k, delta, r...)."""

    def __init__(
        self,
        peaks: Peaks,
        view: RoadView,
        lines: int,
        stretches: np.ndarray,
        pitch_sigma_rad: float,
        sag_sigma_radpm: float,
        expected: Curvature | None,
    ) -> None:
        self.lines, self.stretches = lines, len(stretches)
        self._view_x_m, self._height_m = view.x_m, view.geometry.height_m
        self.x_m, self.y_m = peaks.x_m, peaks.y_m
        self.sigma_m = view.point_sigma_m[peaks.row]
        self.weight = peaks.weight
        self._from_m = stretches * view.far_m
        self._pitch_sigma_rad, self._sag_sigma_radpm = pitch_sigma_rad, sag_sigma_radpm
        expected = expected or NO_CURVATURE
        self._shape_numbers = lines, self.stretches, self._height_m, view.far_m, MOST_SLOPE
        self._numbers = (
            len(peaks),
            *self._shape_numbers,
            expected.radpm,
            SIGMA_HEADING_RAD,
            expected.sigma_radpm,
            USUAL_RATE if self.stretches > 1 else USUAL_RATE_OF_ONE,
            pitch_sigma_rad,
            sag_sigma_radpm,
            RATE_PER_SQUARE if self.stretches > 1 else 0.0,
            CORRELATED_ROWS,
            CURVATURE_BOUND,
            INLIER_SIGMAS,
            *(SOLVED_SCATTER if self.stretches > 1 else SOLVED_SCATTER_OF_ONE),
            MIN_SCATTER,
            MIN_POINTS,
        )

    def ground_cost(self, pitch_error_rad: float, sag_radpm: float) -> float:
        """What speaks against a pitch error and a sag, in squared sigmas."""
        return (pitch_error_rad / self._pitch_sigma_rad) ** 2 + (sag_radpm / self._sag_sigma_radpm) ** 2

    def level(self, pitch_error_rad: float, sag_radpm: float) -> None:
        """Put the points where they would be on level ground."""
        self.x_m, self.y_m = levelled(self.x_m, self.y_m, pitch_error_rad, sag_radpm, self._height_m)

    def solve(self, state: np.ndarray, steps: np.ndarray) -> bool:
        """Improve the state in place; False when it runs away or the points run out.

        steps: (n, 4): points up to this share of the view's range; as near to a line (m); scale of the robust weight
        (point sigmas); how many times larger than usual rates may be, as the smallest explanation is not found from
        the smallest one.
        """
        return _kernels.fit(*self._arrays, self._numbers, steps, len(steps), state)

    def judge(self, state: np.ndarray, gate_m: float) -> Judgement | None:
        """(N,) line within `gate_m` that owns each point or -1, (N,) its residual in sigmas, covariance of the state.

        None when nothing holds the state."""
        owner, residual = np.empty(len(self.x_m), np.int8), np.empty(len(self.x_m))
        covariance = np.empty((len(state), len(state)))
        is_held = _kernels.judge(*self._arrays, self._numbers, gate_m, state, owner, residual, covariance)
        return (owner, residual, covariance) if is_held else None

    def shape_at_tops(self, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the road's middle is beside each top, and by how much lateral positions are stretched there."""
        y_m, stretch = np.empty(len(self.x_m)), np.empty(len(self.x_m))
        _kernels.shape(self._from_m, self._shape_numbers, state, self.x_m, len(self.x_m), y_m, stretch)
        return y_m, stretch

    def line(
        self, state: np.ndarray, covariance: np.ndarray, index: int, most_off_m: float
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
        """c0..c3 of a line below the camera, their covariance (4, 4), where the line is in each row of the view, and
        how far ahead the cubic is off it by `most_off_m` at most: infinite where it always is."""
        coefficients, spread, lateral_m = np.empty(4), np.empty((4, 4)), np.empty(len(self._view_x_m))
        to_m = _kernels.line(
            self._from_m,
            self._shape_numbers,
            state,
            covariance,
            index,
            most_off_m,
            self._view_x_m,
            len(lateral_m),
            coefficients,
            spread,
            lateral_m,
        )
        return coefficients, spread, lateral_m, to_m

    @property
    def _arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        return self.x_m, self.y_m, self.sigma_m, self.weight, self._from_m


def levelled(
    x_m: np.ndarray, y_m: np.ndarray, pitch_error_rad: float, sag_radpm: float, height_m: float
) -> tuple[np.ndarray, np.ndarray]:
    """Ground points seen with a camera that looks down by `pitch_error_rad` more than was assumed, on a road that bends
    upwards by `sag_radpm`."""
    # On ground at pitch * x + sag * x² / 2, x looks to be at x / (1 - that / height).
    tilt = np.maximum(1 + pitch_error_rad * x_m / height_m, 0.2)
    scale = 2 / (tilt + np.sqrt(np.maximum(tilt**2 + 2 * sag_radpm * x_m**2 / height_m, 0.04)))
    return x_m * scale, y_m * scale
