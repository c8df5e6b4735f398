"""Method onnx: lane networks of known output find the known lanes of a drawn road, on either runtime."""

import numpy as np
import pytest

from lkas.detection import DetectionParameters, create_detector
from lkas.detection.methods.onnx import OnnxDetector
from lkas.detection.net.lane_networks import LaneNetwork, Mask
from lkas.detection.net.onnx_file import read_signature
from lkas.detection.net.patch_net import MODEL
from lkas.detection.net.runtime import ModelError
from lkas.frames import line_lateral_m
from lkas.integration.shared_memory.messages import LineType
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_road import DrawnLine, DrawnRoad
from tests.lkas.detection.tiny_networks import write_anchor_network, write_mask_network

RUNTIMES = ("opencv", "onnxruntime")
ROAD = {"lines": (DrawnLine(1.8), DrawnLine(-1.8)), "offset_m": 0.3, "heading_rad": 0.01}


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "TwinLiteNet": write_mask_network(folder / "twin.onnx", 360),
        "TwinLiteNet+": write_mask_network(folder / "twin_plus.onnx", 384),
        "UFLD TuSimple": write_anchor_network(folder / "ufld.onnx"),
    }


def parameters(model, calibration="config"):
    return DetectionParameters(method="onnx", calibration=calibration, model=str(model))


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    ("kind", "tolerance_m"), [("TwinLiteNet", 0.08), ("TwinLiteNet+", 0.08), ("UFLD TuSimple", 0.15)]
)
@pytest.mark.parametrize(("size", "curvature_radpm"), [((800, 600), 0.0), ((960, 540), 1 / 400)])
def test_lanes_are_measured(models, runtime, kind, tolerance_m, size, curvature_radpm):
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    road = DrawnRoad(**ROAD, curvature_radpm=curvature_radpm, width_px=size[0], height_px=size[1])
    detector = OnnxDetector(parameters(models[kind]), CameraConfig(), runtime=runtime)
    model = detector.detect(road.image()).lane_model
    for line, drawn in zip((model.left, model.right), road.lines, strict=True):
        c0, c1, c2 = road.truth(drawn)
        assert line.confidence > 0.5
        for x_m in (5.0, 10.0, 20.0):
            true_m = c0 + c1 * x_m + c2 * x_m**2 / 2
            assert line_lateral_m(line, x_m) == pytest.approx(true_m, abs=tolerance_m)


def test_paint_shows_dashes_that_a_mask_may_not(models):
    lines = (DrawnLine(1.8), DrawnLine(-1.8, dash_m=3.0, phase_m=2.0))
    model = create_detector("onnx", parameters(models["TwinLiteNet"])).detect(DrawnRoad(lines=lines).image()).lane_model
    assert model.left.type == LineType.SOLID
    assert model.right.type == LineType.DASHED


@pytest.mark.parametrize("kind", ["TwinLiteNet", "UFLD TuSimple"])
@pytest.mark.parametrize("calibration", ["auto", "config"])
def test_nothing_is_claimed_where_nothing_is(models, kind, calibration):
    detector = create_detector("onnx", parameters(models[kind], calibration))
    for level in (0, 90) if kind == "UFLD TuSimple" else (0, 90, 255):  # on white it finds lanes everywhere
        model = detector.detect(np.full((480, 640, 3), level, np.uint8)).lane_model
        assert (model.left, model.right) == (None, None)


def test_each_frame_is_processed_again(models):
    detector = create_detector("onnx", parameters(models["TwinLiteNet"]))
    image = DrawnRoad().image()
    assert detector.detect(image, 0.0).left_lane is not None
    image[:] = 90  # the same array, as a camera's buffer would be
    assert detector.detect(image, 0.03).left_lane is None


@pytest.mark.parametrize("size", [(640, 360), (800, 600), (1640, 590), (500, 900)])
def test_a_mask_is_aligned_with_its_image(models, size):
    """A white patch is found in its place, whether the image was stretched or letterboxed."""
    width_px, height_px = size
    image = np.full((height_px, width_px, 3), 60, np.uint8)
    left, top = width_px // 3, height_px // 2
    image[top : top + height_px // 5, left : left + width_px // 5] = 255
    for kind in ("TwinLiteNet", "TwinLiteNet+"):
        seen = LaneNetwork(models[kind]).lanes(image)
        assert isinstance(seen, Mask)
        assert seen.image.shape == (height_px, width_px, 3)
        rows, columns = np.nonzero(seen.image[..., 0] > 127)
        edges = (columns.min(), columns.max() + 1, rows.min(), rows.max() + 1)
        expected = (left, left + width_px // 5, top, top + height_px // 5)
        assert edges == pytest.approx(expected, abs=3)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_outputs_that_are_not_as_declared_are_named(tmp_path, runtime):
    """The file does not declare the sizes of its outputs, and they differ from the expected ones."""
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    wrong = write_mask_network(tmp_path / "wrong.onnx", 360, declares_outputs=False, stride=2)
    with pytest.raises(ModelError, match=r"expected outputs 1x2x360x640, .* found 1x2x180x320, 1x2x180x320"):
        LaneNetwork(wrong, runtime)


def test_a_network_of_unknown_kind_is_refused_with_what_was_expected(tmp_path):
    other = write_mask_network(tmp_path / "other.onnx", 224, 224)
    with pytest.raises(ModelError) as caught:
        LaneNetwork(other)
    text = str(caught.value)
    assert text.startswith(f"{other}: unknown kind of lane network; expected one of ")
    for kind in (
        "TwinLiteNet: 1x3x360x640 -> 1x2x360x640, 1x2x360x640",
        "TwinLiteNet+: 1x3x384x640",
        "UFLD TuSimple: 1x3x288x800 -> 1x101x56x4",
        "UFLD CULane: 1x3x288x800 -> 1x201x18x4",
    ):
        assert kind in text
    assert "found image 1x3x224x224 -> drivable 1x2x224x224, lanes 1x2x224x224" in text


def test_files_that_are_not_networks_are_named(tmp_path, models):
    with pytest.raises(ModelError, match=r"missing\.onnx: cannot read this network: No such file"):
        LaneNetwork(tmp_path / "missing.onnx")
    whole = models["TwinLiteNet"].read_bytes()
    for name, data in (("empty", b""), ("text", b"not a network"), ("cut", whole[: len(whole) // 2])):
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        with pytest.raises(ModelError, match=f"{name}.onnx: not an ONNX file"):
            LaneNetwork(path)
    with pytest.raises(ModelError, match="--model FILE"):
        create_detector("onnx")


def test_signatures_are_read_without_a_runtime(models):
    signature = read_signature(models["UFLD TuSimple"])
    assert [port.text for port in signature.inputs] == ["image 1x3x288x800"]
    assert [port.text for port in signature.outputs] == ["cells 1x101x56x4"]
    assert [port.text for port in read_signature(MODEL).inputs] == ["levels 1x3x96x208"], "PyTorch's exporter"
