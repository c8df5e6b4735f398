"""Random positions of stains: tar seams across a road and skid marks."""

from collections.abc import Iterator

import numpy as np

SEAM_EVERY_M, SEAM_HALF_M = 28.0, 0.04  # mean distance at `amount` 1, half width
SKID_EVERY_M = 90.0
SKID_LENGTH_M = 8.0, 26.0
SKID_WIDTH_M, TRACK_M = 0.17, 1.5  # width of a tyre; distance between the wheels
SKID_DRIFT_M = 0.7  # maximum lateral displacement along a skid mark


def transverse_seams(
    start_m: float, end_m: float, amount: float, random: np.random.Generator
) -> Iterator[tuple[float, float]]:
    """(s, half of the width along the road) of each seam."""
    for s_m in np.sort(random.uniform(start_m, end_m, random.poisson((end_m - start_m) * amount / SEAM_EVERY_M))):
        yield float(s_m), SEAM_HALF_M * random.uniform(0.5, 1.5)


def skid_marks(
    start_m: float, end_m: float, amount: float, random: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """(s, t relative to the lane centre, width) along each stripe."""
    for _ in range(random.poisson((end_m - start_m) * amount / SKID_EVERY_M)):
        skid_start_m, length_m = random.uniform(start_m, end_m), random.uniform(*SKID_LENGTH_M)
        drift_m, offset_m = random.uniform(-SKID_DRIFT_M, SKID_DRIFT_M), random.uniform(-0.4, 0.4)
        s_m = np.arange(skid_start_m, min(skid_start_m + length_m, end_m), 1.0)
        if len(s_m) < 3:
            continue
        along = (s_m - skid_start_m) / length_m
        for wheel_m in (-TRACK_M / 2, TRACK_M / 2):
            yield s_m, offset_m + wheel_m + drift_m * along**2, SKID_WIDTH_M * np.minimum(1.0, 0.3 + 2.5 * along)
