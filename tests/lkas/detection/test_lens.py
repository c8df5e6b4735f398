"""Lens distortion: compared with OpenCV, there and back, and roads seen through it."""

import math

import cv2
import msgspec
import numpy as np
import pytest

from lkas.config import load
from lkas.detection import DetectionParameters, create_detector
from lkas.detection.calibration.geometry import aimed_at
from lkas.frames import PinholeCamera, line_lateral_m, line_pixels
from lkas.lens import Lens
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_road import DrawnRoad

BARREL = Lens(k1=-0.28, k2=0.06, p1=0.001, p2=-0.002)
LENSES = [BARREL, Lens(k1=0.1, k2=-0.02, k3=0.01), Lens(k1=-0.35, k2=0.2, k3=-0.05, p1=-0.003)]
GRID = np.stack(np.meshgrid(np.linspace(-0.7, 0.7, 15), np.linspace(-0.5, 0.5, 11)), axis=-1).reshape(-1, 2)


def camera(lens=BARREL, **settings):
    values = {name: getattr(lens, name) for name in lens.__struct_fields__}
    return CameraConfig(**values, **settings)


@pytest.mark.parametrize("lens", LENSES)
def test_the_lens_is_that_of_opencv(lens):
    coefficients = np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    points = np.column_stack([GRID, np.ones(len(GRID))])
    theirs = cv2.projectPoints(points, np.zeros(3), np.zeros(3), np.eye(3), coefficients)[0].reshape(-1, 2)
    inside = (GRID**2).sum(axis=1) < lens.max_r2
    assert inside.mean() > 0.9
    np.testing.assert_allclose(lens.distort(GRID)[inside], theirs[inside], atol=1e-12)


@pytest.mark.parametrize("lens", LENSES)
def test_there_and_back(lens):
    inside = GRID[(GRID**2).sum(axis=1) < 0.6 * lens.max_r2]
    assert len(inside) > 100
    np.testing.assert_allclose(lens.undistort(lens.distort(inside)), inside, atol=1e-6)


def test_what_the_model_folds_back_is_not_seen():
    lens = Lens(k1=-0.3)  # r (1 - 0.3 r²) grows up to r² = 1 / 0.9
    assert lens.max_r2 == pytest.approx(1 / 0.9)
    assert np.isnan(lens.distort(np.array([[1.1, 0.0], [0.0, 3.0]]))).all()
    assert np.isfinite(lens.distort(np.array([[1.0, 0.0]]))).all()
    assert Lens().max_r2 == math.inf


def test_pixels_and_ground_agree_through_the_lens():
    projection = PinholeCamera(camera().geometry(800, 600))
    x_m, y_m = (values.ravel() for values in np.meshgrid(np.linspace(4, 60, 20), np.linspace(-6, 6, 13)))
    pixels = projection.image_from_ground(x_m, y_m)
    seen = np.isfinite(pixels).all(axis=1) & (np.abs(pixels - (400, 300)) < (400, 300)).all(axis=1)
    assert seen.sum() > 100
    back = projection.ground_from_image(pixels)
    np.testing.assert_allclose(back[seen], np.column_stack([x_m, y_m])[seen], rtol=1e-3, atol=1e-3)
    straight = PinholeCamera(camera().pinhole(800, 600)).image_from_ground(x_m, y_m)
    assert np.nanmax(np.abs(pixels - straight)[seen]) > 10, "the lens matters"


def test_aiming_at_the_vanishing_point_keeps_the_camera():
    geometry = camera(pitch_deg=9.0, yaw_deg=-6.0).geometry(800, 600)
    aimed = aimed_at(
        msgspec.structs.replace(geometry, pitch_rad=0.0, yaw_rad=0.0), PinholeCamera(geometry).vanishing_point_px
    )
    assert aimed.pitch_rad == pytest.approx(geometry.pitch_rad, abs=1e-6)
    assert aimed.yaw_rad == pytest.approx(geometry.yaw_rad, abs=1e-6)


def through_lens(road, lens):
    """The road's image with distortion: each pixel is sampled at its undistorted position as computed by OpenCV."""
    focal_px = road.width_px / 2 / math.tan(road.hfov_rad / 2)
    matrix = np.array([[focal_px, 0, (road.width_px - 1) / 2], [0, focal_px, (road.height_px - 1) / 2], [0, 0, 1]])
    pixels = np.stack(np.meshgrid(np.arange(road.width_px), np.arange(road.height_px)), axis=-1).astype(np.float64)
    coefficients = np.array([lens.k1, lens.k2, lens.p1, lens.p2, lens.k3])
    straight = cv2.undistortPoints(pixels.reshape(-1, 1, 2), matrix, coefficients, P=matrix)
    maps = straight.reshape(road.height_px, road.width_px, 2).astype(np.float32)
    return cv2.remap(road.image(), maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def test_a_road_is_measured_through_the_lens():
    road = DrawnRoad(offset_m=0.4, heading_rad=0.01)
    image = through_lens(road, BARREL)
    parameters = DetectionParameters(calibration="config")
    model = create_detector("cv", parameters, camera()).detect(image).lane_model
    for line, drawn in zip((model.left, model.right), road.lines, strict=True):
        c0, c1, c2 = road.truth(drawn)
        assert line.c0 == pytest.approx(c0, abs=0.04)
        assert line.c1 == pytest.approx(c1, abs=0.003)
        assert line.c2 == pytest.approx(c2, abs=2 * line.sigma_c2)
        assert line.sigma_c2 < 1e-3
        for x_m in (10.0, 20.0, 30.0):
            y_m = line.c0 + line.c1 * x_m + line.c2 * x_m**2 / 2 + line.c3 * x_m**3 / 6
            assert y_m == pytest.approx(c0 + c1 * x_m + c2 * x_m**2 / 2, abs=0.05)
    pixels = line_pixels(model.left, model.calibration, 600)
    inside = pixels[(pixels[:, 0] > 5) & (pixels[:, 1] < 595)]
    brightness = image[inside[:, 1].round().astype(int), inside[:, 0].round().astype(int)].mean(axis=1)
    assert np.median(brightness) > 160, "the line is drawn where the image shows it"
    blind = create_detector("cv", parameters, CameraConfig()).detect(image).lane_model
    c0, c1, _ = road.truth(road.lines[0])
    off_m = [abs(line_lateral_m(line, 25.0) - c0 - 25.0 * c1) for line in (model.left, blind.left)]
    assert off_m[0] < 0.06
    assert off_m[1] > 3 * off_m[0], "without the lens the same image is measured wrong"


def test_the_lens_of_a_file_reaches_the_geometry(tmp_path):
    path = tmp_path / "camera.yaml"
    path.write_text(
        "camera:\n  k1: -0.25\n  k2: 0.05\n  p1: 0.001\n  p2: -0.002\n  k3: 0.01\n  cx_ratio: 0.54\n  cy_ratio: 0.45\n"
    )
    geometry = load({"camera": CameraConfig}, file=path, environ={})["camera"].geometry(1000, 500)
    assert (geometry.k1, geometry.k2, geometry.p1, geometry.p2, geometry.k3) == (-0.25, 0.05, 0.001, -0.002, 0.01)
    assert (geometry.cx_px, geometry.cy_px) == (pytest.approx(539.5), pytest.approx(224.5))
