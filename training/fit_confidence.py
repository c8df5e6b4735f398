"""Fit the weights of the confidence, and print its reliability.

    python -m training.fit_confidence [--method cv,hybrid] [--photographs FOLDER] [--drives 90] [--kept 15]
    python -m training.fit_confidence --drives 0 [--judged-drives 60]    judges the current weights, fits nothing

Fitted on rendered drives. Judged on rendered drives of other seeds and on labelled photographs, which are never fitted
on. Prints for each method the reliability table, the expected calibration error (ECE, ten bins) with its 95 % interval
from a bootstrap over clips, and the area under the ROC curve, first of the current weights, then of the fitted ones;
at the end the fitted WEIGHTS for lkas/detection/lane_fit/confidence.py. All weights except the last one also choose
among views and lines, so new values change which lines are found; `--kept 15` keeps them.
"""

import argparse
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lkas.detection import DetectionParameters, create_detector
from lkas.detection.lane_fit.confidence import WEIGHTS, features_of
from lkas.detection.methods.cv import CvDetector
from lkas.detection.methods.hybrid import HybridDetector
from lkas.vehicle import CameraConfig
from training.confidence_frames import KnownFrame, image_without_lane, photographs, rendered_drive
from training.reliability import report

FRAMES_PER_DRIVE = 20
RIDGE = 0.3  # pull of the weights towards zero, in lines
JUDGED_FROM = 1000  # seeds of drives and images without a lane that no fit has seen


@dataclass(frozen=True, slots=True)
class LineSamples:
    """The lines that a method fitted, one row per line."""

    features: np.ndarray  # (N, features)
    right: np.ndarray  # (N,) bool
    clip: np.ndarray  # (N,) str


def sample_lines(methods: list[str], frames: Iterable[KnownFrame]) -> dict[str, LineSamples]:
    """For each method every line that it fitted, whatever its confidence."""
    collectors = {method: _LineCollector(method) for method in methods}
    for frame in frames:  # generated once for all methods: that takes longer than detection
        for collector in collectors.values():
            collector.add(frame)
    return {method: collector.lines for method, collector in collectors.items()}


class _LineCollector:
    """Collects the lines of one method frame by frame."""

    def __init__(self, method: str) -> None:
        detector = create_detector(method, DetectionParameters(), CameraConfig())
        if not isinstance(detector, CvDetector | HybridDetector):
            raise SystemExit(f"method {method} has no fitted confidence; known are cv and hybrid")
        self._detector = detector
        self._detector.lane_fit.keep_all_lines()
        self._clip = ""
        self._rows: list[tuple[tuple[float, ...], bool, str]] = []

    @property
    def lines(self) -> LineSamples:
        features, right, clips = zip(*self._rows, strict=True)
        return LineSamples(np.array(features), np.array(right), np.array(clips))

    def add(self, frame: KnownFrame) -> None:
        if frame.clip != self._clip:
            self._detector.reset()
            self._clip = frame.clip
        result = self._detector.detect(frame.image, frame.timestamp, frame.vehicle)
        model = result.lane_model
        height_px, width_px = frame.image.shape[:2]
        for side, seen in enumerate(self._detector.lane_fit.lines):
            line = None if model is None else (model.left, model.right)[side]
            if seen is None or line is None:
                continue
            truth = frame.lines[side]
            is_right = truth is not None and truth.is_matched_by(line, model, width_px, height_px)
            self._rows.append((features_of(seen.support, seen.agreement), is_right, frame.clip))


def rendered(drives: range, without_lane: range) -> Iterator[KnownFrame]:
    """Rendered drives and images without a lane, of these seeds."""
    for seed in drives:
        yield from rendered_drive(seed, FRAMES_PER_DRIVE)
    yield from map(image_without_lane, without_lane)


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
    """The logistic function of (N, features): (N,) in [0, 1]."""
    return 1 / (1 + np.exp(-features @ weights))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="cv,hybrid", help="methods whose lines are pooled for the fit")
    parser.add_argument("--photographs", type=Path, help="folder with labels.json and manifest.json")
    parser.add_argument("--drives", type=int, default=90, help="rendered drives to fit on; 0: judge only")
    parser.add_argument("--kept", type=int, default=0, help="number of first weights that stay as they are")
    parser.add_argument("--judged-drives", type=int, default=60, help="rendered drives to judge on")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    methods = options.method.split(",")
    judged = range(JUDGED_FROM, JUDGED_FROM + options.judged_drives)
    lines_of = {"rendered": sample_lines(methods, rendered(judged, judged))}
    if options.photographs is not None:
        lines_of["photographs"] = sample_lines(methods, photographs(options.photographs))
    _judge(lines_of, np.array(WEIGHTS), "current")
    if options.drives:
        seeds = range(options.drives)
        known = sample_lines(methods, rendered(seeds, seeds)).values()
        features, right = (np.concatenate([getattr(k, name) for k in known]) for name in ("features", "right"))
        weights = fitted(features, right, WEIGHTS[: options.kept])
        _judge(lines_of, weights, "fitted")
        print("\nWEIGHTS = (" + ", ".join(f"{value:.2f}" for value in weights) + ")")


def _judge(lines_of: dict[str, dict[str, LineSamples]], weights: np.ndarray, title: str) -> None:
    for kind, by_method in lines_of.items():
        for method, lines in by_method.items():
            report(f"{kind}, {method}, {title}", confidences(lines.features, weights), lines.right, lines.clip)


if __name__ == "__main__":
    main()
