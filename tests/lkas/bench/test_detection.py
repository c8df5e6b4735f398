"""`lkas bench detection` accounts for every stage of every method; the figures themselves are nobody's to assert."""

import msgspec
import pytest
from lkas.detection.stage_times import REST, STAGES, WHOLE, StageTimes, watched
from typer.testing import CliRunner

from lkas.cli.app import app
from lkas.detection import create_detector
from lkas.detection.methods import cv
from tests.lkas.detection.drawn_road import DrawnRoad
from tests.lkas.detection.straight_road import write_film
from tests.lkas.detection.tiny_networks import write_mask_network

RIDGE_STAGES = {"sample the road", "ridges", "tops", "search", "choose", "fit", "confidence", "neighbours"}


def invoke(*arguments):
    return CliRunner().invoke(app, ["bench", "detection", *map(str, arguments)])


def test_every_method_reports_its_stages(tmp_path):
    film = write_film(tmp_path / "drive.avi", 10)
    model = write_mask_network(tmp_path / "lanes.onnx", 360)
    done = invoke(film, "--method", "cv,hybrid,hough,onnx", "--model", model, "--frames", 10, "--json")
    assert done.exit_code == 0, done.output
    report = msgspec.json.decode(done.stdout)
    assert (report["frames"], report["size"], report["source"]) == (10, [320, 240], str(film))
    stages = {method: set(figures) - {WHOLE, REST} for method, figures in report["methods"].items()}
    assert stages["cv"] == RIDGE_STAGES | {"calibrate"}
    assert stages["hybrid"] == RIDGE_STAGES | {"calibrate", "network"}
    assert stages["hough"] == {"segments", "lines"}
    assert stages["onnx"] == RIDGE_STAGES - {"tops"} | {"calibrate", "lane network"}
    assert set.union(*stages.values()) == set(STAGES), "a stage in the table that no method has"
    for figures in report["methods"].values():
        for values in figures.values():
            assert list(values) == ["cpu_ms_p50", "cpu_ms_p99", "wall_ms_p50", "wall_ms_p99"]
            assert 0 <= values["cpu_ms_p50"] <= values["cpu_ms_p99"]


def test_stages_add_up_to_the_whole_and_are_let_go_of():
    function, times = cv.find_ridges, StageTimes()
    detector = create_detector("cv")
    with watched("cv", times):
        assert cv.find_ridges is not function
        found = times.measure(detector.detect, DrawnRoad().image(), 0.0)
    assert cv.find_ridges is function
    assert found.left_lane is not None
    (frame,) = times.frames
    parts_ms = sum(spent.cpu_ms for stage, spent in frame.items() if stage != WHOLE)
    assert parts_ms == pytest.approx(frame[WHOLE].cpu_ms)
    assert 0 < frame["fit"].cpu_ms < frame[WHOLE].cpu_ms


def test_stages_are_let_go_of_after_an_error():
    function = cv.find_ridges
    with pytest.raises(RuntimeError), watched("cv", StageTimes()):
        raise RuntimeError
    assert cv.find_ridges is function


def test_frames_of_the_embedded_world_are_measured_and_printed():
    done = invoke("--frames", 10, "--method", "cv", "--set", "camera.width_px=320", "--set", "camera.height_px=240")
    assert done.exit_code == 0, done.output
    assert "10 frames of embedded world, 320x240" in " ".join(done.stdout.split())
    assert "cv" in done.stdout
    assert "calibrate" not in done.stdout, "the world says how its camera stands"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["missing.mp4"], "missing.mp4: no such file"),
        (["--method", "psychic"], "psychic"),
        (["missing.mp4", "--method", "onnx"], "--model FILE"),
        (["--set", "camera.width_px=12"], "camera.width_px"),
    ],
)
def test_bad_usage_is_told(arguments, words):
    done = invoke(*arguments)
    assert done.exit_code == 2
    assert words in done.stderr
