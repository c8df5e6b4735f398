"""Small lane networks written by hand: they detect white paint as lane lines, so that their output is known."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from lkas.detection.net.lane_networks import IMAGENET_MEAN, IMAGENET_SIGMA, TUSIMPLE_ROWS

WHITE = 0.75  # mean of red, green and blue from which a pixel counts as paint; drawn asphalt has 0.38, sky 0.69
GAIN = 60.0


def write_mask_network(
    path: Path, height_px: int, width_px: int = 640, *, declares_outputs: bool = True, stride: int = 1
) -> Path:
    """TwinLiteNet's shapes: image -> (drivable, lanes), two logits per pixel each; lanes are what is white."""
    lane = np.array([[0, 0, 0], [GAIN / 3] * 3], np.float32)[:, :, None, None]
    constants = {
        "zero": np.zeros_like(lane),
        "lane": lane,
        "even": np.zeros(2, np.float32),
        "threshold": np.array([0, -GAIN * WHITE], np.float32),
    }
    nodes = [
        helper.make_node("Conv", ["image", "zero", "even"], ["drivable"], strides=[stride] * 2),
        helper.make_node("Conv", ["image", "lane", "threshold"], ["lanes"], strides=[stride] * 2),
    ]
    shape = [1, 2, height_px, width_px] if declares_outputs else [1, 2, "height", "width"]
    return _write(path, nodes, constants, [1, 3, height_px, width_px], {"drivable": shape, "lanes": shape})


def write_anchor_network(path: Path, cells: int = 100, lanes: int = 4) -> Path:
    """UFLD's shapes: per anchor row the whitest cell of the left half for lane 1, of the right half for lane 2."""
    rows = len(TUSIMPLE_ROWS)
    cell_of = np.minimum(np.arange(800) / (799 / (cells - 1)), cells - 1).astype(int)
    to_cells = np.zeros((800, cells + 1), np.float32)
    to_cells[np.arange(800), cell_of] = 1 / np.bincount(cell_of)[cell_of]
    bias = np.full((1, lanes, 1, cells + 1), -1000.0, np.float32)
    bias[0, 1, 0, : cells // 2] = bias[0, 2, 0, cells // 2 : cells] = 0
    bias[0, :, 0, cells] = GAIN * 0.55  # no lane: a cell is rarely white over its whole width
    grey = np.array(IMAGENET_SIGMA, np.float32)[None, :, None, None] * GAIN / 3
    constants = {
        "grey": grey,
        "black": np.array([GAIN * np.mean(IMAGENET_MEAN)], np.float32),
        "to_cells": to_cells,
        "bias": bias,
        "anchors": np.array(TUSIMPLE_ROWS, np.int64),
    }
    nodes = [
        helper.make_node("Conv", ["image", "grey", "black"], ["brightness"]),
        helper.make_node("Gather", ["brightness", "anchors"], ["at_anchors"], axis=2),
        helper.make_node("MatMul", ["at_anchors", "to_cells"], ["by_cell"]),
        helper.make_node("Concat", ["by_cell"] * lanes, ["repeated"], axis=1),
        helper.make_node("Add", ["repeated", "bias"], ["by_lane"]),
        helper.make_node("Transpose", ["by_lane"], ["cells"], perm=[0, 3, 2, 1]),
    ]
    return _write(path, nodes, constants, [1, 3, 288, 800], {"cells": [1, cells + 1, rows, lanes]})


def _write(path: Path, nodes: list, constants: dict, image: list[int], outputs: dict[str, list]) -> Path:
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, image)],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, str(path))
    return path
