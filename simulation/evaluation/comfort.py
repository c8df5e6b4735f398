"""Lateral acceleration and jerk of the path, by our definition and with the filter of UN R79.

Our definition: acceleration is the mean over 0.1 s, jerk is its change over 0.5 s. UN R79 (ACSF) filters the
acceleration with a 4th-order Butterworth low-pass of 0.5 Hz; jerk is the 0.5 s mean of its derivative.
"""

import math
from typing import NamedTuple

import numpy as np

MEAN_S, JERK_S = 0.1, 0.5
R79_CUT_OFF_HZ, R79_ORDER = 0.5, 4


class Comfort(NamedTuple):
    """Largest magnitudes of a drive. None: the drive is shorter than the averaging window."""

    accel_mps2: float | None
    jerk_mps3: float | None


def lateral_comfort(accel_mps2: np.ndarray, step_s: float) -> Comfort:
    """Compute acceleration and jerk by our definition from (N,) lateral accelerations `step_s` apart."""
    window = max(1, round(MEAN_S / step_s))
    if len(accel_mps2) < window:
        return Comfort(None, None)
    mean = np.convolve(accel_mps2, np.full(window, 1 / window), mode="valid")
    return Comfort(_largest(mean), _largest(_change(mean, step_s)))


def lateral_comfort_r79(accel_mps2: np.ndarray, step_s: float) -> Comfort:
    """Compute acceleration and jerk with the filter of UN R79, initialised to the first value."""
    if len(accel_mps2) == 0:
        return Comfort(None, None)
    filtered = butterworth_low_pass(accel_mps2, step_s, R79_CUT_OFF_HZ, R79_ORDER)
    return Comfort(_largest(filtered), _largest(_change(filtered, step_s)))


def butterworth_low_pass(values: np.ndarray, step_s: float, cut_off_hz: float, order: int) -> np.ndarray:
    """Apply a causal Butterworth low-pass of even order: second-order sections from the bilinear transform."""
    warped = math.tan(math.pi * cut_off_hz * step_s)
    for k in range(order // 2):
        damping = 2 * math.cos(math.pi * (2 * k + 1) / (2 * order))  # 1/Q of this section
        norm = 1 / (1 + damping * warped + warped * warped)
        gain = warped * warped * norm
        a1, a2 = 2 * (warped * warped - 1) * norm, (1 - damping * warped + warped * warped) * norm
        values = _section(values, gain, a1, a2)
    return values


def _section(values: np.ndarray, gain: float, a1: float, a2: float) -> np.ndarray:
    """Compute y[n] = gain (x[n] + 2 x[n-1] + x[n-2]) - a1 y[n-1] - a2 y[n-2], settled at the first value."""
    x1 = x2 = y1 = y2 = float(values[0])
    out = np.empty(len(values))
    for n, x in enumerate(values.tolist()):
        y = gain * (x + 2 * x1 + x2) - a1 * y1 - a2 * y2
        out[n] = y
        x2, x1, y2, y1 = x1, x, y1, y
    return out


def _change(accel_mps2: np.ndarray, step_s: float) -> np.ndarray:
    """Return the rate of change over JERK_S, which equals the mean derivative over this window."""
    lag = max(1, round(JERK_S / step_s))
    return (accel_mps2[lag:] - accel_mps2[:-lag]) / JERK_S


def _largest(values: np.ndarray) -> float | None:
    return float(np.abs(values).max()) if len(values) else None
