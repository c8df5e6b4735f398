import numpy as np
import pytest

from simulation.embedded.renderer.raster import FULL, Rasteriser

WIDTH, HEIGHT, FIRST = 60, 40, 8


def coverage(*quads) -> np.ndarray:
    """(HEIGHT - FIRST, WIDTH) shares in [0, 1]."""
    index, covered = Rasteriser(WIDTH, HEIGHT, FIRST, FIRST).cover(np.array(quads, float))
    picture = np.zeros((HEIGHT - FIRST) * WIDTH)
    picture[index] = covered / FULL
    return picture.reshape(-1, WIDTH)


def rectangle(u0, v0, u1, v1):
    return [(u0, v0), (u1, v0), (u1, v1), (u0, v1)]


def test_a_rectangle_on_pixel_borders_fills_its_pixels_and_no_other():
    picture = coverage(rectangle(9.5, 11.5, 14.5, 20.5))  # pixel u reaches from u - 0.5 to u + 0.5
    assert picture[12 - FIRST : 21 - FIRST, 10:15].min() == 1.0
    assert picture.sum() == pytest.approx(5 * 9)


def test_a_fraction_of_a_pixel_counts_as_that_fraction():
    picture = coverage(rectangle(10.0, 11.5, 10.3, 12.5))
    assert picture[12 - FIRST, 10] == pytest.approx(0.3, abs=1e-3)
    assert picture.sum() == pytest.approx(0.3, abs=1e-3)


def test_a_slanted_stripe_has_its_area_and_its_middle():
    stripe = [(10.2, 10.0), (13.2, 10.0), (33.2, 30.0), (30.2, 30.0)]
    picture = coverage(stripe)
    assert picture.sum() == pytest.approx(60.0, rel=0.01)
    for row in range(12, 29):
        line = picture[row - FIRST]
        assert (line * np.arange(WIDTH)).sum() / line.sum() == pytest.approx(row - 10 + 11.7, abs=0.02)


def test_neighbours_leave_no_seam():
    one = coverage(rectangle(10.3, 10.2, 30.7, 30.9))
    two = coverage(rectangle(10.3, 10.2, 20.15, 30.9), rectangle(20.15, 10.2, 30.7, 30.9))
    assert two == pytest.approx(one, abs=2 / FULL)


def test_what_lies_outside_the_image_is_cut_off():
    picture = coverage(rectangle(-500, -300, 12.5, 900), rectangle(50.5, 0, 4000, 900))
    assert picture[:, :13].min() == 1.0
    assert picture[:, 51:].min() == 1.0
    assert picture[:, 13:51].max() == 0.0


def test_either_turning_direction_fills():
    assert coverage(rectangle(10, 12, 14, 20)[::-1]) == pytest.approx(coverage(rectangle(10, 12, 14, 20)))


def test_nothing_in_view_is_no_pixel():
    index, covered = Rasteriser(WIDTH, HEIGHT, FIRST, FIRST).cover(np.zeros((0, 4, 2)))
    assert len(index) == len(covered) == 0
    index, _ = Rasteriser(WIDTH, HEIGHT, FIRST, FIRST).cover(np.array([rectangle(5, -90, 9, -80)], float))
    assert len(index) == 0
