"""Reads names and shapes of the inputs and outputs of an ONNX file, without any runtime.

An ONNX file is one protocol-buffer message (github.com/onnx/onnx, onnx.proto); the numbers below are its field
numbers. Weights are skipped.
"""

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from lkas.detection.net.runtime import ModelError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5  # wire types
GRAPH = 7  # of ModelProto
INITIALIZER, INPUT, OUTPUT = 5, 11, 12  # of GraphProto
TENSOR_NAME = 8  # of TensorProto
VALUE_NAME, VALUE_TYPE = 1, 2  # of ValueInfoProto
TENSOR_TYPE, SHAPE, DIMENSION, DIMENSION_VALUE = 1, 2, 1, 1  # of TypeProto, its Tensor, its shape, a dimension

Shape = tuple[int | None, ...]  # None: any size


class Port(Struct, frozen=True):
    """One input or output."""

    name: str
    shape: Shape | None  # None: not declared

    @property
    def text(self) -> str:
        return f"{self.name} {shape_text(self.shape)}"


class Signature(Struct, frozen=True):
    inputs: list[Port]
    outputs: list[Port]


def shape_text(shape: Shape | None) -> str:
    """1x3x360x640, with ? for any size."""
    if shape is None:
        return "of unknown shape"
    return "x".join("?" if size is None else str(size) for size in shape) or "a single number"


def read_signature(model: Path) -> Signature:
    """Inputs and outputs of a file. Raises ModelError if it is missing or not an ONNX file."""
    try:
        data = model.read_bytes()
    except OSError as error:
        raise ModelError(f"{model}: cannot read this network: {error.strerror}") from error
    try:
        graph = next(value for number, value in _fields(memoryview(data)) if number == GRAPH)
        fields = [field for field in _fields(graph) if field[0] in (INITIALIZER, INPUT, OUTPUT)]
        weights = {_text(part, TENSOR_NAME) for number, part in fields if number == INITIALIZER}
        ports = [(number, _port(part)) for number, part in fields if number != INITIALIZER]
    except (StopIteration, IndexError, TypeError, ValueError) as error:
        raise ModelError(f"{model}: not an ONNX file ({len(data)} bytes)") from error
    return Signature(
        [port for number, port in ports if number == INPUT and port.name not in weights],
        [port for number, port in ports if number == OUTPUT],
    )


def _fields(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Number and content of each field; a varint is returned as its bytes. Raises IndexError or ValueError."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind, start = key & 7, at
        if kind == VARINT:
            _, at = _varint(data, at)
        elif kind == BYTES:
            size, start = _varint(data, at)
            at = start + size
        elif kind in (FIXED64, FIXED32):
            at += 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if at > len(data):
            raise IndexError("a field extends beyond the end of the file")
        yield key >> 3, data[start:at]


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    """A number in groups of seven bits, lowest first, and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _first(data: memoryview, number: int) -> memoryview | None:
    return next((value for found, value in _fields(data) if found == number), None)


def _text(data: memoryview, number: int) -> str:
    value = _first(data, number)
    return "" if value is None else bytes(value).decode()


def _port(data: memoryview) -> Port:
    shape = _first(data, VALUE_TYPE)
    for number in (TENSOR_TYPE, SHAPE):
        shape = None if shape is None else _first(shape, number)
    if shape is None:
        return Port(_text(data, VALUE_NAME), None)
    sizes = [_first(dimension, DIMENSION_VALUE) for number, dimension in _fields(shape) if number == DIMENSION]
    return Port(_text(data, VALUE_NAME), tuple(None if size is None else _varint(size, 0)[0] or None for size in sizes))
