"""Method hybrid: the installed network is the scored one, both runtimes agree, and roads are measured right."""

import hashlib
import json
import math
from importlib import resources

import numpy as np
import pytest

from lkas.detection import DetectionParameters, create_detector
from lkas.detection.lane_fit.rectify import RoadView
from lkas.detection.methods.hybrid import HybridDetector, apply_weights
from lkas.detection.net.patch_net import MODEL, PatchNet
from lkas.detection.net.runtime import ModelError
from lkas.integration.shared_memory.messages import LineType
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_road import YELLOW, DrawnLine, DrawnRoad

CONFIGURED = DetectionParameters(calibration="config")
DASHED = DrawnLine(-1.8, dash_m=3.0, phase_m=2.0)
RUNTIMES = ("opencv", "onnxruntime")


def net(runtime: str) -> PatchNet:
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    return PatchNet(runtime)


def rectified(road: DrawnRoad) -> tuple[np.ndarray, RoadView]:
    view = RoadView(CameraConfig().geometry(road.width_px, road.height_px), road.width_px, road.height_px, 3.6, 0.15)
    return view.sample(road.image()), view


def test_the_model_file_is_the_one_that_was_scored():
    facts = json.loads(MODEL.with_suffix(".json").read_text())
    assert facts["sha256"] == hashlib.sha256(MODEL.read_bytes()).hexdigest()
    assert facts["bytes"] == MODEL.stat().st_size <= 400_000


def test_the_model_is_installed():
    names = {path.name for path in resources.files("lkas.detection.net").iterdir()}
    assert {"patch_net.onnx", "patch_net.json"} <= names


def test_runtimes_agree():
    patch, _ = rectified(DrawnRoad(lines=(DrawnLine(1.8, colour=YELLOW), DASHED)))
    (columns, one), (_, other) = (net(runtime).probability(patch) for runtime in RUNTIMES)
    assert one.shape == patch[:, columns].shape[:2]
    np.testing.assert_allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_lines_are_more_probable_than_the_road(runtime):
    patch, view = rectified(DrawnRoad(lines=(DrawnLine(1.8), DASHED)))
    columns, probability = net(runtime).probability(patch)
    assert columns.start > 0, "the outermost columns are outside the network's view"
    assert probability.min() >= 0
    assert probability.max() <= 1
    y_m = view.y_m[columns]
    rows = (view.x_m > 8) & (view.x_m < 30)
    for place_m, least in ((1.8, 0.7), (-1.8, 0.5)):
        on_line = np.abs(y_m - place_m) < 0.04
        assert probability[np.ix_(rows, on_line)].mean() > least
    between = np.abs(y_m) < 1.2
    assert probability[np.ix_(rows, between)].mean() < 0.05


@pytest.mark.parametrize("shape", [(8, 101), (96, 417), (40, 961), (96, 1)])
def test_views_of_any_size_fit(shape):
    columns, probability = PatchNet("opencv").probability(np.full((*shape, 3), 90, np.uint8))
    assert probability.shape == np.empty(shape)[:, columns].shape
    assert probability.size > 0
    assert np.isfinite(probability).all()


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("curvature_radpm", [0.0, 1 / 400])
def test_lanes_are_measured(runtime, curvature_radpm):
    road = DrawnRoad(lines=(DrawnLine(1.8, colour=YELLOW), DASHED), offset_m=0.3, curvature_radpm=curvature_radpm)
    model = HybridDetector(CONFIGURED, CameraConfig(), net=net(runtime)).detect(road.image()).lane_model
    for line, drawn in zip((model.left, model.right), road.lines, strict=True):
        c0, c1, c2 = road.truth(drawn)
        assert line.confidence > 0.5
        assert line.c0 == pytest.approx(c0, abs=0.04)
        assert math.degrees(line.c1) == pytest.approx(math.degrees(c1), abs=0.15)
        assert line.c2 == pytest.approx(c2, abs=max(2e-4, 0.08 * abs(c2)))
    assert model.left.type == LineType.SOLID
    assert model.right.type == LineType.DASHED, "gaps stay gaps"


@pytest.mark.parametrize("calibration", ["auto", "config"])
@pytest.mark.parametrize("level", [0, 90, 255])
def test_nothing_is_claimed_where_nothing_is(calibration, level):
    detector = create_detector("hybrid", DetectionParameters(calibration=calibration))
    for timestamp in (None, 0.0, 0.04):
        model = detector.detect(np.full((600, 800, 3), level, np.uint8), timestamp).lane_model
        assert (model.left, model.right) == (None, None)


def test_nothing_is_claimed_on_a_bare_road():
    model = create_detector("hybrid", CONFIGURED).detect(DrawnRoad(lines=()).image()).lane_model
    assert all(line is None or line.confidence < 0.5 for line in (model.left, model.right))


def test_the_network_weights_the_ridges():
    response, room = np.array([[10.0, 10.0, 0.0]], np.float32), np.empty((1, 3), np.float32)
    apply_weights(response, np.array([[1.0, 0.0, 1.0]], np.float32), 0.0, room)
    both, ridge_alone, network_alone = response[0]
    assert both > 10, "agreement strengthens"
    assert 0 < ridge_alone < 10, "the network lowers it, but has no veto"
    assert network_alone == 0, "without a ridge there is no line"
    faint = np.full((1, 3), 10.0, np.float32)
    apply_weights(faint, np.array([[1.0, 0.0, 1.0]], np.float32), 0.5, room)
    assert faint[0, 0] == both
    assert ridge_alone < faint[0, 1] < both, "beside a sure line the network lowers it less"


def test_a_missing_model_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"none\.onnx: no such network file"):
        PatchNet("opencv", tmp_path / "none.onnx")
