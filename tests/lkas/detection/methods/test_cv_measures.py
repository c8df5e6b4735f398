"""What method cv measures on drawn roads of known geometry, in metres and radians."""

import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest

from lkas.detection import DetectionParameters, create_detector
from lkas.detection.lane_fit import single_image
from lkas.detection.lane_fit.estimate import MAX_SCORE
from lkas.detection.lane_fit.ridges import Peaks, without_roll
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import LineColour, LineType, VehicleState
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_road import WHITE, YELLOW, DrawnLine, DrawnRoad

DASHED = DrawnLine(-1.8, dash_m=3.0, phase_m=2.0)
LEFT, RIGHT = DrawnLine(1.8), DrawnLine(-1.8)


def detect(road: DrawnRoad):
    return create_detector("cv", DetectionParameters(calibration="config")).detect(road.image())


def assert_measured(road: DrawnRoad, offset_m=0.03, heading_deg=0.1, curvature_radpm=2e-4, curvature_ratio=0.0):
    """Both lines within these bands of the truth."""
    model = detect(road).lane_model
    for line, drawn in zip((model.left, model.right), road.lines, strict=True):
        c0, c1, c2 = road.truth(drawn)
        assert line.confidence > 0.5
        assert line.c0 == pytest.approx(c0, abs=offset_m)
        assert math.degrees(line.c1) == pytest.approx(math.degrees(c1), abs=heading_deg)
        assert line.c2 == pytest.approx(c2, abs=max(curvature_radpm, curvature_ratio * abs(c2)))
    return model


def test_straight_road_ahead():
    model = assert_measured(DrawnRoad(), offset_m=0.01, heading_deg=0.05)
    assert model.width_m == pytest.approx(3.6, abs=0.02)
    assert model.width_sigma_m < 0.05
    assert model.left.x_min_m < 4 < 40 < model.left.x_max_m


def test_left_is_positive():
    """The car is 0.6 m right of the centre and points 2 degrees left: the left line is far and leads right."""
    model = assert_measured(DrawnRoad(offset_m=-0.6, heading_rad=math.radians(2)))
    assert model.left.c0 > 2.3
    assert model.right.c0 > -1.3
    assert model.left.c1 < 0


@pytest.mark.parametrize("radius_m", [125, -125, 250, -250, 500, -500, 1000, -1000])
def test_bends(radius_m):
    band_deg = 0.3 if abs(radius_m) == 125 else 0.1
    assert_measured(DrawnRoad(curvature_radpm=1 / radius_m), heading_deg=band_deg, curvature_ratio=0.07)


@pytest.mark.parametrize(("offset_m", "heading_deg"), [(0.7, 0), (-0.7, 0), (0, 3), (0, -3), (-0.5, 1.5)])
def test_offsets_and_headings(offset_m, heading_deg):
    assert_measured(DrawnRoad(offset_m=offset_m, heading_rad=math.radians(heading_deg)))


def test_offset_in_a_bend():
    road = DrawnRoad(offset_m=-0.5, heading_rad=math.radians(-1.5), curvature_radpm=1 / 250)
    assert_measured(road, heading_deg=0.15, curvature_ratio=0.08)


def test_dashed_white_and_solid_yellow():
    model = assert_measured(DrawnRoad(lines=(DrawnLine(1.8, colour=YELLOW), DASHED)), offset_m=0.04)
    assert (model.left.type, model.left.colour) == (LineType.SOLID, LineColour.YELLOW)
    assert (model.right.type, model.right.colour) == (LineType.DASHED, LineColour.WHITE)


@pytest.mark.parametrize(
    "changes",
    [
        {"brightness": 0.15, "noise_levels": 4.0},
        {"noise_levels": 20.0},
        {"lines": (DrawnLine(1.8, width_m=0.25), DrawnLine(-1.8, width_m=0.1))},
    ],
    ids=["night", "noise", "wide and narrow"],
)
def test_light_noise_and_marking_widths(changes):
    assert_measured(replace(DrawnRoad(), **changes), offset_m=0.05, heading_deg=0.2)


@pytest.mark.parametrize("pitch_deg", [3.5, 4.5])
def test_pitch_of_the_car_is_removed(pitch_deg):
    """The car's pitch differs from the configured 4 degrees: two lines determine it, and offsets stay metric."""
    model = assert_measured(DrawnRoad(pitch_rad=math.radians(pitch_deg), curvature_radpm=1 / 500), curvature_ratio=0.1)
    assert math.degrees(model.calibration.pitch_rad) == pytest.approx(pitch_deg, abs=0.05)


@pytest.mark.parametrize("side", [0, 1])
def test_single_line(side):
    road = DrawnRoad(lines=((LEFT, RIGHT)[side],), offset_m=0.2)
    result = detect(road)
    model = result.lane_model
    lines = (model.left, model.right)
    assert lines[1 - side] is None
    assert (result.right_lane, result.left_lane)[side] is None
    assert lines[side].c0 == pytest.approx(road.truth(road.lines[0])[0], abs=0.03)
    assert lines[side].confidence > 0.5
    assert model.width_m is None
    assert model.width_sigma_m is None


def test_nearest_lines_are_chosen():
    """Lines of neighbour lanes are ignored, even if they are stronger than the dashed ego line."""
    lines = (DrawnLine(1.8), DASHED, DrawnLine(5.4), DrawnLine(-5.4))
    model = detect(DrawnRoad(lines=lines)).lane_model
    assert model.left.c0 == pytest.approx(1.8, abs=0.04)
    assert model.right.c0 == pytest.approx(-1.8, abs=0.04)


def test_inner_part_of_a_double_line_is_chosen():
    lines = (DrawnLine(1.8, colour=YELLOW), RIGHT, DrawnLine(2.1, colour=YELLOW))
    assert detect(DrawnRoad(lines=lines)).lane_model.left.c0 == pytest.approx(1.8, abs=0.04)


@pytest.mark.parametrize("curvature_radpm", [0.0, 1 / 400])
def test_mirrored_image_gives_mirrored_lanes(curvature_radpm):
    lines = (DrawnLine(1.8, colour=WHITE), DASHED)
    image = DrawnRoad(lines=lines, offset_m=0.3, curvature_radpm=curvature_radpm).image()
    detector = create_detector("cv", DetectionParameters(calibration="config"))
    seen = detector.detect(image).lane_model
    mirrored = detector.detect(np.ascontiguousarray(image[:, ::-1])).lane_model
    for line, twin in ((seen.left, mirrored.right), (seen.right, mirrored.left)):
        assert line.c0 == pytest.approx(-twin.c0, abs=0.02)
        assert line.c1 == pytest.approx(-twin.c1, abs=2e-3)
        assert line.c2 == pytest.approx(-twin.c2, abs=2e-4)
        assert line.type == twin.type


def test_sigmas_cover_the_errors():
    """Over many frames the errors are about as large as their sigmas, or smaller."""
    errors = []
    for seed in range(8):
        road = DrawnRoad(lines=(LEFT, DASHED), offset_m=0.1 * seed - 0.4, noise_levels=8.0, seed=seed)
        model = detect(road).lane_model
        for line, drawn in zip((model.left, model.right), road.lines, strict=True):
            c0, c1, c2 = road.truth(drawn)
            errors.append(
                [(line.c0 - c0) / line.sigma_c0, (line.c1 - c1) / line.sigma_c1, (line.c2 - c2) / line.sigma_c2]
            )
    assert np.sqrt(np.mean(np.square(errors), axis=0)).max() < 1.3
    assert np.sqrt(np.mean(np.square(errors), axis=0)).min() > 0.02


@pytest.mark.parametrize(("width_px", "height_px"), [(640, 360), (1280, 720), (1920, 1080), (1640, 590), (1242, 375)])
def test_any_resolution(width_px, height_px):
    assert_measured(DrawnRoad(width_px=width_px, height_px=height_px), offset_m=0.04)


def test_camera_of_the_vehicle_state_is_used():
    camera = CameraConfig(height_m=1.9, pitch_deg=6.0, x_m=1.2, y_m=0.1, yaw_deg=2.0).geometry()
    road = DrawnRoad(height_m=1.9, pitch_rad=math.radians(6), camera_x_m=1.2, yaw_rad=math.radians(2), offset_m=0.1)
    # Drawn from 0.1 m left of the car's middle, so the car itself is 0.1 m right of where it was drawn.
    model = create_detector("cv").detect(road.image(), 0.0, VehicleState(camera=camera)).lane_model
    assert model.left.c0 == pytest.approx(1.8, abs=0.03)
    assert model.right.c0 == pytest.approx(-1.8, abs=0.03)
    assert math.degrees(model.left.c1) == pytest.approx(0, abs=0.1)
    assert model.calibration.status == "given"


def test_messages_lie_on_the_drawn_lines():
    """The two-point form in a straight road: ends on the line's projection, the upper one below the horizon."""
    result = detect(DrawnRoad())
    focal_px, horizon_px = (
        400 / math.tan(math.radians(35)),
        299.5 - 400 / math.tan(math.radians(35)) * math.tan(math.radians(4)),
    )
    for message, place_m in ((result.left_lane, 1.8), (result.right_lane, -1.8)):
        assert message.y1 == pytest.approx(599, abs=1)
        assert horizon_px < message.y2 < horizon_px + 40
        for x, y in ((message.x1, message.y1), (message.x2, message.y2)):
            down = (y - 299.5) / focal_px
            depth = 1.4 / (down * math.cos(math.radians(4)) + math.sin(math.radians(4)))
            assert x == pytest.approx(399.5 - focal_px * place_m / depth, abs=4)


def test_the_roll_of_the_car_is_removed_from_the_peaks():
    """The camera turns and moves with the body, about the ground below the car."""
    upright = CameraConfig().geometry()
    roll_rad = math.radians(1.5)
    away_m = upright.height_m * math.sin(roll_rad)
    yaw_rad = roll_rad * math.sin(upright.pitch_rad)  # the mount's roll is about its pitched axis
    rolled = msgspec.structs.replace(upright, roll_rad=roll_rad, yaw_rad=yaw_rad, y_m=upright.y_m - away_m)
    x_m, y_m = np.array([6.0, 12.0, 20.0, 30.0]), np.array([2.0, -1.5, 4.0, 7.0])
    seen = PinholeCamera(upright).ground_from_image(PinholeCamera(rolled).image_from_ground(x_m, y_m))
    assert np.abs(seen - np.column_stack([x_m, y_m])).max() > 0.5
    tops = np.ones(len(x_m))
    peaks = Peaks(tops, seen[:, 0] - upright.x_m, seen[:, 1] - upright.y_m, tops, tops, tops)
    found = without_roll(peaks, roll_rad, upright.height_m)
    assert found.x_m + upright.x_m == pytest.approx(x_m, abs=0.03)
    assert found.y_m + upright.y_m == pytest.approx(y_m, abs=0.01)
    assert without_roll(peaks, 0.0, upright.height_m) is peaks


def test_vanishing_points_that_cannot_win_are_not_tried(monkeypatch):
    """The second of three could still show a better lane, the third has too few votes."""
    u, v = PinholeCamera(CameraConfig().geometry(800, 600)).vanishing_point_px
    monkeypatch.setattr(single_image, "vanishing_points", lambda _: [(u, v, 1.0), (u + 60, v, 0.99), (u - 60, v, 0.3)])
    aims: list[float] = []

    def seen(max_score: float):
        monkeypatch.setattr(single_image, "MAX_SCORE", max_score)
        aims.clear()
        return create_detector("cv").detect(DrawnRoad().image())

    def aimed_at(geometry, point_px):
        aims.append(point_px[0] - u)
        return real_aimed_at(geometry, point_px)

    real_aimed_at = single_image.aimed_at
    monkeypatch.setattr(single_image, "aimed_at", aimed_at)
    everywhere = seen(math.inf)
    assert aims == [0, 60, -60]
    assert seen(MAX_SCORE) == everywhere
    assert aims == [0, 60]
    assert everywhere.lane_model.left.confidence > 0.5
