"""The shipped network, on onnxruntime where that is installed and on OpenCV's dnn otherwise; one thread either way."""

import logging
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

logger = logging.getLogger(__name__)

MODEL = Path(__file__).with_name("patch_net.onnx")
NET_ROWS, NET_COLUMNS = 96, 208
VIEW_COLUMNS_PER_COLUMN = 2  # of a RoadView; a marking of the expected width is 2.5 columns wide
NET_COLUMN_M = 0.06  # at a marking width of 0.15 m

Runtime = Literal["onnxruntime", "opencv"]
Run = Callable[[np.ndarray], np.ndarray]  # (1, 3, rows, columns) float32 levels -> (1, 1, rows, columns) float32


class ModelError(Exception):
    """A network file that does not fit; the text names the file, what was expected and what was found."""


class PatchNet:
    """From a rectified road patch to how likely each place lies on the middle of a lane line."""

    def __init__(self, runtime: Runtime | None = None, model: Path = MODEL) -> None:
        """`runtime`: None takes onnxruntime when it is installed."""
        self.runtime: Runtime = runtime or ("onnxruntime" if find_spec("onnxruntime") else "opencv")
        if not model.is_file():
            raise ModelError(f"{model}: no such network file; reinstall lkas, or train one (training/README.md)")
        self._run = _onnxruntime(model) if self.runtime == "onnxruntime" else _opencv(model)
        logger.info("patch network %s on %s", model.name, self.runtime)

    def probability(self, patch: np.ndarray, unseen: float) -> np.ndarray:
        """(rows, columns, 3) uint8 RGB patch of a RoadView -> (rows, columns) float32 [0, 1]; `unseen` beside the
        network's own view, which is the middle of the patch."""
        rows, columns = patch.shape[:2]
        wide = VIEW_COLUMNS_PER_COLUMN * NET_COLUMNS
        missing = max(0, wide - columns)
        if missing:
            left, right = missing // 2, missing - missing // 2
            patch = cv2.copyMakeBorder(patch, 0, 0, left, right, cv2.BORDER_REPLICATE)
        first = (patch.shape[1] - wide) // 2
        seen = cv2.resize(patch[:, first : first + wide], (NET_COLUMNS, NET_ROWS), interpolation=cv2.INTER_AREA)
        levels = np.ascontiguousarray(seen.transpose(2, 0, 1)[None], np.float32)
        line = cv2.resize(self._run(levels)[0, 0], (wide, rows), interpolation=cv2.INTER_LINEAR)
        if missing:
            return line[:, missing // 2 : missing // 2 + columns]
        probability = np.full((rows, columns), unseen, np.float32)
        probability[:, first : first + wide] = line
        return probability


def _onnxruntime(model: Path) -> Run:
    import onnxruntime  # pyright: ignore[reportMissingImports]  # optional

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; on small machines it warns about hardware it can not name
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(levels: np.ndarray) -> np.ndarray:
        return np.asarray(session.run(None, {name: levels})[0])

    return run


def _opencv(model: Path) -> Run:
    """Threads are OpenCV's own: the programs of this package set them to one."""
    network = cv2.dnn.readNetFromONNX(str(model))

    def run(levels: np.ndarray) -> np.ndarray:
        network.setInput(levels)
        return network.forward()

    return run
