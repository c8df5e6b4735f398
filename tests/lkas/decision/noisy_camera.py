"""The camera of the test bench: lane lines with white and correlated errors."""

import math

import numpy as np

from lkas.integration.shared_memory.messages import Calibration, DetectionMessage, LaneLine, LaneModel
from tests.lkas.decision.plant import SESSION, Plant

CALIBRATION = Calibration(focal_px=571.0, cx_px=399.5, cy_px=299.5, height_m=1.4, pitch_rad=0.07, x_m=0.6)


class NoisyCamera:
    """Measures both lines with white and correlated errors.

    `errors` selects the error model. "prototype": 3 cm and 0.17 deg, half of it white, half correlated over 0.5 s;
    curvature and its rate white. "detector": as measured for method cv in the embedded world, suite smoke. White parts
    of 4 mm, 0.03 deg, 6e-5 1/m and 3e-6 1/m², and one error of the line fit where the road is not a cubic: correlation
    0.94 from frame to frame, common to all coefficients (offset against heading -0.9, heading against curvature 0.96),
    and growing with the sharpness of the bends that are driven at a speed, as 1 / v³.
    """

    def __init__(self, seed: int, noise: float, errors: str = "prototype") -> None:
        self._random = np.random.default_rng(seed)
        self._noise = noise
        self._draw = {"prototype": self._prototype_errors, "detector": self._detector_errors}[errors]
        self._slow = np.zeros(2)

    def _prototype_errors(self, speed_mps: float) -> np.ndarray:
        """(4,) errors of offset, heading, curvature and curvature rate."""
        self._slow = 0.935 * self._slow + math.sqrt(1 - 0.935**2) * self._random.normal(size=2) * (0.03, 0.003)
        white = self._random.normal(size=4) * (0.021, 0.0021, 4.5e-4, 2.5e-5)
        return white + np.array([*self._slow, 0.0, 0.0])

    def _detector_errors(self, speed_mps: float) -> np.ndarray:
        self._slow = 0.94 * self._slow + math.sqrt(1 - 0.94**2) * self._random.normal(size=2)
        white = self._random.normal(size=4) * (0.0036, 0.00055, 5.6e-5, 2.9e-6)
        return white + self._slow[0] / max(8.0, speed_mps) ** 3 * np.array([-50.0, 18.0, 3.5, -0.24])

    def expose(self, plant: Plant, now_s: float, frame_id: int, lines: str = "both") -> DetectionMessage:
        """Return the detection of a frame. `lines`: both, left, right or none."""
        road, n = plant.road, self._noise
        offset_m, heading_rad, curvature, rate = (self._draw(plant.speed_mps) * n).tolist()
        kappa, ahead = road.curvature(plant.s_m), road.curvature(plant.s_m + 25)
        slope = -math.tan(plant.heading_rad + heading_rad)
        errors = self._random.normal(size=2) * 0.015 * n

        def line(side: float, error_m: float) -> LaneLine:
            lateral_m = side * road.width_m / 2 - plant.offset_m - offset_m + error_m
            return LaneLine(
                c0=lateral_m / math.cos(plant.heading_rad),
                c1=slope,
                c2=kappa + curvature,
                c3=(ahead - kappa) / 25 + rate,
                sigma_c0=0.03,
                sigma_c1=0.003,
                sigma_c2=4.5e-4,
                sigma_c3=2.5e-5,
                x_min_m=4.0,
                x_max_m=45.0,
                confidence=0.95,
            )

        left = line(1.0, errors[0]) if lines in ("both", "left") else None
        right = line(-1.0, errors[1]) if lines in ("both", "right") else None
        model = LaneModel(left=left, right=right, width_m=None, width_sigma_m=None, calibration=CALIBRATION)
        return DetectionMessage(
            session=SESSION, frame_id=frame_id, timestamp=now_s, capture_ns=round(now_s * 1e9), lane_model=model
        )
