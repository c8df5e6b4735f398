"""The TuSimple lane challenge's score of one frame.

A row of a lane is right if the predicted column is less than 20 px (of 1280) / cos(a) away, where a is the angle of the
labelled lane from the vertical. A row without a point in both is right as well. A labelled lane is matched with the
prediction that is right on most of its rows; with 85 % of them it is found. With more than four labelled lanes the
worst one is not counted and one miss is ignored. With more than two surplus predictions the frame scores zero.
"""

import math

import numpy as np
from msgspec import Struct

TOLERANCE_PX, AT_WIDTH_PX = 20.0, 1280.0
FOUND_RATIO = 0.85
COUNTED_LANES = 4
MAX_SURPLUS = 2
MISSING_PX = -100.0  # the column that the official evaluator uses for a missing point


class FrameScore(Struct, frozen=True):
    """All in [0, 1]."""

    accuracy: float
    false_positive: float
    false_negative: float


def score_frame(
    predicted: list[np.ndarray], labelled: list[np.ndarray], rows_px: np.ndarray, width_px: int
) -> FrameScore:
    """Lanes are columns at `rows_px`, negative without a point; at least one lane is labelled."""
    if len(predicted) > len(labelled) + MAX_SURPLUS:
        return FrameScore(0.0, 0.0, 1.0)
    best = []
    for lane in labelled:
        tolerance_px = TOLERANCE_PX * width_px / AT_WIDTH_PX / math.cos(angle_rad(lane, rows_px))
        best.append(max((share_right(other, lane, tolerance_px) for other in predicted), default=0.0))
    found = sum(share >= FOUND_RATIO for share in best)
    missed, total = len(best) - found, sum(best)
    if len(labelled) > COUNTED_LANES:
        total -= min(best)
        missed = max(0, missed - 1)
    counted = min(COUNTED_LANES, len(labelled))
    false_positive = (len(predicted) - found) / len(predicted) if predicted else 0.0
    return FrameScore(total / counted, false_positive, missed / counted)


def angle_rad(lane: np.ndarray, rows_px: np.ndarray) -> float:
    """Angle from the vertical of the least-squares line through a lane's points; 0 with fewer than two points."""
    seen = lane >= 0
    if np.count_nonzero(seen) < 2:
        return 0.0
    down_px = rows_px[seen] - rows_px[seen].mean()
    return math.atan(float(down_px @ lane[seen] / (down_px @ down_px)))


def share_right(predicted: np.ndarray, labelled: np.ndarray, tolerance_px: float) -> float:
    """Share of the rows on which a prediction is right."""
    columns = [np.where(lane >= 0, lane, MISSING_PX) for lane in (predicted, labelled)]
    return float((np.abs(columns[0] - columns[1]) < tolerance_px).mean()) if len(labelled) else 0.0
