"""`lkas bench detection` accounts for every stage of every method; the times themselves are not asserted."""

import msgspec
import pytest
from typer.testing import CliRunner

from lkas.cli.app import app
from lkas.detection import create_detector
from lkas.detection.stages import REST, WHOLE, Stage, StageTimer, untimed
from tests.lkas.detection.drawn_road import DrawnRoad
from tests.lkas.detection.straight_road import write_video
from tests.lkas.detection.tiny_networks import write_mask_network

RIDGE_STAGES = {"sample the road", "ridges", "tops", "search", "choose", "fit", "confidence", "neighbours"}


def invoke(*arguments):
    return CliRunner().invoke(app, ["bench", "detection", *map(str, arguments)])


def test_every_method_reports_its_stages(tmp_path):
    video = write_video(tmp_path / "drive.avi", 10)
    model = write_mask_network(tmp_path / "lanes.onnx", 360)
    done = invoke(video, "--method", "cv,hybrid,hough,onnx", "--model", model, "--frames", 10, "--json")
    assert done.exit_code == 0, done.output
    report = msgspec.json.decode(done.stdout)
    assert (report["frames"], report["size"], report["source"]) == (10, [320, 240], str(video))
    stages = {method: set(times) - {WHOLE, REST} for method, times in report["methods"].items()}
    assert stages["cv"] == RIDGE_STAGES | {"calibrate"}
    assert stages["hybrid"] == RIDGE_STAGES | {"calibrate", "network"}
    assert stages["hough"] == {"segments", "lines"}
    assert stages["onnx"] == RIDGE_STAGES - {"tops"} | {"calibrate", "lane network"}
    assert set.union(*stages.values()) == set(Stage), "a stage that no method has"
    for times in report["methods"].values():
        for values in times.values():
            assert list(values) == ["cpu_ms_p50", "cpu_ms_p99", "wall_ms_p50", "wall_ms_p99"]
            assert 0 <= values["cpu_ms_p50"] <= values["cpu_ms_p99"]


def test_stages_add_up_to_the_whole():
    timer = StageTimer()
    detector = create_detector("cv", stages=timer)
    found = timer.time_frame(detector.detect, DrawnRoad().image(), 0.0)
    assert found.left_lane is not None
    (frame,) = timer.frames
    parts_ms = sum(spent.cpu_ms for stage, spent in frame.items() if stage != WHOLE)
    assert parts_ms == pytest.approx(frame[WHOLE].cpu_ms)
    assert 0 < frame["fit"].cpu_ms < frame[WHOLE].cpu_ms


def test_a_stage_that_raises_is_timed():
    timer = StageTimer()
    timer.frames.append({})
    with pytest.raises(RuntimeError), timer(Stage.FIT):
        raise RuntimeError
    assert timer.frames[0]["fit"].wall_ms > 0


def test_without_a_frame_or_a_timer_nothing_is_timed():
    timer = StageTimer()
    with timer(Stage.FIT), untimed(Stage.FIT), untimed(Stage.SEARCH):
        pass
    assert timer.frames == []


def test_frames_of_the_embedded_world_are_measured_and_printed():
    done = invoke("--frames", 10, "--method", "cv", "--set", "camera.width_px=320", "--set", "camera.height_px=240")
    assert done.exit_code == 0, done.output
    assert "10 frames of embedded world, 320x240" in " ".join(done.stdout.split())
    assert "cv" in done.stdout
    assert "calibrate" not in done.stdout, "the world provides the camera pose"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.mp4"], "missing.mp4: no such file"),
        (["--method", "psychic"], "psychic"),
        (["missing.mp4", "--method", "onnx"], "--model FILE"),
        (["--set", "camera.width_px=12"], "camera.width_px"),
    ],
)
def test_bad_usage_is_reported(arguments, words):
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
