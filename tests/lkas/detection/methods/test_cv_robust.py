"""Method cv without a lane, with sudden changes of the image, and with invalid inputs."""

import math

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkas.detection import DetectionParameters, create_detector
from lkas.detection.lane_fit import single_image
from lkas.integration.shared_memory.messages import VehicleState
from lkas.parameters import ParameterError
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_road import DrawnLine, DrawnRoad

CONFIGURED = DetectionParameters(calibration="config")
FAINT = (105, 105, 107)  # a line whose contrast equals the noise


def confidences(result) -> list[float]:
    lines = (result.lane_model.left, result.lane_model.right) if result.lane_model else ()
    return [line.confidence for line in lines if line is not None]


def bare_images():
    ramp = np.linspace(0, 255, 800).astype(np.uint8)
    yield "black", np.zeros((600, 800, 3), np.uint8)
    yield "white", np.full((600, 800, 3), 255, np.uint8)
    yield "grey", np.full((600, 800, 3), 90, np.uint8)
    yield "ramp across", np.tile(ramp[None, :, None], (600, 1, 3))
    yield "ramp down", np.tile(ramp[:600, None, None], (1, 800, 3))
    yield "road without lines", DrawnRoad(lines=()).image()
    yield "noise", np.random.default_rng(5).integers(0, 256, (600, 800, 3)).astype(np.uint8)
    yield (
        "blobs",
        cv2.GaussianBlur(np.random.default_rng(6).integers(0, 256, (600, 800, 3)).astype(np.uint8), (0, 0), 4),
    )


@pytest.mark.parametrize("calibration", ["auto", "config"])
@pytest.mark.parametrize("image", [pytest.param(image, id=name) for name, image in bare_images()])
def test_no_lane_is_claimed_without_lines(image, calibration):
    detector = create_detector("cv", DetectionParameters(calibration=calibration))
    for timestamp in (None, 0.0, 0.04):
        result = detector.detect(image, timestamp)
        assert all(confidence < 0.5 for confidence in confidences(result))


@settings(max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    blur=st.floats(0.0, 8.0),
    width_px=st.integers(32, 700),
    height_px=st.integers(32, 400),
)
def test_noise_shows_no_lane_in_any_size(seed, blur, width_px, height_px):
    image = np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3)).astype(np.uint8)
    if blur > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), blur)
    assert all(confidence < 0.5 for confidence in confidences(create_detector("cv").detect(image)))


def test_single_images_are_independent():
    first, second = DrawnRoad(offset_m=0.6).image(), DrawnRoad(curvature_radpm=1 / 300).image()
    detector = create_detector("cv")
    detector.detect(first)
    after_another = detector.detect(second)
    assert after_another == create_detector("cv").detect(second)
    assert after_another.lane_model.left.age == 0


def test_turned_views_of_an_image_find_faint_lines_that_one_view_misses(monkeypatch):
    def found() -> int:
        count = 0
        for seed in range(12):
            lines = (DrawnLine(1.8, dash_m=3.0, phase_m=seed, colour=FAINT), DrawnLine(-1.8, colour=FAINT))
            offset_m, pitch_rad = 0.1 * (seed - 6), math.radians(1 + 0.5 * seed)
            road = DrawnRoad(lines=lines, offset_m=offset_m, pitch_rad=pitch_rad, noise_levels=9.0, seed=seed)
            model = create_detector("cv").detect(road.image()).lane_model
            for line, seen in zip(road.lines, (model.left, model.right), strict=True):
                count += seen is not None and abs(seen.c0 - road.truth(line)[0]) < 0.3
        return count

    in_turned_views = found()
    monkeypatch.setattr(single_image, "TURNS_RAD", ())
    assert in_turned_views > found()


def test_a_line_in_one_view_of_an_image_only_loses_confidence(monkeypatch):
    image = DrawnRoad().image()
    monkeypatch.setattr(single_image, "TURNS_RAD", ())
    before = confidences(create_detector("cv").detect(image))
    monkeypatch.setattr(single_image, "TURNS_RAD", ((math.radians(60), 0.0),) * 4)  # away from the road
    assert confidences(create_detector("cv").detect(image)) == pytest.approx([0.6 * one for one in before])


def test_a_video_counts_for_how_long_a_line_is_followed():
    detector = create_detector("cv", CONFIGURED)
    ages = [detector.detect(DrawnRoad(seed=k).image(), 0.04 * k).lane_model.left.age for k in range(4)]
    assert ages == [0, 1, 2, 3]


def test_a_cut_is_followed_at_once():
    """Each frame is measured independently: after a jump to another place in the lane the old one has no effect."""
    detector = create_detector("cv", CONFIGURED)
    for k in range(5):
        detector.detect(DrawnRoad(offset_m=0.8, seed=k).image(), 0.04 * k)
    road = DrawnRoad(offset_m=-0.8, curvature_radpm=-1 / 300)
    jumped = detector.detect(road.image(), 0.2).lane_model
    alone = create_detector("cv", CONFIGURED).detect(road.image(), 0.2).lane_model
    assert jumped.left.c0 == pytest.approx(road.truth(road.lines[0])[0], abs=0.03)
    assert jumped.left.c0 == pytest.approx(alone.left.c0, abs=1e-9)
    assert jumped.left.age == 0


def test_lines_in_unusual_places_lose_confidence_unless_the_car_went_there():
    """One image cannot distinguish a car that leaves its lane from wrongly chosen lines; a video can."""
    detector = create_detector("cv", CONFIGURED)
    offsets_m = (0.0, 0.3, 0.6, 0.9, 1.1)
    followed = [detector.detect(DrawnRoad(offset_m=at).image(), 0.04 * k) for k, at in enumerate(offsets_m)]
    alone = create_detector("cv", CONFIGURED).detect(DrawnRoad(offset_m=offsets_m[-1]).image())
    doubt_at_first, doubt_there = (1 - min(confidences(result)) for result in (followed[0], followed[-1]))
    assert 1 - min(confidences(alone)) > 4 * max(doubt_at_first, doubt_there)


def test_a_video_with_a_black_part_finds_the_lane_in_the_first_good_frame():
    detector = create_detector("cv")
    road = DrawnRoad().image()
    for k in range(6):
        detector.detect(road, 0.04 * k)
    for k in range(6, 40):
        assert confidences(detector.detect(np.zeros_like(road), 0.04 * k)) == []
    assert min(confidences(detector.detect(road, 1.6))) > 0.5


def test_a_video_may_change_its_size():
    detector = create_detector("cv")
    for k, size in enumerate([(800, 600), (640, 360), (800, 600)]):
        result = detector.detect(DrawnRoad(width_px=size[0], height_px=size[1]).image(), 0.04 * k)
        assert min(confidences(result)) > 0.5


def test_parameters_take_effect_immediately():
    image = DrawnRoad(lines=(DrawnLine(1.8, colour=(112, 112, 112)), DrawnLine(-1.8, colour=(112, 112, 112)))).image()
    detector = create_detector("cv", CONFIGURED)
    assert len(confidences(detector.detect(image))) == 2
    detector.update_parameter("ridge_threshold", 10.0)
    assert confidences(detector.detect(image)) == []
    detector.update_parameter("ridge_threshold", 2.5)
    detector.update_parameter("lane_width_m", 1.5)
    assert len(confidences(detector.detect(image))) < 2
    detector.update_parameter("lane_width_m", 3.6)
    detector.update_parameter("marking_width_m", 0.5)
    wide = detector.detect(image)
    detector.update_parameter("marking_width_m", 0.15)
    assert wide != detector.detect(image)
    with pytest.raises(ParameterError):
        detector.update_parameter("ridge_threshold", 0.0)
    with pytest.raises(ParameterError):
        detector.update_parameter("no_such_key", 1.0)


NOT_NUMBERS = st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -1.0, 1e300])


@settings(max_examples=40)
@given(
    values=st.lists(NOT_NUMBERS, min_size=4, max_size=4),
    field=st.sampled_from(["focal_px", "cx_px", "cy_px", "height_m", "pitch_rad", "yaw_rad", "roll_rad", "x_m", "y_m"]),
    timestamp=st.none() | NOT_NUMBERS,
)
def test_invalid_vehicle_states_are_refused_or_harmless(values, field, timestamp):
    """For any invalid car or camera state: a clear error, or lanes of finite numbers."""
    speed, yaw_rate, steering, broken = values
    camera = msgspec.structs.replace(CameraConfig().geometry(160, 120), **{field: broken})
    vehicle = VehicleState(speed_mps=speed, yaw_rate_radps=yaw_rate, steering_angle_rad=steering, camera=camera)
    detector = create_detector("cv")
    road = DrawnRoad(width_px=160, height_px=120).image()
    try:
        result = detector.detect(road, timestamp, vehicle)
    except ValueError as error:
        if "camera" not in str(error):
            raise
        return
    for line in (result.lane_model.left, result.lane_model.right):
        assert line is None or np.isfinite([line.c0, line.c1, line.c2, line.c3, line.sigma_c0, line.confidence]).all()
    detector.detect(road, 1.0, VehicleState(speed_mps=speed, yaw_rate_radps=yaw_rate))


@pytest.mark.parametrize("change", ["truncated", "rotated", "grey", "upside down", "flat"])
def test_damaged_images_show_no_sure_lane(change):
    """A rotated image may by chance show one plausible line, but no lane."""
    image = DrawnRoad(width_px=400, height_px=300).image()
    damaged = {
        "truncated": lambda: np.concatenate([image[:140], np.full_like(image[140:], 128)]),
        "rotated": lambda: np.ascontiguousarray(np.rot90(image)),
        "grey": lambda: np.full_like(image, 128),
        "upside down": lambda: np.ascontiguousarray(image[::-1]),
        "flat": lambda: cv2.resize(image[:, :1], (400, 300)),
    }[change]()
    sure = [confidence >= 0.5 for confidence in confidences(create_detector("cv", CONFIGURED).detect(damaged))]
    assert sum(sure) <= (1 if change in ("rotated", "upside down") else 0)


def test_worn_paint_is_seen_beside_a_sure_line_and_not_alone():
    worn = DrawnLine(-1.8, colour=(101, 101, 101))  # five grey levels brighter than the road, noise of seven
    beside = create_detector("cv").detect(DrawnRoad(lines=(DrawnLine(1.8), worn), noise_levels=7.0).image())
    assert beside.lane_model is not None
    assert beside.lane_model.right is not None
    assert beside.lane_model.right.c0 == pytest.approx(-1.8, abs=0.3)
    alone = create_detector("cv").detect(DrawnRoad(lines=(worn,), noise_levels=7.0).image())
    assert alone.right_lane is None
