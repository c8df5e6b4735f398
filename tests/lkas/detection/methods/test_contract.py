"""What every detection method has to do: the registered ones, found through the registry, and a plugin."""

import gc
import math
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lkas.detection import METHODS, DetectionParameters, DetectionResult, create_detector
from lkas.detection.stages import WHOLE, Stage, StageTimer
from lkas.integration.shared_memory.messages import VehicleState
from lkas.parameters import ParameterError, declared, is_read_by
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_road import DrawnRoad
from tests.lkas.detection.tiny_networks import write_mask_network
from tests.support.stack import ROOT

PLUGIN = f"{ROOT}/examples/own_detector.py:Detector"
DETECTORS = [*METHODS, PLUGIN]
FRAME_S = 0.04


def short(name):
    return name.rpartition("/")[2]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_mask_network(tmp_path_factory.mktemp("models") / "lanes.onnx", 360)


@pytest.fixture(params=DETECTORS, ids=short)
def make(request, model):
    """A function that makes the detector; keywords are parameters of section `detection`."""

    def create(stages=None, **parameters):
        section = DetectionParameters(**{"calibration": "config", "model": str(model), **parameters})
        return create_detector(request.param, section, CameraConfig(), stages)

    create.method = request.param
    return create


def road(offset_m=0.0, seed=1):
    return DrawnRoad(offset_m=offset_m, seed=seed, width_px=400, height_px=300).image()


def lines_of(result):
    """Ego lines and neighbours, in either form."""
    model = result.lane_model
    lines = [result.left_lane, result.right_lane, *result.neighbours, *((model.left, model.right) if model else ())]
    return [line for line in lines if line is not None]


def confidences(result):
    return [line.confidence for line in lines_of(result)]


def assert_valid(result):
    assert isinstance(result, DetectionResult)
    for line in lines_of(result):
        values = [getattr(line, name) for name in line.__struct_fields__]
        assert all(math.isfinite(value) for value in values if isinstance(value, float))
        assert 0 <= line.confidence <= 1


def test_a_plain_road_shows_both_lines(make):
    result = make().detect(road(), 0.0)
    assert_valid(result)
    assert result.left_lane is not None
    assert result.right_lane is not None
    assert result.left_lane.x1 < 200 < result.right_lane.x1


@pytest.mark.parametrize("calibration", ["auto", "config"])
@pytest.mark.parametrize("level", [0, 90, 150])  # a threshold on white takes all of a white image for paint
def test_a_blank_image_shows_no_lane(make, calibration, level):
    detector = make(calibration=calibration)
    for timestamp in (None, 0.0, FRAME_S):
        assert lines_of(detector.detect(np.full((300, 400, 3), level, np.uint8), timestamp)) == []


@pytest.mark.parametrize("calibration", ["auto", "config"])
def test_noise_gives_a_valid_result(make, calibration):
    detector = make(calibration=calibration)
    for seed in range(4):
        image = np.random.default_rng(seed).integers(0, 256, (120, 160, 3), dtype=np.uint8)
        assert_valid(detector.detect(image, None if seed % 2 else seed * FRAME_S))


@pytest.mark.parametrize("size", [(32, 32), (33, 640), (300, 64), (97, 131)])
def test_any_size_from_32_pixels_on_is_accepted(make, size):
    assert_valid(make().detect(np.full((*size, 3), 90, np.uint8)))


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((300, 400), np.uint8),
        np.zeros((300, 400, 4), np.uint8),
        np.zeros((300, 400, 3), np.float32),
        np.zeros((300, 400, 3), np.int8),
        np.zeros((16, 400, 3), np.uint8),
        np.zeros((0, 0, 3), np.uint8),
        None,
    ],
    ids=["grey", "RGBA", "float", "signed", "low", "empty", "none"],
)
def test_other_types_and_shapes_are_refused(make, image):
    detector = make()
    with pytest.raises(ValueError, match=r"expected an \(H, W, 3\) uint8 RGB array") as refused:
        detector.detect(image)
    if image is not None:
        assert str(image.shape) in str(refused.value)
        assert str(image.dtype) in str(refused.value)
    assert make().detect(road(), 0.0) == detector.detect(road(), 0.0), "the refused image has no effect"


@settings(max_examples=25)
@given(
    method=st.sampled_from([name for name in METHODS if name != "onnx"]),
    shape=st.tuples(*[st.integers(0, 80)] * 2, st.integers(1, 5)) | st.tuples(*[st.integers(0, 80)] * 2),
    kind=st.sampled_from([np.uint8, np.uint16, np.int8, np.float32, np.float64, bool]),
)
def test_any_array_is_processed_or_refused(method, shape, kind):
    image = np.zeros(shape, kind)
    detector = create_detector(method)
    if kind is np.uint8 and len(shape) == 3 and shape[2] == 3 and min(shape[:2]) >= 32:
        assert lines_of(detector.detect(image)) == []
        return
    with pytest.raises(ValueError, match=r"expected an \(H, W, 3\) uint8 RGB array") as refused:
        detector.detect(image)
    assert str(image.shape) in str(refused.value)


@pytest.mark.parametrize("calibration", ["auto", "config"])
def test_the_same_frames_give_the_same_results(make, calibration):
    frames = [(road(0.1 * k, k), FRAME_S * k) for k in range(3)]
    one, other = ([make(calibration=calibration)] * 3 for _ in range(2))
    results = [[detector.detect(*frame) for detector, frame in zip(run, frames, strict=True)] for run in (one, other)]
    assert results[0] == results[1]


@pytest.mark.parametrize("calibration", ["auto", "config"])
def test_reset_forgets_earlier_frames(make, calibration):
    detector = make(calibration=calibration)
    frames = [(road(0.1 * k, k), FRAME_S * k) for k in range(3)]
    before = [detector.detect(*frame) for frame in frames]
    detector.reset()
    assert [detector.detect(*frame) for frame in frames] == before


def test_single_images_are_independent(make):
    detector = make()
    detector.detect(road(0.5))
    assert detector.detect(road(-0.3)) == make().detect(road(-0.3))


@pytest.mark.parametrize("back_s", [0.0, FRAME_S, 3600.0], ids=["repeated", "one frame back", "restarted"])
def test_time_may_stand_still_or_jump_back(make, back_s):
    """Such a frame is measured as if it were the first one of a known camera."""
    detector = make()
    for k in range(3):
        detector.detect(road(0.3, k), 3600.0 + FRAME_S * k)
    assert detector.detect(road(-0.3), 3600.0 + 2 * FRAME_S - back_s) == make().detect(road(-0.3), 0.0)


def test_a_gap_in_time_forgets_the_old_lines(make):
    detector = make()
    detector.detect(road(0.3), 0.0)
    assert detector.detect(road(-0.3), 60.0) == make().detect(road(-0.3), 0.0)


@pytest.mark.parametrize("timestamp", [math.nan, math.inf, -math.inf, -5.0, 1e300])
def test_any_timestamp_is_accepted(make, timestamp):
    detector = make(calibration="auto")
    assert_valid(detector.detect(road(), timestamp))
    assert_valid(detector.detect(road(), FRAME_S))


def test_the_vehicle_state_may_lack_everything(make):
    assert_valid(make(calibration="auto").detect(road(), 0.0, VehicleState()))


def test_an_unknown_parameter_is_refused_and_changes_nothing(make):
    detector = make()
    with pytest.raises((ParameterError, ValueError), match="no_such_key"):
        detector.update_parameter("no_such_key", 1.0)
    assert detector.detect(road(), 0.0) == make().detect(road(), 0.0)


def test_every_live_parameter_that_it_reads_can_be_changed(make):
    detector = make()
    for name, parameter in declared("detection", DetectionParameters).items():
        if parameter.live and is_read_by(parameter, make.method):
            detector.update_parameter(name, getattr(DetectionParameters(), name))
    assert detector.detect(road(), 0.0) == make().detect(road(), 0.0)


@pytest.mark.parametrize("value", [1e9, "wide", None, math.nan])
def test_a_bad_value_is_refused_and_changes_nothing(make, value):
    if make.method == PLUGIN:
        pytest.skip("a plugin checks its own parameters")
    detector = make()
    with pytest.raises(ParameterError, match=r"detection\.(canny_low|ridge_threshold)"):
        detector.update_parameter("canny_low" if make.method == "hough" else "ridge_threshold", value)
    assert detector.detect(road(), 0.0) == make().detect(road(), 0.0)


@pytest.mark.parametrize("calibration", ["auto", "config"])
def test_the_image_is_not_changed_and_may_be_read_only_or_strided(make, calibration):
    image = road()
    padded = np.zeros((300, 500, 3), np.uint8)
    padded[:, 50:450] = image
    copy, strided = image.copy(), padded[:, 50:450]
    image.flags.writeable = strided.flags.writeable = False
    assert make(calibration=calibration).detect(image, 0.0) == make(calibration=calibration).detect(strided, 0.0)
    assert np.array_equal(image, copy)


@pytest.mark.parametrize("timestamp", [None, 0.0])
@pytest.mark.parametrize("calibration", ["auto", "config"])
def test_the_image_is_released(make, calibration, timestamp):
    """A camera's buffer is reused after the call: the detector keeps neither the array nor a view of its memory."""
    detector, memory = make(calibration=calibration), bytearray(road().tobytes())
    image = np.frombuffer(memory, np.uint8).reshape(300, 400, 3)
    released = weakref.ref(image)
    result = detector.detect(image, timestamp)
    del image
    gc.collect()
    assert released() is None
    memory.append(0)  # BufferError if any view were left
    assert_valid(result)


def test_a_buffer_that_is_reused_shows_the_new_image(make):
    detector, image = make(), road(0.3)
    detector.detect(image, 0.0)
    image[:] = road(-0.3)
    assert detector.detect(image, 60.0) == make().detect(road(-0.3), 60.0)


def test_stage_times_do_not_change_the_result(make):
    timer = StageTimer()
    detector = make(timer)
    assert timer.time_frame(detector.detect, road(), 0.0) == make().detect(road(), 0.0)
    (frame,) = timer.frames
    assert frame[WHOLE].wall_ms > 0
    assert set(frame) & set(Stage) or make.method == PLUGIN, "a registered method times its stages"
