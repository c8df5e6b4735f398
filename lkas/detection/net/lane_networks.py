"""Third-party lane networks: inputs and outputs of each kind, and how the outputs become lanes in the image.

Two kinds of outputs: a mask (lane line probability of each pixel) and row anchors (where each of a few lanes crosses
fixed image rows). The kind of a file is recognised by its shapes alone.

- TwinLiteNet (Che et al., 2023): the image stretched to 640x360, RGB / 255; logits of drivable area and lane lines.
- TwinLiteNet+ (Che et al., 2024): the same, letterboxed into 640x384.
- UFLD (Qin et al., "Ultra Fast Structure-aware Deep Lane Detection", 2020): the image stretched to 800x288, ImageNet's
  mean and standard deviation; for each of 4 lanes and each anchor row a choice among cells across the image, the last
  one: no lane.
"""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from msgspec import Struct

from lkas.detection.net.onnx_file import Port, Signature, read_signature, shape_text
from lkas.detection.net.runtime import ModelError, Runtime, installed_runtime, load_network

LETTERBOX_LEVEL = 114
IMAGENET_MEAN, IMAGENET_SIGMA = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
UFLD_INPUT = (1, 3, 288, 800)
TUSIMPLE_ROWS = tuple(range(64, 285, 4))
CULANE_ROWS = (121, 131, 141, 150, 160, 170, 180, 189, 199, 209, 219, 228, 238, 248, 258, 267, 277, 287)


class Mask(Struct, frozen=True):
    """Lane line probability of each pixel, as a grey image: (H, W, 3) uint8, 255 is certain."""

    image: np.ndarray


class AnchoredLanes(Struct, frozen=True):
    """Lanes as (N, 3) rows of column px, row px and probability [0, 1], from the top down; N differs."""

    lanes: list[np.ndarray]
    row_step_px: float  # between anchors; a larger distance between two points is a gap


LaneOutput = Mask | AnchoredLanes


class NetworkKind(Struct, frozen=True):
    """One row of the table of known networks."""

    name: str
    input: tuple[int, ...]
    outputs: tuple[tuple[int, ...], ...]
    prepare: Callable[[np.ndarray], np.ndarray]  # (H, W, 3) uint8 RGB -> the input, float32
    read: Callable[[list[np.ndarray], int, int], LaneOutput]  # outputs, image width and height

    @property
    def text(self) -> str:
        return f"{self.name}: {shape_text(self.input)} -> {', '.join(shape_text(shape) for shape in self.outputs)}"


class LaneNetwork:
    """A network file, read as the kind that fits it."""

    def __init__(self, model: Path, runtime: Runtime | None = None) -> None:
        """`runtime`: None selects onnxruntime if it is installed. Raises ModelError."""
        signature = read_signature(model)
        self.kind = kind_of(model, signature)
        self._run = load_network(model, runtime or installed_runtime(), [port.name for port in signature.outputs])
        found = [output.shape for output in self._run(np.zeros(self.kind.input, np.float32))]
        if found != list(self.kind.outputs):
            expected, given = (", ".join(map(shape_text, shapes)) for shapes in (self.kind.outputs, found))
            raise ModelError(f"{model}: expected outputs {expected} of a {self.kind.name} network, found {given}")

    def lanes(self, image: np.ndarray) -> LaneOutput:
        """(H, W, 3) uint8 RGB -> its lanes."""
        return self.kind.read(self._run(self.kind.prepare(image)), image.shape[1], image.shape[0])


def kind_of(model: Path, signature: Signature) -> NetworkKind:
    """The kind whose shapes are those of the file. Raises ModelError naming all kinds and what was found."""
    for kind in KINDS:
        if len(signature.inputs) == 1 and _fits(signature.inputs[0], kind.input):
            outputs = signature.outputs
            if len(outputs) == len(kind.outputs) and all(map(_fits, outputs, kind.outputs)):
                return kind
    found = [", ".join(port.text for port in ports) or "none" for ports in (signature.inputs, signature.outputs)]
    raise ModelError(
        f"{model}: unknown kind of lane network; expected one of {'; '.join(kind.text for kind in KINDS)}; "
        f"found {found[0]} -> {found[1]}"
    )


def _fits(port: Port, shape: tuple[int, ...]) -> bool:
    """Whether the declared shape allows this one."""
    if port.shape is None:
        return True
    pairs = zip(port.shape, shape, strict=False)
    return len(port.shape) == len(shape) and all(declared is None or declared == size for declared, size in pairs)


def _stretched(image: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    small = cv2.resize(image, (width_px, height_px), interpolation=cv2.INTER_LINEAR)
    return np.ascontiguousarray(small.transpose(2, 0, 1)[None], np.float32) / 255


def _letterbox(width_px: int, height_px: int, into_px: tuple[int, int]) -> tuple[int, int, int, int]:
    """Left, top, width and height of an image inside a frame of another shape."""
    scale = min(into_px[0] / width_px, into_px[1] / height_px)
    inner = round(width_px * scale), round(height_px * scale)
    return (into_px[0] - inner[0]) // 2, (into_px[1] - inner[1]) // 2, *inner


def _letterboxed(image: np.ndarray) -> np.ndarray:
    left, top, width_px, height_px = _letterbox(image.shape[1], image.shape[0], (640, 384))
    framed = np.full((1, 3, 384, 640), LETTERBOX_LEVEL / 255, np.float32)
    framed[:, :, top : top + height_px, left : left + width_px] = _stretched(image, width_px, height_px)
    return framed


def _normalised(image: np.ndarray) -> np.ndarray:
    mean, sigma = (np.array(values, np.float32)[:, None, None] for values in (IMAGENET_MEAN, IMAGENET_SIGMA))
    return (_stretched(image, 800, 288) - mean) / sigma


def _lane_probability(outputs: list[np.ndarray]) -> np.ndarray:
    """Softmax of the second output's two logits per pixel: the probability of a line."""
    no_line, line = outputs[1][0]
    return 1 / (1 + np.exp(np.clip(no_line - line, -30, 30)))


def _read_mask(outputs: list[np.ndarray], width_px: int, height_px: int) -> Mask:
    return Mask(_as_image(_lane_probability(outputs), width_px, height_px))


def _read_letterboxed_mask(outputs: list[np.ndarray], width_px: int, height_px: int) -> Mask:
    left, top, inner_width_px, inner_height_px = _letterbox(width_px, height_px, (640, 384))
    inner = _lane_probability(outputs)[top : top + inner_height_px, left : left + inner_width_px]
    return Mask(_as_image(inner, width_px, height_px))


def _as_image(probability: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    grey = cv2.resize(
        np.rint(255 * probability).astype(np.uint8), (width_px, height_px), interpolation=cv2.INTER_LINEAR
    )
    return cv2.cvtColor(grey, cv2.COLOR_GRAY2RGB)


def _row_anchors(rows: tuple[int, ...]) -> Callable[[list[np.ndarray], int, int], AnchoredLanes]:
    def read(outputs: list[np.ndarray], width_px: int, height_px: int) -> AnchoredLanes:
        logits = outputs[0][0]  # (cells + 1, rows, lanes)
        cells = len(logits) - 1
        is_lane = logits.argmax(axis=0) < cells
        weight = np.exp(logits[:cells] - logits[:cells].max(axis=0))
        cell = np.tensordot(np.arange(cells), weight, 1) / weight.sum(axis=0)
        every = np.exp(logits - logits.max(axis=0))
        probability = 1 - every[-1] / every.sum(axis=0)
        # Its labels were divided into cells of 799 / (cells - 1) px of 800; a cell's middle is half a cell further.
        u_px = (cell + 0.5) * 799 / (cells - 1) * width_px / 800
        v_px = np.array(rows) * height_px / 288
        lanes = [
            np.column_stack([u_px[seen, lane], v_px[seen], probability[seen, lane]])
            for lane, seen in enumerate(is_lane.T)
        ]
        return AnchoredLanes(lanes, float(np.diff(v_px).max()))

    return read


KINDS = (
    NetworkKind(
        "TwinLiteNet",
        (1, 3, 360, 640),
        ((1, 2, 360, 640),) * 2,
        lambda image: _stretched(image, 640, 360),
        _read_mask,
    ),
    NetworkKind("TwinLiteNet+", (1, 3, 384, 640), ((1, 2, 384, 640),) * 2, _letterboxed, _read_letterboxed_mask),
    NetworkKind("UFLD TuSimple", UFLD_INPUT, ((1, 101, 56, 4),), _normalised, _row_anchors(TUSIMPLE_ROWS)),
    NetworkKind("UFLD CULane", UFLD_INPUT, ((1, 201, 18, 4),), _normalised, _row_anchors(CULANE_ROWS)),
)
