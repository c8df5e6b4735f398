"""Method cv on real roads; needs the measuring data (environment variable LKAS_DATA)."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from lkas.detection import create_detector
from lkas.frames import line_pixels

DATA = os.environ.get("LKAS_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="LKAS_DATA is not set: no real roads to test with")


def frames_of(video: str, count: int):
    capture = cv2.VideoCapture(str(Path(DATA or "") / "videos" / video))
    for _ in range(count):
        found, image = capture.read()
        if not found:
            return
        yield cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


@pytest.mark.parametrize("video", ["solid_white_right.mp4", "carla_town_drive.mp4"])
def test_videos_keep_both_lines(video):
    detector = create_detector("cv")
    places = []
    for k, image in enumerate(frames_of(video, 100)):
        model = detector.detect(image, k / 25).lane_model
        lines = (model.left, model.right)
        places.append([line.c0 if line and line.confidence > 0.5 else np.nan for line in lines])
    places = np.array(places)
    assert np.isfinite(places).all(axis=1).mean() >= 0.95
    assert np.nanmedian(np.abs(np.diff(places, axis=0))) < 0.03  # m from frame to frame


def test_easy_frames_lines_lie_on_the_labels():
    """Of the labelled ego lines of the easy frames, at least three quarters are found within 20 px (1280 px wide)."""
    folder = Path(DATA or "")
    manifest = {entry["file"]: entry for entry in json.loads((folder / "manifest.json").read_text())["files"]}
    detector = create_detector("cv")
    met = []
    for text in (folder / "labels.json").read_text().splitlines():
        label = json.loads(text)
        if not str(manifest[label["raw_file"]].get("difficulty", "")).startswith("easy"):
            continue
        image = cv2.cvtColor(cv2.imread(str(folder / label["raw_file"])), cv2.COLOR_BGR2RGB)
        model = detector.detect(image).lane_model
        for line in (model.left, model.right):
            met.append(line is not None and _nearest_label_px(line, model, image.shape[0], label) < 20)
    assert len(met) == 18
    assert np.mean(met) >= 0.75


def _nearest_label_px(line, model, height_px, label) -> float:
    """Mean distance along the rows to the label that fits best."""
    pixels = line_pixels(line, model.calibration, height_px, points=80)[::-1]
    rows = np.array(label["h_samples"], float)
    mine = np.interp(rows, pixels[:, 1], pixels[:, 0], left=np.nan, right=np.nan)
    distances = [np.abs(mine - lane)[np.array(lane) >= 0] for lane in np.array(label["lanes"], float)]
    return min(float(np.nanmean(d)) for d in distances if np.isfinite(d).any())
