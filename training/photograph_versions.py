"""A photograph in several versions that show the same lanes: the result in one of them is partly chance.

Two versions of one photograph differ as much as two photographs of one road would, so the mean over all versions
separates methods that single results on 76 photographs do not.
"""

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from lkas.detection.lane_fit.outline import NO_POINT
from lkas.detection.scoring.culane import Counts
from lkas.detection.scoring.score import ScoredFrame
from lkas.detection.scoring.tusimple import FrameScore

CUT_RATIO = 0.0125  # of the width, removed at the left

Record = dict[str, Any]  # a line of `lkas detect --jsonl`


def versions(image: np.ndarray) -> list[tuple[np.ndarray, Callable[[Record], Record]]]:
    """The (H, W, 3) uint8 photograph unchanged, darker, brighter, mirrored and cut; each with a function that maps its
    record back to the photograph."""
    width_px = image.shape[1]
    cut_px = round(CUT_RATIO * width_px)
    return [
        (image, lambda record: record),
        (_with_gamma(image, 1.25), lambda record: record),
        (_with_gamma(image, 0.8), lambda record: record),
        (np.ascontiguousarray(image[:, ::-1]), lambda record: _moved(record, lambda x_px: width_px - 1 - x_px)),
        (np.ascontiguousarray(image[:, cut_px:]), lambda record: _moved(record, lambda x_px: x_px + cut_px)),
    ]


def pooled(frames: list[ScoredFrame]) -> ScoredFrame:
    """The scores of one photograph's versions as those of one frame: accuracies averaged, lanes counted."""
    known = [frame.tusimple for frame in frames if frame.tusimple is not None]
    means = (
        np.mean([(one.accuracy, one.false_positive, one.false_negative) for one in known], axis=0) if known else None
    )
    counts = np.sum([(each.counts.right, each.counts.false, each.counts.missed) for each in frames], axis=0)
    return ScoredFrame(
        tusimple=None if means is None else FrameScore(*means.tolist()),
        counts=Counts(*counts.tolist()),
        error_px=[error for frame in frames for error in frame.error_px],
        claimed=sum(frame.claimed for frame in frames),
    )


def _with_gamma(image: np.ndarray, gamma: float) -> np.ndarray:
    return cv2.LUT(image, (255 * (np.arange(256) / 255) ** gamma).astype(np.uint8))


def _moved(record: Record, column_of: Callable[[float], float]) -> Record:
    lanes = [[NO_POINT if x_px == NO_POINT else column_of(x_px) for x_px in lane] for lane in record["lanes"]]
    return record | {"lanes": lanes}
