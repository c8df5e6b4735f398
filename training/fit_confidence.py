"""Fit the weights of the confidence, and show how far it can be believed.

    python -m training.fit_confidence [--method cv,hybrid] [--photographs FOLDER] [--drives 90] [--kept 15]
    python -m training.fit_confidence --drives 0 [--judged-drives 60]    judges the weights that stand, fits nothing

Fitted on rendered drives. Judged on rendered drives of other seeds and on labelled photographs, which are never fitted
on. Prints for each method the reliability table, the expected calibration error (ECE, ten bins) with its 95 % interval
from a bootstrap over clips, and the area under the ROC curve, first as the weights stand, then as fitted; in the end
the fitted WEIGHTS for lkas/detection/lane_fit/confidence.py. All but the last one also choose among views and lines, so
with them the lines that are found change; `--kept 15` leaves them as they stand.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lkas.detection import DetectionParameters, create_detector
from lkas.detection.lane_fit.confidence import WEIGHTS, features_of
from lkas.vehicle import CameraConfig
from training.confidence_frames import KnownFrame, bare_picture, photographs, rendered_drive
from training.reliability import report

FRAMES_PER_DRIVE = 20
RIDGE = 0.3  # pull of the weights towards zero, in lines
JUDGED_FROM = 1000  # seeds of drives and bare pictures that no fit has seen


@dataclass(frozen=True, slots=True)
class Lines:
    """What was seen, one row a line."""

    features: np.ndarray  # (N, features)
    right: np.ndarray  # (N,) bool
    clip: np.ndarray  # (N,) str


def seen_lines(methods: list[str], frames: Iterable[KnownFrame]) -> dict[str, Lines]:
    """For each method every line it looked at closely, however little it trusted it."""
    witnesses = {method: _Witness(method) for method in methods}
    for frame in frames:  # made once for all methods: that takes longer than to find the lanes
        for witness in witnesses.values():
            witness.look(frame)
    return {method: witness.lines for method, witness in witnesses.items()}


class _Witness:
    """One method's lines, gathered frame by frame."""

    def __init__(self, method: str) -> None:
        self._detector = create_detector(method, DetectionParameters(), CameraConfig())
        self._detector.keep_all_lines()
        self._clip = ""
        self._rows: list[tuple[tuple[float, ...], bool, str]] = []

    @property
    def lines(self) -> Lines:
        features, right, clips = zip(*self._rows, strict=True)
        return Lines(np.array(features), np.array(right), np.array(clips))

    def look(self, frame: KnownFrame) -> None:
        if frame.clip != self._clip:
            self._detector.reset()
            self._clip = frame.clip
        result = self._detector.detect(frame.image, frame.timestamp, frame.vehicle)
        model = result.lane_model
        height_px, width_px = frame.image.shape[:2]
        for side, seen in enumerate(self._detector.seen):
            line = None if model is None else (model.left, model.right)[side]
            if seen is None or line is None:
                continue
            truth = frame.lines[side]
            is_right = truth is not None and truth.is_met_by(line, model, width_px, height_px)
            self._rows.append((features_of(seen.support, seen.agreement), is_right, frame.clip))


def rendered(drives: range, bare: range) -> Iterator[KnownFrame]:
    """Rendered drives and pictures without a lane, of these seeds."""
    for seed in drives:
        yield from rendered_drive(seed, FRAMES_PER_DRIVE)
    yield from map(bare_picture, bare)


def fitted(features: np.ndarray, right: np.ndarray, kept: tuple[float, ...] = ()) -> np.ndarray:
    """Logistic regression by Newton's method: (N, features) and (N,) bool -> the weights, the first ones `kept`."""
    free = slice(len(kept), None)
    weights = np.zeros(features.shape[1])
    weights[: len(kept)] = kept
    pull = RIDGE * np.eye(len(weights) - len(kept))
    for _ in range(40):
        chance = confidences(features, weights)
        gradient = features[:, free].T @ (right - chance) - pull @ weights[free]
        curvature = (features[:, free] * (chance * (1 - chance))[:, None]).T @ features[:, free] + pull
        weights[free] += np.linalg.solve(curvature, gradient)
    return weights


def confidences(features: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-features @ weights))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="cv,hybrid", help="methods whose lines are pooled for the fit")
    parser.add_argument("--photographs", type=Path, help="folder with labels.json and manifest.json")
    parser.add_argument("--drives", type=int, default=90, help="rendered drives to fit on; 0: judge only")
    parser.add_argument("--kept", type=int, default=0, help="so many of the first weights stay as they are")
    parser.add_argument("--judged-drives", type=int, default=60, help="rendered drives to judge on")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    methods = options.method.split(",")
    judged = range(JUDGED_FROM, JUDGED_FROM + options.judged_drives)
    lines_of = {"rendered": seen_lines(methods, rendered(judged, judged))}
    if options.photographs is not None:
        lines_of["photographs"] = seen_lines(methods, photographs(options.photographs))
    _judge(lines_of, np.array(WEIGHTS), "as it stands")
    if options.drives:
        seeds = range(options.drives)
        known = seen_lines(methods, rendered(seeds, seeds)).values()
        features, right = (np.concatenate([getattr(k, name) for k in known]) for name in ("features", "right"))
        weights = fitted(features, right, WEIGHTS[: options.kept])
        _judge(lines_of, weights, "as fitted")
        print("\nWEIGHTS = (" + ", ".join(f"{value:.2f}" for value in weights) + ")")


def _judge(lines_of: dict[str, dict[str, Lines]], weights: np.ndarray, title: str) -> None:
    for kind, by_method in lines_of.items():
        for method, lines in by_method.items():
            report(f"{kind}, {method}, {title}", confidences(lines.features, weights), lines.right, lines.clip)


if __name__ == "__main__":
    main()
