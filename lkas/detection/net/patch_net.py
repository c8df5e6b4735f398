"""The network of method `hybrid`: from a rectified road patch to the positions of its lane lines."""

import logging
from pathlib import Path

import cv2
import numpy as np

from lkas.detection.net.runtime import ModelError, Runtime, installed_runtime, load_network

logger = logging.getLogger(__name__)

MODEL = Path(__file__).with_name("patch_net.onnx")
NET_ROWS, NET_COLUMNS = 96, 208
VIEW_COLUMNS_PER_COLUMN = 2  # of a RoadView; a marking of the expected width is 2.5 columns wide
NET_COLUMN_M = 0.06  # at a marking width of 0.15 m
OUTPUT = "line"


class PatchNet:
    """From a rectified road patch to the probability of each cell to be on the middle of a lane line."""

    def __init__(self, runtime: Runtime | None = None, model: Path = MODEL) -> None:
        """`runtime`: None selects onnxruntime if it is installed. Raises ModelError."""
        self.runtime: Runtime = runtime or installed_runtime()
        if not model.is_file():
            raise ModelError(f"{model}: no such network file; reinstall lkas, or train one (training/README.md)")
        self._run = load_network(model, self.runtime, [OUTPUT])
        self._levels = np.zeros((1, 3, NET_ROWS, NET_COLUMNS), np.float32)
        logger.info("patch network %s on %s", model.name, self.runtime)

    def probability(self, patch: np.ndarray) -> tuple[slice, np.ndarray]:
        """(rows, columns, 3) uint8 RGB patch of a RoadView -> the columns that the network sees, in the middle of the
        patch, and their (rows, seen columns) float32 probability [0, 1]."""
        rows, columns = patch.shape[:2]
        wide = VIEW_COLUMNS_PER_COLUMN * NET_COLUMNS
        left = max(0, wide - columns) // 2
        right = max(0, wide - columns) - left
        if left or right:
            patch = cv2.copyMakeBorder(patch, 0, 0, left, right, cv2.BORDER_REPLICATE)
        first = (patch.shape[1] - wide) // 2
        seen = patch[:, first : first + wide]
        if rows != NET_ROWS:
            seen = cv2.resize(seen, (wide, NET_ROWS), interpolation=cv2.INTER_LINEAR)
        planes = seen.transpose(2, 0, 1)
        # The mean of two columns each; cv2.resize takes four times as long.
        np.add(planes[..., 0::2], planes[..., 1::2], out=self._levels[0], dtype=np.float32)
        self._levels *= 0.5
        line = cv2.resize(self._run(self._levels)[0][0, 0], (wide, rows), interpolation=cv2.INTER_LINEAR)
        return slice(first, first + wide - left - right), line[:, left : wide - right]
