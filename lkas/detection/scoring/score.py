"""Scores of one or several methods over labelled frames, pooled, in groups, and against each other."""

from typing import Any

import numpy as np
from msgspec import Struct

from lkas.detection.scoring.culane import Counts, count_frame
from lkas.detection.scoring.labels import Label
from lkas.detection.scoring.lanes import columns_at, ego_lanes, points_of
from lkas.detection.scoring.tusimple import AT_WIDTH_PX, FrameScore, score_frame

CLAIMED = 0.5  # confidence from which a false lane counts as claimed
RESAMPLES = 4000  # of the frames, for an interval
INTERVAL = (2.5, 97.5)  # per cent


class ScoredFrame(Struct, frozen=True):
    """One frame of one method."""

    tusimple: FrameScore | None  # None: no lane is labelled, and the score is undefined
    counts: Counts
    error_px: list[float]  # per labelled lane, mean distance of the nearest prediction, at 1280 px
    claimed: int  # lanes of confidence 0.5 and more in a frame without a lane


class Summary(Struct, frozen=True):
    """Scores over many frames of one method. None: no frame determines the value."""

    frames: int
    accuracy: float | None
    false_positive: float | None
    false_negative: float | None
    counts: Counts
    median_px: float | None
    without_lanes: int
    claimed: int


class Difference(Struct, frozen=True):
    """Score of a method minus that of another one on the same frames, with the 95 % interval of a paired bootstrap."""

    mean: float
    low: float
    high: float


def score(record: dict[str, Any], label: Label, width_px: int, height_px: int, *, ego_only: bool) -> ScoredFrame:
    """One line of `lkas detect --jsonl` against its label. `ego_only`: the two lanes beside the image's middle."""
    rows_px = label.rows_px()
    record_rows_px = np.array(record["h_samples"], float)
    predicted = [columns_at(np.array(lane, float), record_rows_px, rows_px) for lane in record["lanes"]]
    labelled = label.columns()
    if ego_only:
        predicted = ego_lanes(predicted, rows_px, width_px, height_px)
        labelled = ego_lanes(labelled, rows_px, width_px, height_px)
    drawn = [
        [points for points in (points_of(lane, rows_px) for lane in lanes) if len(points) > 1]
        for lanes in (predicted, labelled)
    ]
    return ScoredFrame(
        tusimple=score_frame(predicted, labelled, rows_px, width_px) if labelled else None,
        counts=count_frame(drawn[0], drawn[1], width_px, height_px),
        error_px=_errors_px(predicted, labelled, AT_WIDTH_PX / width_px),
        claimed=0 if labelled else sum((sure or 0.0) >= CLAIMED for sure in record["confidence"]),
    )


def summarise(frames: list[ScoredFrame]) -> Summary:
    """Means of the TuSimple scores over frames with lanes, CULane counts of all frames together."""
    known = [frame.tusimple for frame in frames if frame.tusimple is not None]
    errors_px = [error for frame in frames for error in frame.error_px]
    means = (
        np.mean([(s.accuracy, s.false_positive, s.false_negative) for s in known], axis=0).tolist() if known else None
    )
    return Summary(
        frames=len(frames),
        accuracy=means and means[0],
        false_positive=means and means[1],
        false_negative=means and means[2],
        counts=Counts(*_counts(frames).sum(axis=0).tolist()),
        median_px=float(np.median(errors_px)) if errors_px else None,
        without_lanes=len(frames) - len(known),
        claimed=sum(frame.claimed for frame in frames),
    )


def difference(
    of: list[ScoredFrame], against: list[ScoredFrame], seed: int = 1
) -> tuple[Difference | None, Difference]:
    """(accuracy, F1) of a method minus those of another one on the same frames in the same order."""
    random = np.random.default_rng(seed)
    chosen = random.integers(0, len(of), (RESAMPLES, len(of)))
    f1 = [_f1(_counts(frames)[chosen].sum(axis=1)) for frames in (of, against)]
    pooled = [_f1(_counts(frames).sum(axis=0)) for frames in (of, against)]
    accuracy = None
    if any(frame.tusimple for frame in of):
        off = np.array([_accuracy(one) - _accuracy(other) for one, other in zip(of, against, strict=True)])
        off = off[np.isfinite(off)]
        means = off[random.integers(0, len(off), (RESAMPLES, len(off)))].mean(axis=1)
        accuracy = Difference(float(off.mean()), *np.percentile(means, INTERVAL).tolist())
    return accuracy, Difference(float(pooled[0] - pooled[1]), *np.percentile(f1[0] - f1[1], INTERVAL).tolist())


def _accuracy(frame: ScoredFrame) -> float:
    return np.nan if frame.tusimple is None else frame.tusimple.accuracy


def _counts(frames: list[ScoredFrame]) -> np.ndarray:
    """(frames, 3) lanes right, false, missed."""
    return np.array([(f.counts.right, f.counts.false, f.counts.missed) for f in frames], int).reshape(-1, 3)


def _f1(counts: np.ndarray) -> np.ndarray:
    right, false, missed = np.moveaxis(counts, -1, 0)
    return 2 * right / np.maximum(2 * right + false + missed, 1)


def _errors_px(predicted: list[np.ndarray], labelled: list[np.ndarray], scale: float) -> list[float]:
    errors = []
    for lane in labelled:
        off = [np.abs(other - lane)[(other >= 0) & (lane >= 0)] for other in predicted]
        means = [float(distance.mean()) for distance in off if len(distance)]
        if means:
            errors.append(min(means) * scale)
    return errors
