"""Scalar observations from the lines of one image: lateral distance, heading, curvature and curvature rate.

The camera's errors are correlated from image to image, those of curvature most of all (0.94 from one image to the next
and 0.6 after half a second, method cv in the embedded world). `sigma_ratio` enlarges the stated sigmas instead of
modelling that. The errors of both lines are shared, so their mean is only as certain as the better line.
"""

import math
from collections.abc import Sequence

from lkas.decision.measurement import LineMeasurement
from lkas.scale import FULL_SIZE, Scale

MIN_MEASUREMENT_SIGMA = (0.02, 0.002, 1.5e-4, 1e-5)  # of a single measurement of c0 to c3


class ObservationModel:
    """Means and variances of line coefficients."""

    def __init__(self, sigma_ratio: float, scale: Scale = FULL_SIZE) -> None:
        self._sigma_ratio, self._is_model = sigma_ratio, scale != FULL_SIZE
        self._min_sigma = [sigma * scale.length ** (1 - order) for order, sigma in enumerate(MIN_MEASUREMENT_SIGMA)]

    def variance(self, line: LineMeasurement, order: int = 0) -> float:
        """Return the variance of the coefficient of this order (0 to 3)."""
        return max(self._sigma_ratio * line.sigmas[order], self._min_sigma[order]) ** 2

    def heading(self, lines: Sequence[LineMeasurement]) -> tuple[float, float]:
        """Return mean (rad) and variance of the car's heading relative to the lines."""
        slope, variance = self.mean(lines, 1)
        return -math.atan(slope), variance

    def mean(self, lines: Sequence[LineMeasurement], order: int) -> tuple[float, float]:
        """Return the weighted mean of a coefficient over the lines, and the smallest of their variances."""
        variances = [self.variance(line, order) for line in lines]
        weights = [1 / variance for variance in variances]
        values = [
            curvature_through_car_radpm(line) if order == 2 and self._is_model else line.coefficients[order]
            for line in lines
        ]
        mean = sum(weight * value for weight, value in zip(weights, values, strict=True))
        return mean / sum(weights), min(variances)


def lateral_distance_m(line: LineMeasurement) -> float:
    """Return the distance from the ego origin to the line, perpendicular to it; left is positive."""
    return line.coefficients[0] * math.cos(math.atan(line.coefficients[1]))


def curvature_through_car_radpm(line: LineMeasurement) -> float:
    """Return the curvature of the parallel of the line through the car.

    In the sharp bends of model roads it differs much from the line's own, and that from the second derivative.
    """
    curvature = line.coefficients[2] / (1 + line.coefficients[1] ** 2) ** 1.5
    return curvature / max(0.5, 1 + curvature * lateral_distance_m(line))
