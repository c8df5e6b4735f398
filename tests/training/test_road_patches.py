"""The generator of training patches: repeatable, of the right shape, with truth on the drawn lines."""

import functools

import numpy as np

from lkas.detection.net.patch_net import NET_COLUMNS, NET_ROWS
from training.road_patches import draw_patch


def patches(seed: int, count: int):
    random = np.random.default_rng(seed)
    return [draw_patch(random) for _ in range(count)]


@functools.cache
def many_patches():
    return patches(5, 150)


def test_a_seed_is_repeatable():
    for (patch, truth), (again, truth_again) in zip(patches(3, 4), patches(3, 4), strict=True):
        np.testing.assert_array_equal(patch, again)
        np.testing.assert_array_equal(truth, truth_again)
    assert not np.array_equal(patches(3, 1)[0][0], patches(4, 1)[0][0])


def test_shape_and_type():
    for patch, truth in many_patches():
        assert patch.shape == (NET_ROWS, NET_COLUMNS, 3)
        assert truth.shape == (NET_ROWS, NET_COLUMNS)
        assert patch.dtype == truth.dtype == np.uint8


def test_the_truth_lies_on_paint_more_often_than_beside_it():
    on_line, beside = [], []
    for patch, truth in many_patches():
        grey = patch.mean(axis=2)
        middle = truth > 240
        next_to_it = np.roll(middle, 7, axis=1) & (truth == 0)
        if middle.sum() > 50 and next_to_it.sum() > 50:
            on_line.append(grey[middle].mean())
            beside.append(grey[next_to_it].mean())
    assert len(on_line) > 60
    assert np.mean(np.array(on_line) > np.array(beside)) > 0.75


def test_there_are_roads_with_and_without_lines():
    shares = np.array([(truth > 240).mean() for _, truth in many_patches()])
    assert 0.02 < np.mean(shares == 0) < 0.3
    assert 0.005 < shares.mean() < 0.1
