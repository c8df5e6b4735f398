"""Versions of a photograph show the same lanes, and their scores count as one frame."""

import numpy as np
import pytest

from lkas.detection.lane_fit.outline import NO_POINT
from lkas.detection.scoring.culane import Counts
from lkas.detection.scoring.score import ScoredFrame
from lkas.detection.scoring.tusimple import FrameScore
from training.photograph_versions import pooled, versions


def test_lanes_of_a_version_are_mapped_back_to_the_photograph():
    image = np.full((90, 160, 3), 60, np.uint8)
    columns = 20 + np.arange(90)
    image[np.arange(90), columns] = 200
    images = versions(image)
    assert len({version.tobytes() for version, _ in images}) == len(images) == 5
    for version, as_photograph in images:
        seen = [*version[:-1, :, 0].argmax(axis=1).tolist(), NO_POINT]
        (lane,) = as_photograph({"lanes": [seen], "h_samples": list(range(90))})["lanes"]
        assert lane == [*columns[:-1].tolist(), NO_POINT]


def test_versions_count_as_one_frame():
    right = ScoredFrame(FrameScore(1.0, 0.0, 0.0), Counts(right=2), [1.0, 2.0], 0)
    wrong = ScoredFrame(FrameScore(0.5, 0.5, 0.5), Counts(right=1, false=1, missed=1), [9.0], 0)
    both = pooled([right, wrong])
    assert both.tusimple is not None
    assert (both.tusimple.accuracy, both.tusimple.false_positive) == pytest.approx((0.75, 0.25))
    assert (both.counts, both.error_px) == (Counts(right=3, false=1, missed=1), [1.0, 2.0, 9.0])
    bare = ScoredFrame(None, Counts(false=1), [], 1)
    assert (pooled([bare, bare]).tusimple, pooled([bare, bare]).claimed) == (None, 2)
