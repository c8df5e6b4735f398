"""A detector of the user's own: tried, checked, and kept from ending a drive."""

import json
import sys

import numpy as np
import pytest
from typer.testing import CliRunner

from lkas.cli.app import app
from lkas.clock import FakeClock
from lkas.detection import DetectionParameters, create_detector
from lkas.detection.methods.plugin import plain_road, try_detector
from lkas.detection.server import FAILING, RUNNING, DetectionServer
from lkas.integration.shared_memory.messages import ImageMessage
from lkas.parameters import ParameterError
from lkas.plugins.load import OwnCodeError
from lkas.vehicle import CameraConfig
from tests.lkas.detection.straight_road import road_image, write_picture
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
def own(tmp_path, monkeypatch):
    """Writes my.py with this body of `detect`, and gives its detector."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(body, **parameters):
        (tmp_path / "my.py").write_text(SOURCE.format(body=body))
        return create_detector("my.py:Detector", DetectionParameters(**parameters))

    return write


def test_it_is_called_as_ours_are_and_may_give_numbers_of_numpy(own):
    result = own(FOUND).detect(road_image())
    lane = result.left_lane
    assert [type(value) for value in (lane.x1, lane.y1, lane.x2, lane.confidence)] == [float] * 4
    assert (lane.x1, lane.y1, lane.x2, lane.confidence) == (1.5, 400.0, 30.0, 0.9)
    assert result.right_lane is None


def test_parameters_reach_it_and_what_it_does_not_know_is_refused(own):
    detector = own("return DetectionResult(left_lane=LaneMessage(self.threshold, 1, 2, 3))", canny_low=20.0)
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
def test_a_wrong_result_is_told_in_the_users_words(own, body, words):
    detector = own(body)
    with pytest.raises(OwnCodeError) as raised:
        try_detector(detector, CameraConfig())
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_what_it_is_tried_on_shows_a_lane():
    lanes = create_detector("cv", DetectionParameters(calibration="config")).detect(plain_road(CameraConfig()))
    assert lanes.left_lane.confidence > 0.8
    assert lanes.right_lane.confidence > 0.8
    plain_road(CameraConfig(pitch_deg=-30.0))  # of a camera that sees no road


def test_a_failing_one_costs_the_frame_its_lane_and_is_told_once_a_cause(own, caplog):
    events = []
    clock = FakeClock(now_ns=10_000_000_000)
    body = """\
if timestamp < 3: raise KeyError(timestamp)
        if timestamp < 5: return [][int(timestamp)]
        return DetectionResult()"""
    server = DetectionServer(own(body), clock, lambda *event: events.append(event))
    for number in range(1, 6):
        image = ImageMessage(image=road_image(), frame_id=number, timestamp=float(number), session=7)
        message = server.step(image, None)
        assert (message.frame_id, message.left_lane, message.lane_model) == (number, None, None)
        server.update_state(None)
        assert server.state == (FAILING if number < 5 else RUNNING)
    assert list(server.errors.values()) == [2, 2]
    told = [text for name, _, text in events if name == "detector_error"]
    assert told == [
        "my.py:Detector: detect: KeyError: 1.0 (my.py, line 12, in detect)",
        "my.py:Detector: detect: IndexError: list index out of range (my.py, line 13, in detect)",
    ]
    assert caplog.text.count("return [][int(timestamp)]") == 1, "the user's own traceback is logged, once"


def test_a_reset_that_fails_ends_nothing(own):
    detector = own(FOUND)
    server = DetectionServer(detector, FakeClock(now_ns=1), lambda *event: None)
    del detector._detector.resets
    assert server.step(ImageMessage(image=road_image(), session=7), None).left_lane is not None
    assert len(server.errors) == 1


def test_the_running_method_can_not_be_changed(own):
    own(FOUND)
    for detector in (create_detector("my.py:Detector"), create_detector("hough")):
        with pytest.raises(ValueError, match="method"):
            detector.update_parameter("method", "my.py:Detector")


def test_an_unknown_method_is_told_with_the_known_ones():
    with pytest.raises(
        ValueError, match=r"no such detection method 'cvv'; known are cv, hybrid, hough, onnx, or FILE.py"
    ):
        create_detector("cvv")


def detect(*arguments):
    return CliRunner().invoke(app, ["detect", *map(str, arguments)], env={"COLUMNS": "150", "NO_COLOR": "1"})


def test_it_is_compared_with_ours_under_a_short_name(own, tmp_path):
    own(FOUND)
    write_picture(tmp_path / "frame.png", road_image())
    outputs = ["--jsonl", "lanes.jsonl", "--annotate", "out"]
    done = detect("frame.png", "--compare", f"hough,{tmp_path}/my.py:Detector", *outputs)
    assert done.exit_code == 0, done.output
    lines = [json.loads(line) for line in (tmp_path / "lanes.jsonl").read_text().splitlines()]
    assert [line["method"] for line in lines] == ["hough", "my.py:Detector"]
    assert str(tmp_path) not in done.stdout
    assert (tmp_path / "out" / "frame.jpg").is_file()


def test_frames_it_fails_in_are_counted_and_told_with_exit_code_1(own, tmp_path):
    own("assert image[0, 0, 0] != 7, 'no sevens'\n        return DetectionResult()")
    for name, value in (("a", 7), ("b", 8), ("c", 7)):
        write_picture(tmp_path / f"{name}.png", np.full((64, 64, 3), value, np.uint8))
    done = detect("a.png", "b.png", "c.png", "--compare", "my.py:Detector,hough")
    assert done.exit_code == 1
    assert done.stderr.strip() == (
        "my.py:Detector: detect: AssertionError: no sevens (my.py, line 12, in detect); "
        "2 frames of my.py:Detector without lanes for it"
    )
    rows = [line.replace("│", " ").split() for line in done.stdout.splitlines()]
    failed = {row[0]: row[-1] for row in rows if row[:1] in (["my.py:Detector"], ["hough"])}
    assert failed == {"my.py:Detector": "2", "hough": "0"}


@pytest.mark.parametrize("command", [["detect", "frame.png"], ["bench", "detection", "frame.png"]])
def test_one_that_can_not_be_used_is_bad_usage(own, tmp_path, command):
    own("return 3")
    write_picture(tmp_path / "frame.png", road_image())
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
    with pytest.raises((ParameterError, OwnCodeError)):
        detector.update_parameter("nothing", 3.0)
