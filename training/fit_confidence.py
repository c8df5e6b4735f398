"""Fit the weights of the confidence, and show how far it can be trusted.

    python -m training.fit_confidence [--method cv] [--photographs FOLDER] [--drives 240]

Prints WEIGHTS for lkas/detection/confidence.py and, for clips that were not fitted on, the reliability table, the
expected calibration error (ECE, ten bins) with its 95 % interval from a bootstrap over clips, and the area under the
ROC curve, for rendered frames and for photographs; first as the weights stand, then as fitted.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lkas.detection import DetectionParameters, create_detector
from lkas.detection.confidence import WEIGHTS, features_of
from lkas.vehicle import CameraConfig
from training.confidence_frames import KnownFrame, bare_picture, is_held_back, photographs, rendered_drive

FRAMES_PER_DRIVE = 20
PHOTOGRAPHS_SHARE = 0.4  # of the weight of all lines: they are few, but what it is about
RIDGE = 0.3  # pull of the weights towards zero, in lines
BINS = 10
RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Lines:
    """What was seen, one row a line."""

    features: np.ndarray  # (N, features)
    right: np.ndarray  # (N,) bool
    clip: np.ndarray  # (N,) str

    def chosen(self, keep: np.ndarray) -> "Lines":
        return Lines(self.features[keep], self.right[keep], self.clip[keep])


def seen_lines(method: str, frames: list[KnownFrame] | None, drives: int, bare: int) -> Lines:
    """Every line a detector looked at closely, however little it trusted it."""
    features, right, clips = [], [], []
    detector = create_detector(method, DetectionParameters(), CameraConfig())
    detector.keep_all_lines()

    def look(frame: KnownFrame) -> None:
        result = detector.detect(frame.image, frame.timestamp, frame.vehicle)
        model = result.lane_model
        for side, seen in enumerate(detector.seen):
            line = None if model is None else (model.left, model.right)[side]
            if seen is None or line is None:
                continue
            truth = frame.lines[side]
            height_px, width_px = frame.image.shape[:2]
            features.append(features_of(seen.support, seen.agreement))
            right.append(truth is not None and truth.is_met_by(line, model, width_px, height_px))
            clips.append(frame.clip)

    for frame in frames or ():
        look(frame)
    for seed in range(drives):
        detector.reset()
        for frame in rendered_drive(seed, FRAMES_PER_DRIVE):
            look(frame)
    for seed in range(bare):
        look(bare_picture(seed))
    return Lines(np.array(features), np.array(right), np.array(clips))


def fitted(groups: list[tuple[Lines, float]]) -> np.ndarray:
    """Logistic regression by Newton's method; each group with its share of the weight."""
    features = np.concatenate([lines.features for lines, _ in groups])
    right = np.concatenate([lines.right for lines, _ in groups]).astype(float)
    weight = np.concatenate([np.full(len(lines.right), share / len(lines.right)) for lines, share in groups])
    weight *= len(right)
    weights = np.zeros(features.shape[1])
    pull = RIDGE * np.eye(len(weights))
    for _ in range(40):
        chance = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (weight * (right - chance)) - pull @ weights
        curvature = (features * (weight * chance * (1 - chance))[:, None]).T @ features + pull
        weights += np.linalg.solve(curvature, gradient)
    return weights


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    bin_of = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bin_of, confidence - right, minlength=BINS)
    return float(np.abs(gap).sum() / len(right))


def area_under_roc(confidence: np.ndarray, right: np.ndarray) -> float:
    """Chance that a right line has more confidence than a wrong one."""
    above = confidence[right][:, None] - confidence[~right][None]
    return float(((above > 0) + 0.5 * (above == 0)).mean()) if above.size else float("nan")


def report(name: str, lines: Lines, weights: np.ndarray) -> None:
    confidence = 1 / (1 + np.exp(-lines.features @ weights))
    rng = np.random.default_rng(1)
    clips = np.unique(lines.clip)
    rows_of = {clip: np.flatnonzero(lines.clip == clip) for clip in clips}
    errors = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([rows_of[clip] for clip in rng.choice(clips, len(clips))])
        errors.append(calibration_error(confidence[rows], lines.right[rows]))
    low, high = np.percentile(errors, [2.5, 97.5])
    print(
        f"\n{name}: {len(lines.right)} lines of {len(clips)} clips, {lines.right.mean():.0%} right; "
        f"ECE {calibration_error(confidence, lines.right):.3f} [{low:.3f}, {high:.3f}], "
        f"AUC {area_under_roc(confidence, lines.right):.3f}"
    )
    print("| confidence | lines | mean confidence | right |\n|---|---|---|---|")
    bin_of = np.minimum((confidence * BINS).astype(int), BINS - 1)
    for k in range(BINS):
        inside = bin_of == k
        if inside.any():
            figures = f"{confidence[inside].mean():.2f} | {lines.right[inside].mean():.2f}"
            print(f"| {k / BINS:.1f} to {(k + 1) / BINS:.1f} | {inside.sum()} | {figures} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=("cv", "hybrid"), default="cv")
    parser.add_argument("--photographs", type=Path, help="folder with labels.json and manifest.json")
    parser.add_argument("--drives", type=int, default=240, help="rendered drives, half of them for checking")
    parser.add_argument("--bare", type=int, default=120, help="pictures without a lane")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    rendered = seen_lines(options.method, None, options.drives, options.bare)
    real = None
    if options.photographs is not None:
        real = seen_lines(options.method, list(photographs(options.photographs)), 0, 0)
    fit_on, check = [], []
    for name, lines, share in (("rendered", rendered, 1 - PHOTOGRAPHS_SHARE), ("photographs", real, PHOTOGRAPHS_SHARE)):
        if lines is not None:
            held = np.array([is_held_back(clip) for clip in lines.clip])
            fit_on.append((lines.chosen(~held), share))
            check.append((f"{name}, not fitted on", lines.chosen(held)))
    weights = fitted(fit_on)
    for title, these in (("as it stands", np.array(WEIGHTS)), ("as fitted", weights)):
        for name, lines in check:
            report(f"{name}, {title}", lines, these)
    print("\nWEIGHTS = (" + ", ".join(f"{value:.2f}" for value in weights) + ")")


if __name__ == "__main__":
    main()
