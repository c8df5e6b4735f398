"""A custom detector: tried, checked, and prevented from ending a drive."""

import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from lkas.cli.app import app
from lkas.clock import FakeClock
from lkas.detection import DetectionParameters, create_detector
from lkas.detection.cycle import FAILING, RUNNING, DetectionInputs, DetectionServer
from lkas.detection.methods.plugin import plain_road, try_detector
from lkas.integration.shared_memory.messages import ImageMessage
from lkas.parameters import ParameterError
from lkas.plugins.guard import PluginError
from lkas.vehicle import CameraConfig
from tests.lkas.detection.straight_road import road_image, write_image
from tests.support.stack import ROOT

SOURCE = """
import numpy as np
from lkas.detection import DetectionResult
from lkas.integration.shared_memory.messages import LaneMessage

class Detector:
    def __init__(self, parameters, camera):
        self.threshold = parameters.canny_low
        self.resets = 0

    def detect(self, image, timestamp=None, vehicle=None):
        {body}

    def update_parameter(self, name, value):
        setattr(self, {{"canny_low": "threshold"}}[name], value)

    def reset(self):
        self.resets += 1
"""
FOUND = "return DetectionResult(left_lane=LaneMessage(np.float32(1.5), 400, np.int64(30), 260.0, np.float64(0.9)))"
EXAMPLE = f"{ROOT}/examples/own_detector.py:Detector"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Writes my.py with this body of `detect`, and returns its detector."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(body, **parameters):
        (tmp_path / "my.py").write_text(SOURCE.format(body=body))
        return create_detector("my.py:Detector", DetectionParameters(**parameters))

    return write


def test_its_result_may_contain_numpy_numbers(plugin):
    result = plugin(FOUND).detect(road_image())
    lane = result.left_lane
    assert [type(value) for value in (lane.x1, lane.y1, lane.x2, lane.confidence)] == [float] * 4
    assert (lane.x1, lane.y1, lane.x2, lane.confidence) == (1.5, 400.0, 30.0, 0.9)
    assert result.right_lane is None


def test_parameters_reach_it_and_unknown_ones_are_refused(plugin):
    detector = plugin("return DetectionResult(left_lane=LaneMessage(self.threshold, 1, 2, 3))", canny_low=20.0)
    assert detector.detect(road_image()).left_lane.x1 == 20.0
    detector.update_parameter("canny_low", 60.0)
    assert detector.detect(road_image()).left_lane.x1 == 60.0
    with pytest.raises(
        ValueError, match=r"update_parameter\('lane_width_m', 3.0\): KeyError: 'lane_width_m' \(my.py, "
    ):
        detector.update_parameter("lane_width_m", 3.0)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 1, 2", "my.py:Detector: detect returned (1, 2); expected a lkas.detection.DetectionResult"),
        ("return None", "detect returned None; expected"),
        (
            "return DetectionResult(left_lane=(1, 2, 3, 4))",
            "`object | null`, got `array` - at `left_lane`; expected",
        ),
        ("return DetectionResult(left_lane=LaneMessage('a', 1, 2, 3))", "got `str` - at `left_lane.x1`"),
        (
            "return DetectionResult(right_lane=LaneMessage(1, 2, 3, float('nan')))",
            "returned right_lane.y2 = nan; expected",
        ),
        ("return DetectionResult(right_lane=LaneMessage(image, 2, 3, 4))", "wrong field: ndarray is not a number"),
        ("return [][3]", "my.py:Detector: detect: IndexError: list index out of range (my.py, line 12, in detect)"),
        ("image[0] = 0", "detect: ValueError: assignment destination is read-only (my.py, line 12, in detect)"),
    ],
)
def test_a_wrong_result_is_reported_in_the_users_terms(plugin, body, words):
    detector = plugin(body)
    with pytest.raises(PluginError) as raised:
        try_detector(detector, CameraConfig())
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_the_trial_image_shows_a_lane():
    lanes = create_detector("cv", DetectionParameters(calibration="config")).detect(plain_road(CameraConfig()))
    assert lanes.left_lane.confidence > 0.8
    assert lanes.right_lane.confidence > 0.8
    plain_road(CameraConfig(pitch_deg=-30.0))  # the camera sees no road


def test_a_failure_costs_the_frame_its_lane_and_each_cause_is_reported_once(plugin, caplog):
    clock = FakeClock(now_ns=10_000_000_000)
    body = """\
if timestamp < 3: raise KeyError(timestamp)
        if timestamp < 5: return [][int(timestamp)]
        return DetectionResult()"""
    server = DetectionServer(plugin(body), clock)
    for number in range(1, 6):
        image = ImageMessage(image=road_image(), frame_id=number, timestamp=float(number), session=7)
        message, _ = server.step(DetectionInputs(image, None))
        assert (message.frame_id, message.left_lane, message.lane_model) == (number, None, None)
        assert server.state == (FAILING if number < 5 else RUNNING)
    assert list(server.errors.values()) == [2, 2]
    reported = [text for name, _, text in server.take_events() if name == "detector_error"]
    assert reported == [
        "my.py:Detector: detect: KeyError: 1.0 (my.py, line 12, in detect)",
        "my.py:Detector: detect: IndexError: list index out of range (my.py, line 13, in detect)",
    ]
    assert caplog.text.count("return [][int(timestamp)]") == 1, "the user's traceback is logged once"


def test_a_failing_reset_does_not_end_the_server(plugin):
    detector = plugin(FOUND)
    server = DetectionServer(detector, FakeClock(now_ns=1))
    del detector._detector.resets
    message, _ = server.step(DetectionInputs(ImageMessage(image=road_image(), session=7), None))
    assert message.left_lane is not None
    assert len(server.errors) == 1


def test_the_running_method_cannot_be_changed(plugin):
    plugin(FOUND)
    for detector in (create_detector("my.py:Detector"), create_detector("hough")):
        with pytest.raises(ValueError, match="method"):
            detector.update_parameter("method", "my.py:Detector")


def test_an_unknown_method_is_reported_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"no such detection method 'cvv'; known are cv, hybrid, hough, onnx, or FILE.py"
    ):
        create_detector("cvv")


def detect(*arguments):
    return CliRunner().invoke(app, ["detect", *map(str, arguments)], env={"COLUMNS": "150", "NO_COLOR": "1"})


def test_it_is_compared_under_a_short_name(plugin, tmp_path):
    plugin(FOUND)
    write_image(tmp_path / "frame.png", road_image())
    outputs = ["--jsonl", "lanes.jsonl", "--annotate", "out"]
    done = detect("frame.png", "--compare", f"hough,{tmp_path}/my.py:Detector", *outputs)
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in (tmp_path / "lanes.jsonl").read_text().splitlines()]
    assert [line["method"] for line in lines] == ["hough", "my.py:Detector"]
    assert str(tmp_path) not in done.stdout
    assert (tmp_path / "out" / "frame.jpg").is_file()


def test_frames_in_which_it_fails_are_counted_and_give_exit_code_1(plugin, tmp_path):
    plugin("assert image[0, 0, 0] != 7, 'no sevens'\n        return DetectionResult()")
    for name, value in (("a", 7), ("b", 8), ("c", 7)):
        write_image(tmp_path / f"{name}.png", np.full((64, 64, 3), value, np.uint8))
    done = detect("a.png", "b.png", "c.png", "--compare", "my.py:Detector,hough")
    assert done.exit_code == 1
    assert done.stderr.strip() == (
        "my.py:Detector: detect: AssertionError: no sevens (my.py, line 12, in detect); "
        "2 frames of my.py:Detector without lanes because of it"
    )
    rows = [line.replace("│", " ").split() for line in done.stdout.splitlines()]
    failed = {row[0]: row[-1] for row in rows if row[:1] in (["my.py:Detector"], ["hough"])}
    assert failed == {"my.py:Detector": "2", "hough": "0"}


@pytest.mark.parametrize("command", [["detect", "frame.png"], ["bench", "detection", "frame.png"]])
def test_an_unusable_plugin_is_bad_usage(plugin, tmp_path, command):
    plugin("return 3")
    write_image(tmp_path / "frame.png", road_image())
    done = CliRunner().invoke(app, [*command, "--method", "my.py:Detector"])
    assert done.exit_code == 2
    assert "my.py:Detector: detect returned 3; expected a lkas.detection.DetectionResult" in done.stderr
    assert done.stdout == ""


def test_the_example_finds_the_lines_of_a_plain_road():
    detector = create_detector(EXAMPLE, DetectionParameters(lane_width_m=3.5))
    model = detector.detect(plain_road(CameraConfig())).lane_model
    assert model.left.c0 == pytest.approx(1.75, abs=0.05)
    assert model.right.c0 == pytest.approx(-1.75, abs=0.05)
    assert model.left.c1 == pytest.approx(0.0, abs=0.01)
    empty = detector.detect(np.zeros((480, 640, 3), np.uint8))
    assert (empty.left_lane, empty.right_lane, empty.lane_model) == (None, None, None)
    detector.update_parameter("lane_width_m", 3.0)
    with pytest.raises((ParameterError, PluginError)):
        detector.update_parameter("nothing", 3.0)
