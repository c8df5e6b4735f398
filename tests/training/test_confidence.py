"""Fitting the confidence: known answers, and frames whose truth agrees with their image."""

import numpy as np
import pytest

from lkas.detection import DetectionParameters, create_detector
from training.confidence_frames import image_without_lane, is_held_back, rendered_drive
from training.fit_confidence import confidences, fitted
from training.reliability import area_under_roc, calibration_error, error_by_chance


def test_the_fit_finds_the_weights_that_made_the_data():
    rng = np.random.default_rng(4)
    features = np.column_stack([np.ones(20_000), rng.normal(0, 1, (20_000, 2))])
    true = np.array([0.5, 2.0, -1.0])
    right = rng.uniform(size=20_000) < 1 / (1 + np.exp(-features @ true))
    weights = fitted(features, right)
    assert weights == pytest.approx(true, abs=0.1)
    assert fitted(features, right, kept=(0.5, 2.0)) == pytest.approx([0.5, 2.0, -1.0], abs=0.1)
    assert fitted(features, right, kept=(3.0,))[0] == 3.0
    confidence = confidences(features, weights)
    assert calibration_error(confidence, right) < 0.01
    assert calibration_error(np.full(20_000, 0.9), right) == pytest.approx(0.9 - right.mean(), abs=1e-9)


def test_area_under_roc_of_small_cases():
    right = np.array([True, True, False, False])
    assert area_under_roc(np.array([0.9, 0.8, 0.3, 0.1]), right) == 1.0
    assert area_under_roc(np.array([0.5, 0.5, 0.5, 0.5]), right) == 0.5
    assert area_under_roc(np.array([0.1, 0.2, 0.3, 0.4]), right) == 0.0


def test_half_of_the_clips_are_held_back_permanently():
    held = [is_held_back(f"rendered {seed}") for seed in range(400)]
    assert 0.4 < np.mean(held) < 0.6
    assert held == [is_held_back(f"rendered {seed}") for seed in range(400)]


def test_rendered_truth_agrees_with_a_good_detector():
    """Of the sure lines of a drive most are right, and none lies on the line of the other side."""
    matched, crossed = [], []
    detector = create_detector("cv", DetectionParameters())
    for frame in rendered_drive(10, 6):
        model = detector.detect(frame.image, frame.timestamp, frame.vehicle).lane_model
        height_px, width_px = frame.image.shape[:2]
        for side, line in enumerate((model.left, model.right)):
            truth, other = frame.lines[side], frame.lines[1 - side]
            if line is None or line.confidence < 0.5 or truth is None or other is None:
                continue
            matched.append(truth.is_matched_by(line, model, width_px, height_px))
            crossed.append(other.is_matched_by(line, model, width_px, height_px))
    assert len(matched) >= 6
    assert np.mean(matched) > 0.8
    assert not any(crossed)


def test_images_without_a_lane_are_repeatable():
    frame = image_without_lane(3)
    assert frame.lines == (None, None)
    assert np.array_equal(frame.image, image_without_lane(3).image)
    assert frame.image.dtype == np.uint8


def test_few_lines_have_a_calibration_error_by_chance():
    assert error_by_chance(np.array([0.0, 1.0])) == 0.0
    few, many = error_by_chance(np.full(20, 0.7)), error_by_chance(np.full(2000, 0.7))
    assert 0.05 < few < 0.12
    assert many < 0.015
