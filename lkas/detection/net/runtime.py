"""Runs an ONNX file on onnxruntime if it is installed, else on OpenCV's dnn; in one thread."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

Runtime = Literal["onnxruntime", "opencv"]
Run = Callable[[np.ndarray], list[np.ndarray]]  # the one input, float32 -> the outputs, in the file's order


class ModelError(Exception):
    """A network file that does not fit; the text names the file, what was expected and what was found."""


def installed_runtime() -> Runtime:
    """The fastest runtime that is installed."""
    return "onnxruntime" if find_spec("onnxruntime") else "opencv"


def load_network(model: Path, runtime: Runtime, outputs: list[str]) -> Run:
    """A function that runs the network. `outputs`: names of the outputs to return, in this order.

    Raises ModelError if the runtime rejects the file; the returned function raises it if the run fails.
    """

    def model_error(error: Exception) -> ModelError:
        return ModelError(f"{model}: {runtime} cannot run this network: {' '.join(str(error).split())}")

    try:
        run = _onnxruntime(model, outputs) if runtime == "onnxruntime" else _opencv(model, outputs)
    except Exception as error:  # each runtime has its own exceptions
        raise model_error(error) from error

    def guarded(levels: np.ndarray) -> list[np.ndarray]:
        try:
            return run(levels)
        except Exception as error:
            raise model_error(error) from error

    return guarded


def _onnxruntime(model: Path, outputs: list[str]) -> Run:
    import onnxruntime  # pyright: ignore[reportMissingImports]  # optional

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3  # errors; on small machines it warns about hardware it cannot identify
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name

    def run(levels: np.ndarray) -> list[np.ndarray]:
        return [np.asarray(values) for values in session.run(outputs, {name: levels})]

    return run


def _opencv(model: Path, outputs: list[str]) -> Run:
    """OpenCV controls the threads; the programs of this package set their number to one."""
    network = cv2.dnn.readNetFromONNX(str(model))

    def run(levels: np.ndarray) -> list[np.ndarray]:
        network.setInput(levels)
        return list(network.forward(outputs))

    return run
