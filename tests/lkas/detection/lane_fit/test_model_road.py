"""An image of a model road is that of a full-size road: only the lengths differ."""

import math

import pytest

from lkas.detection import create_detector
from lkas.detection.parameters import DetectionParameters
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_road import DrawnLine, DrawnRoad

SCALE = 0.1
LINES = (DrawnLine(1.75), DrawnLine(-1.75))


def detected(road: DrawnRoad, scale: float):
    camera = CameraConfig(
        hfov_deg=math.degrees(road.hfov_rad),
        height_m=road.height_m * scale,
        pitch_deg=math.degrees(road.pitch_rad),
        x_m=road.camera_x_m * scale,
    )
    parameters = DetectionParameters(calibration="config", lane_width_m=3.5 * scale, marking_width_m=0.15 * scale)
    return create_detector("cv", parameters, camera).detect(road.image(), 0.0)


@pytest.mark.parametrize("offset_m", [0.0, 0.4])
def test_lengths_are_those_of_the_model(offset_m):
    road = DrawnRoad(lines=LINES, offset_m=offset_m, pitch_rad=math.radians(12))
    model = detected(road, SCALE).lane_model
    assert model is not None
    assert model.left is not None
    assert model.right is not None
    assert model.left.c0 == pytest.approx(SCALE * (1.75 - offset_m), abs=0.004)
    assert model.right.c0 == pytest.approx(SCALE * (-1.75 - offset_m), abs=0.004)
    assert model.width_m == pytest.approx(SCALE * 3.5, abs=0.004)
    assert model.left.x_min_m < SCALE * 6
    assert model.calibration.height_m == pytest.approx(0.14)
    assert model.calibration.x_m == pytest.approx(0.06)


@pytest.mark.parametrize("radius_m", [12.0, -12.0])
def test_a_bend_of_a_few_lane_widths_is_measured(radius_m):
    """R = 12 m on lanes of 3.5 m, as 1.2 m on 0.35 m: sharper than any search on a full-size road."""
    road = DrawnRoad(
        lines=LINES,
        curvature_radpm=1 / radius_m,
        pitch_rad=math.radians(20),
        hfov_rad=math.radians(120),
    )
    lane = detected(road, SCALE).lane_model
    assert lane is not None
    assert lane.left is not None
    assert lane.right is not None
    half_m = 1.75 if radius_m > 0 else -1.75
    assert lane.left.c2 == pytest.approx(1 / (SCALE * (radius_m - half_m * math.copysign(1, radius_m))), rel=0.25)
    assert lane.left.c0 == pytest.approx(SCALE * 1.75, abs=0.01)
    assert lane.right.c0 == pytest.approx(-SCALE * 1.75, abs=0.01)
