"""`lkas calibrate` finds the camera that drew the chessboards, and writes what --config accepts."""

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from lkas.cli.app import app
from lkas.config import load
from lkas.detection.calibration.chessboard import Board, CalibrationError, find_corners, fit_camera
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_chessboard import COEFFICIENTS, HEIGHT_PX, INNER, MATRIX, POSES, WIDTH_PX, chessboard
from tests.lkas.detection.straight_road import road_image, write_image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("boards")
    for number, pose in enumerate(POSES):
        write_image(folder / f"{number}.png", chessboard(pose, number))
    return folder


def calibrate(*arguments):
    return CliRunner().invoke(app, ["calibrate", *map(str, arguments)])


def deviation_px(image):
    """Largest distance of a corner from the straight line of its row."""
    rows = find_corners(image, INNER).reshape(INNER[1], INNER[0], 2)
    return max(np.abs(row[:, 1] - np.polyval(np.polyfit(row[:, 0], row[:, 1], 1), row[:, 0])).max() for row in rows)


def test_the_camera_is_found(folder, tmp_path):
    write_image(folder / "road.png", road_image(320, 240))
    write_image(folder / "small.png", chessboard(POSES[0])[:340])
    out = tmp_path / "camera.yaml"
    done = calibrate(folder, "--out", out, "--annotate", tmp_path / "undistorted")
    assert done.exit_code == 0, done.output
    assert "road.png: ignored, no chessboard" in done.stderr
    assert "small.png: ignored" in done.stderr
    settings = load({"camera": CameraConfig}, file=out, environ={})["camera"]
    geometry = settings.geometry()
    assert (settings.width_px, settings.height_px) == (WIDTH_PX, HEIGHT_PX)
    assert geometry.focal_px == pytest.approx(MATRIX[0, 0], rel=0.004)
    assert (geometry.cx_px, geometry.cy_px) == pytest.approx((MATRIX[0, 2], MATRIX[1, 2]), abs=1.5)
    assert (geometry.k1, geometry.k2) == pytest.approx(COEFFICIENTS[:2], abs=0.02)
    assert (geometry.p1, geometry.p2) == pytest.approx(COEFFICIENTS[2:], abs=1e-3)
    assert len(list((tmp_path / "undistorted").iterdir())) == len(POSES)
    undistorted = cv2.imread(str(tmp_path / "undistorted" / "4.jpg"))
    assert deviation_px(chessboard(POSES[4])) > 3 * deviation_px(undistorted), "straight edges are straight again"
    assert f"Written: {out}" in done.stdout


def test_corners_are_where_they_were_drawn():
    corners = find_corners(chessboard(POSES[0]), INNER)
    assert corners is not None
    step = np.diff(corners.reshape(INNER[1], INNER[0], 2), axis=1)
    assert np.hypot(step[..., 0], step[..., 1]) == pytest.approx(MATRIX[0, 0] / POSES[0][-1], rel=0.1)


def test_too_few_boards_are_an_error():
    board = Board("a", (WIDTH_PX, HEIGHT_PX), np.zeros((54, 2), np.float32))
    with pytest.raises(CalibrationError, match="found in 2 images; at least 3 are needed"):
        fit_camera([board, board], INNER)


def test_one_image_eight_times_is_refused_with_a_picture_of_its_coverage(folder, tmp_path):
    image = (folder / "1.png").read_bytes()
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(image)
    done = calibrate(*sorted(tmp_path.glob("*.png")), "--out", tmp_path / "camera.yaml")
    assert done.exit_code == 1
    assert "8 images show only 1 different view" in done.stderr
    assert not (tmp_path / "camera.yaml").exists()
    assert cv2.imread(str(tmp_path / "camera-coverage.png")) is not None


def test_bad_usage_is_reported(folder, tmp_path):
    for arguments, code, words in (
        ([tmp_path / "missing"], 2, "no such file or folder"),
        ([folder, "--pattern", "nine"], 2, "--pattern nine: expected inner corners"),
        ([folder / "0.png", "--out", tmp_path / "a.yaml"], 1, "found in 1 images"),
        ([*(folder / f"{n}.png" for n in range(3)), "--out", tmp_path / "no" / "a.yaml"], 2, "cannot be written"),
    ):
        done = calibrate(*arguments)
        assert done.exit_code == code, done.output
        assert words in done.stderr
    assert not (tmp_path / "a.yaml").exists()
