"""Reliability of a confidence: reliability table, calibration error, area under the ROC curve."""

import numpy as np

BINS = 10
RESAMPLES = 400
INTERVAL = (2.5, 97.5)  # per cent


def calibration_error(confidence: np.ndarray, right: np.ndarray) -> float:
    """The expected calibration error: mean gap between confidence and share of right lines, over ten bins."""
    bin_of = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gap = np.bincount(bin_of, confidence - right, minlength=BINS)
    return float(np.abs(gap).sum() / len(right))


def error_interval(confidence: np.ndarray, right: np.ndarray, clip: np.ndarray) -> tuple[float, float]:
    """95 % interval of the calibration error from a bootstrap over clips. Resampling adds chance gaps to those of the
    sample, so the interval is biased upwards."""
    random = np.random.default_rng(1)
    rows_of = [np.flatnonzero(clip == name) for name in np.unique(clip)]
    errors = []
    for _ in range(RESAMPLES):
        rows = np.concatenate([rows_of[k] for k in random.integers(0, len(rows_of), len(rows_of))])
        errors.append(calibration_error(confidence[rows], right[rows]))
    low, high = np.percentile(errors, INTERVAL)
    return float(low), float(high)


def error_by_chance(confidence: np.ndarray) -> float:
    """The calibration error to expect of a perfectly calibrated confidence on as many lines: few lines, wide gaps."""
    random = np.random.default_rng(2)
    drawn = [calibration_error(confidence, random.random(len(confidence)) < confidence) for _ in range(RESAMPLES)]
    return float(np.mean(drawn))


def area_under_roc(confidence: np.ndarray, right: np.ndarray) -> float:
    """Probability that a right line has more confidence than a wrong one."""
    above = confidence[right][:, None] - confidence[~right][None]
    return float(((above > 0) + 0.5 * (above == 0)).mean()) if above.size else float("nan")


def report(name: str, confidence: np.ndarray, right: np.ndarray, clip: np.ndarray) -> None:
    """Print the metrics and the reliability table of (N,) lines."""
    low, high = error_interval(confidence, right, clip)
    print(
        f"\n{name}: {len(right)} lines of {len(np.unique(clip))} clips, {right.mean():.0%} right; "
        f"ECE {calibration_error(confidence, right):.3f} [{low:.3f}, {high:.3f}] "
        f"({error_by_chance(confidence):.3f} by chance alone), AUC {area_under_roc(confidence, right):.3f}"
    )
    print("| confidence | lines | mean confidence | right |\n|---|---|---|---|")
    bin_of = np.minimum((confidence * BINS).astype(int), BINS - 1)
    for k in range(BINS):
        inside = bin_of == k
        if inside.any():
            values = f"{confidence[inside].mean():.2f} | {right[inside].mean():.2f}"
            print(f"| {k / BINS:.1f} to {(k + 1) / BINS:.1f} | {inside.sum()} | {values} |")
