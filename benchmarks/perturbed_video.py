"""Robustness of detection: one video, perturbed in twenty ways.

    LKAS_DATA=FOLDER python -m benchmarks.perturbed_video [--method cv] [--every 4]

Reference: the lines that method cv finds in the clean video (both lines in all its 221 frames; in 13 frames spread over
the video they were inspected enlarged, and lie on the middle of the paint from the bumper to the horizon), transformed
where a perturbation moves the image. A frame is right if both lines lie within 20 px (of an image 1280 px wide) of the
reference, on average over the rows that both reach. Prints the share of such frames, and the mean.
"""

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from lkas.detection import create_detector
from lkas.detection.lane_fit.outline import polylines

VIDEO = "videos/solid_white_right.mp4"
RIGHT_PX = 20.0
MIN_COMMON_ROWS = 10
SETTLING_FRAMES = 6  # the calibration of a video needs a few frames

ImageChange = Callable[[np.ndarray, np.random.Generator], np.ndarray]


@dataclass(frozen=True, slots=True)
class Perturbation:
    name: str
    change: ImageChange
    move: np.ndarray | None = None  # (2, 3) affine transform of a pixel of the clean image


def perturbations(width_px: int, height_px: int) -> list[Perturbation]:
    centre = (width_px / 2, 0.6 * height_px)
    unit = height_px / 450

    def moved(name: str, matrix: np.ndarray) -> Perturbation:
        size = (width_px, height_px)
        return Perturbation(
            name, lambda image, _: cv2.warpAffine(image, matrix, size, borderMode=cv2.BORDER_REPLICATE), matrix
        )

    def shifted(down_px: float) -> np.ndarray:
        return np.array([[1.0, 0.0, 0.0], [0.0, 1.0, down_px * unit]])

    def gain(factor: float, level: float = 0.0) -> ImageChange:
        return lambda image, _: _clipped(image * factor + level)

    def noise(levels: float) -> ImageChange:
        return lambda image, rng: _clipped(image + rng.normal(0, levels, image.shape))

    def jpeg(quality: int) -> ImageChange:
        def compressed(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
            return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR)

        return compressed

    def half(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
        return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)

    def grey(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
        return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)

    kernel = np.zeros((9, 9), np.float32)
    kernel[4] = 1 / 9
    return [
        Perturbation("clean", lambda image, _: image),
        Perturbation("dark x 0.25", gain(0.25)),
        Perturbation("dark x 0.15, noise 4", lambda image, rng: _clipped(image * 0.15 + rng.normal(0, 4, image.shape))),
        Perturbation("overexposed x 1.8", gain(1.8)),
        Perturbation("contrast x 0.3", gain(0.3, 90.0)),
        Perturbation("contrast x 0.15", gain(0.15, 100.0)),
        Perturbation("noise 20", noise(20.0)),
        Perturbation("blur 3 px", lambda image, _: cv2.GaussianBlur(image, (0, 0), 3.0)),
        Perturbation("motion blur 9 px", lambda image, _: cv2.filter2D(image, -1, kernel)),
        Perturbation("JPEG quality 10", jpeg(10)),
        Perturbation("tree shadows", _shadows),
        Perturbation("low sun", _glare),
        Perturbation("drops on the lens", _drops),
        Perturbation("car ahead", _car),
        Perturbation("haze", _haze),
        moved("pitch + 8 px", shifted(8.0)),
        moved("pitch - 8 px", shifted(-8.0)),
        moved("roll 2 deg", cv2.getRotationMatrix2D(centre, 2.0, 1.0)),
        moved("crop to 85 %", cv2.getRotationMatrix2D(centre, 0.0, 1 / 0.85)),
        Perturbation("half the size", half, np.array([[0.5, 0.0, -0.25], [0.0, 0.5, -0.25]])),
        Perturbation("grey", grey),
    ]


def _clipped(levels: np.ndarray) -> np.ndarray:
    return np.clip(levels, 0, 255).astype(np.uint8)


def _shadows(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    shade = np.ones(image.shape[:2], np.float32)
    height_px, width_px = shade.shape
    for k in range(7):
        top = int((0.6 + 0.055 * k) * height_px)
        cv2.line(shade, (0, top + 9 * k), (width_px, top - 7 * k), 0.45, 3 + 2 * k)
    return _clipped(image * cv2.GaussianBlur(shade, (0, 0), 2.0)[..., None])


def _glare(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    light = np.zeros(image.shape[:2], np.float32)
    cv2.circle(light, (int(0.62 * image.shape[1]), int(0.35 * image.shape[0])), image.shape[0] // 4, 200.0, -1)
    return _clipped(image + cv2.GaussianBlur(light, (0, 0), image.shape[0] / 8)[..., None])


def _drops(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Drops on the lens: in the same places in every frame."""
    rng = np.random.default_rng(3)
    soft, mask = cv2.GaussianBlur(image, (0, 0), 9.0), np.zeros(image.shape[:2], np.float32)
    for _drop in range(25):
        at = (rng.uniform(0, 1, 2) * image.shape[1::-1]).astype(int).tolist()
        cv2.circle(mask, at, int(rng.uniform(0.01, 0.035) * image.shape[1]), 1.0, -1)
    share = cv2.GaussianBlur(mask, (0, 0), 3.0)[..., None]
    return _clipped(image * (1 - share) + soft * share)


def _car(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    height_px, width_px = image.shape[:2]
    left, right, top, bottom = (round(v) for v in (0.44 * width_px, 0.57 * width_px, 0.6 * height_px, 0.72 * height_px))
    drawn = image.copy()
    drawn[top:bottom, left:right] = (45, 50, 70)
    drawn[top + (bottom - top) // 8 : (top + bottom) // 2, left + 8 : right - 8] = (95, 105, 115)
    drawn[bottom - 12 : bottom, left:right] = (18, 18, 18)
    return drawn


def _haze(image: np.ndarray, _: np.random.Generator) -> np.ndarray:
    """Thick at the horizon, thin at the bumper."""
    rows = np.arange(image.shape[0]) / image.shape[0]
    clear = np.clip((rows - 0.55) / 0.35, 0.08, 1.0)[:, None, None]
    return _clipped(image * clear + 190 * (1 - clear))


def shares(method: str, frames: list[np.ndarray], every: int) -> dict[str, float]:
    """Share of the frames in which both lines are right, by perturbation."""
    height_px, width_px = frames[0].shape[:2]
    chosen = range(0, len(frames), every)
    clean = create_detector("cv")
    reference = {k: polylines(clean.detect(frames[k], k / 25), height_px) for k in chosen}
    results = {}
    for perturbation in perturbations(width_px, height_px):
        detector, rng, right = create_detector(method), np.random.default_rng(7), []
        for k in chosen:
            image = np.ascontiguousarray(perturbation.change(frames[k], rng))
            found = polylines(detector.detect(image, k / 25), image.shape[0])
            if k < SETTLING_FRAMES * every:
                continue
            max_px = RIGHT_PX * image.shape[1] / 1280
            pairs = zip(found, reference[k], strict=True)
            right.append(all(_distance_px(line, true, perturbation.move) < max_px for line, true in pairs))
        results[perturbation.name] = float(np.mean(right))
    return results


def _distance_px(found: np.ndarray | None, true: np.ndarray | None, move: np.ndarray | None) -> float:
    if found is None or true is None:
        return float("inf")
    if move is not None:
        true = true @ move[:, :2].T + move[:, 2]
    rows_px = np.arange(max(found[:, 1].min(), true[:, 1].min()), min(found[:, 1].max(), true[:, 1].max()))
    if len(rows_px) < MIN_COMMON_ROWS:
        return float("inf")
    columns = [np.interp(rows_px, *line[np.argsort(line[:, 1])].T[::-1]) for line in (found, true)]
    return float(np.abs(columns[0] - columns[1]).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", default="cv")
    parser.add_argument("--every", type=int, default=4, help="use every n-th frame")
    options = parser.parse_args()
    folder = os.environ.get("LKAS_DATA")
    if not folder:
        raise SystemExit("LKAS_DATA is not set: set it to the folder that contains videos/")
    cv2.setNumThreads(1)
    capture, frames = cv2.VideoCapture(str(Path(folder) / VIDEO)), []
    while (read := capture.read())[0]:
        frames.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
    results = shares(options.method, frames, options.every)
    print(f"| perturbation | both lines right, {options.method} |\n|---|---|")
    for name, share in results.items():
        print(f"| {name} | {share:.2f} |")
    print(f"| mean of {len(results) - 1} | {np.mean([v for name, v in results.items() if name != 'clean']):.3f} |")


if __name__ == "__main__":
    main()
