"""The Hough baseline: right lines on a plain road, none without markings, and live parameters."""

import itertools
import os

import msgspec
import numpy as np
import pytest

from lkas.detection import DetectionParameters, create_detector
from lkas.detection.methods.hough import Fit, search_region, without_crossing
from lkas.detection.offline.media import MediaFrame, open_inputs
from lkas.frames import PinholeCamera
from lkas.integration.shared_memory.messages import VehicleState
from lkas.parameters import ParameterError
from lkas.vehicle import CameraConfig
from tests.lkas.detection.straight_road import road_image, true_column

MARKING_PX = 8  # width of the markings: the line may lie on either edge


def column(lane, row_px):
    return lane.x1 + (lane.x2 - lane.x1) * (row_px - lane.y1) / (lane.y2 - lane.y1)


@pytest.fixture
def detector():
    return create_detector("hough")


def test_both_lines_lie_on_their_markings(detector):
    result = detector.detect(road_image())
    for side, lane in enumerate((result.left_lane, result.right_lane)):
        for row_px in (300, 380, 460):
            assert column(lane, row_px) == pytest.approx(true_column(side, row_px), abs=MARKING_PX)
        assert lane.y1 == 479
        assert 240 < lane.y2 < 320, "a line ends below the horizon, near the top of the searched region"
        assert 0.4 < lane.confidence <= 1
    assert result.lane_model is None


def test_mirrored_image_gives_mirrored_lines(detector):
    image = road_image(shift_px=40)
    seen, mirrored = detector.detect(image), detector.detect(np.ascontiguousarray(image[:, ::-1]))
    for one, other in ((seen.left_lane, mirrored.right_lane), (seen.right_lane, mirrored.left_lane)):
        for row_px in (320, 470):
            assert column(one, row_px) == pytest.approx(639 - column(other, row_px), abs=MARKING_PX)


def test_a_lost_line_is_not_held_from_earlier_frames(detector):
    assert detector.detect(road_image(), timestamp=0.0).left_lane is not None
    result = detector.detect(np.full((480, 640, 3), 90, np.uint8), timestamp=0.03)
    assert (result.left_lane, result.right_lane) == (None, None)


def test_one_erased_line_leaves_the_other(detector):
    image = road_image()
    image[240:, 320:] = 90
    result = detector.detect(image)
    assert result.left_lane is not None
    assert result.right_lane is None


def test_noise_gives_finite_lines(detector):
    for seed in range(4):
        image = np.random.default_rng(seed).integers(0, 256, (240, 320, 3), dtype=np.uint8)
        result = detector.detect(image)
        for lane in (result.left_lane, result.right_lane):
            if lane is not None:
                assert np.isfinite([lane.x1, lane.y1, lane.x2, lane.y2]).all()
                assert 0 <= lane.confidence <= 1
                assert -1 <= lane.x1 <= 320
                assert lane.y1 > lane.y2


def test_live_parameters_change_the_result(detector):
    detector.update_parameter("hough_min_line_len", 150.0)
    detector.update_parameter("hough_max_line_gap", 1.0)
    image = road_image()
    image[::12] = 90  # pieces of 11 rows remain of each line
    assert detector.detect(image).left_lane is None
    detector.update_parameter("hough_min_line_len", 10.0)
    detector.update_parameter("hough_threshold", 5)
    detector.update_parameter("hough_max_line_gap", 30.0)
    assert detector.detect(image).left_lane is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [("canny_low", 1000.0), ("canny_low", "high"), ("hough_threshold", 1.5), ("no_such", 1), ("method", "cv")],
)
def test_bad_parameter_is_refused_and_changes_nothing(detector, name, value):
    before = detector.detect(road_image())
    with pytest.raises(ParameterError, match=rf"detection\.{name}"):
        detector.update_parameter(name, value)
    assert detector.detect(road_image()) == before


def test_search_starts_below_the_horizon_of_the_worlds_camera(detector):
    camera = CameraConfig(pitch_deg=12.0).geometry(640, 480)
    horizon_px = PinholeCamera(camera).horizon_row_px
    result = detector.detect(road_image(), vehicle=VehicleState(camera=camera))
    assert horizon_px < 160, "this camera's horizon is far above that of the image"
    assert result.left_lane is not None
    steep = msgspec.structs.replace(camera, pitch_rad=-0.4)  # looks up: the horizon lies below the image
    result = detector.detect(road_image(), vehicle=VehicleState(camera=steep))
    assert (result.left_lane, result.right_lane) == (None, None)


def test_configured_camera_is_used_with_calibration_config():
    looking_up = CameraConfig(pitch_deg=-25.0)
    detector = create_detector("hough", DetectionParameters(calibration="config"), looking_up)
    assert detector.detect(road_image()).left_lane is None
    assert create_detector("hough", DetectionParameters(calibration="auto"), looking_up).detect(road_image()).left_lane


def test_region_is_cut_at_the_vanishing_point():
    region = search_region(640, 480, (300.0, 200.0))
    assert region is not None
    assert 200 < region.top_px < 230
    assert region.bottom_px == 479
    assert region.centre_px == 300
    assert region.mask.shape == (480 - region.top_px, 640)
    assert search_region(640, 480, (300.0, 470.0)) is None


def test_crossing_lines_end_below_their_crossing():
    left, right = Fit(100.0, 400.0, 1.0, 0.9), Fit(500.0, -400.0, 1.0, 0.8)  # they meet at s = 0.5
    cut_left, cut_right = without_crossing(left, right)
    assert cut_left is not None
    assert cut_right is not None
    assert cut_left.column(cut_left.reach) < cut_right.column(cut_right.reach)
    low = Fit(500.0, -2000.0, 1.0, 0.8)  # these meet just above the bonnet: one of them is false
    assert without_crossing(left, low) == (left, None)


@pytest.mark.skipif("LKAS_DATA" not in os.environ, reason="LKAS_DATA does not name the folder of real roads")
def test_a_real_motorway_shows_both_lines():
    (video,) = open_inputs([f"{os.environ['LKAS_DATA']}/videos/solid_white_right.mp4"], sequence=True, rate_hz=25)
    detector = create_detector("hough")
    frames = [frame for frame in itertools.islice(video.frames(), 50) if isinstance(frame, MediaFrame)]
    results = [detector.detect(frame.image, frame.timestamp) for frame in frames]
    both = [result for result in results if result.left_lane and result.right_lane]
    assert len(both) >= 0.95 * len(results)
    bottom = np.array([[column(result.left_lane, 530), column(result.right_lane, 530)] for result in both])
    assert np.abs(bottom - np.median(bottom, axis=0)).max() < 60, "the lines stay in place"
