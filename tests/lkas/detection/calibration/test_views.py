"""Views that do not determine the camera are refused, with the view that is missing."""

import cv2
import numpy as np
import pytest

from lkas.detection.calibration.chessboard import Board, CalibrationError, fit_camera
from lkas.detection.calibration.views import GRID, check_views, coverage_picture, covered_cells, distinct_views
from tests.lkas.detection.drawn_chessboard import COEFFICIENTS, HEIGHT_PX, INNER, MATRIX, WIDTH_PX

NOISE_PX = 0.1
OBJECT = np.array([(c - 4, r - 2.5, 0.0) for r in range(INNER[1]) for c in range(INNER[0])])
TILTS = (
    (0, 0, 0),
    (0.5, 0, 0),
    (-0.5, 0.2, 0),
    (0.1, 0.6, 0),
    (0.3, 0.3, 0),
    (-0.3, 0.3, 0),
    (0.3, -0.3, 0),
    (-0.4, -0.4, 0),
)
PLACES = (0, 0, 12), (-2, -1, 14), (2, 1, 14), (-3, 0, 15), (-3, -2, 16), (3, -2, 16), (-3, 2, 16), (3, 2, 16)


def boards_of(tilts, places, noise_px=NOISE_PX):
    """Boards with these rotations (rad) and places (squares), as the known camera sees them."""
    rng = np.random.default_rng(5)
    boards = []
    for number, (tilt, place) in enumerate(zip(tilts, places, strict=True)):
        pixels, _ = cv2.projectPoints(OBJECT, np.array(tilt, float), np.array(place, float), MATRIX, COEFFICIENTS)
        corners = pixels.reshape(-1, 2) + rng.normal(0, noise_px, (len(OBJECT), 2))
        boards.append(Board(f"{number}.png", (WIDTH_PX, HEIGHT_PX), corners.astype(np.float32)))
    return boards


def test_views_from_all_sides_determine_the_camera():
    boards = boards_of(TILTS, PLACES)
    fit = fit_camera(boards, INNER)
    check_views(boards, fit)
    assert fit.focal_px == pytest.approx(MATRIX[0, 0], rel=0.01)


@pytest.mark.parametrize(
    ("tilts", "places", "reasons"),
    [
        ([(0, 0, 0)] * 8, PLACES, ["parallel within", "top edge away", "left edge away"]),
        ([(0.5, 0, 0)] * 8, PLACES, ["parallel within", "left edge away"]),
        ([(0.3, 0.2, 0)] * 8, [(0, 0, 14)] * 8, ["8 images show only 1 different view of the board", "top edge away"]),
        (
            TILTS,
            [(x / 8, y / 8, 2 * z) for x, y, z in PLACES],
            ["distortion at the corners of the image is uncertain", "edge of the image"],
        ),
    ],
    ids=["parallel to the image", "parallel", "equal", "small in the middle"],
)
def test_views_that_do_not_determine_it_are_refused(tilts, places, reasons):
    boards = boards_of(tilts, places)
    for reason in reasons:
        with pytest.raises(CalibrationError, match=reason):
            check_views(boards, fit_camera(boards, INNER))


def test_one_image_under_many_names_is_one_view():
    boards = boards_of(TILTS, PLACES)
    assert len(distinct_views(boards)) == len(boards)
    assert len(distinct_views([boards[0]] * 8 + boards[1:2])) == 2


def test_the_picture_marks_what_no_corner_covers():
    boards = boards_of(TILTS[:1], PLACES[:1])
    picture = coverage_picture(boards)
    assert picture.shape == (600, 800, 3)
    red = (picture == (96, 32, 32)).all(axis=-1).mean()
    assert red == pytest.approx(1 - len(covered_cells(boards)) / GRID**2, abs=0.05)
