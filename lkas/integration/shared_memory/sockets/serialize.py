"""Objects to buffers and back.

A message says how it was made, and a receiver takes what its own `serializer` trusts: "pickle" everything, "msgpack"
and "raw" nothing that could run code.
"""

import pickle
import sys
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Literal

import msgspec

from lkas.integration.shared_memory.errors import SHMSerializationError

Serializer = Literal["pickle", "msgpack", "raw"]
Parts = tuple[Any, ...]  # buffers of bytes

MAX_BUFFERS = 1000  # beside the stream itself; an object with more of them goes as one stream


class Kind(IntEnum):
    """What the parts of a message are."""

    NO_ANSWER = 0  # nothing: the replier gave a request up
    PICKLE = 1  # stream, then the buffers of large arrays
    MSGPACK = 2
    BYTES = 3
    ARRAY = 4  # dtype and shape as msgpack, then the elements in C order


def encoder(serializer: Serializer) -> Callable[[Any], tuple[Kind, Parts]]:
    """The function that makes (kind, parts) of an object; ValueError for an unknown name."""
    try:
        return {"pickle": _encode_pickle, "msgpack": _encode_msgpack, "raw": _encode_raw}[serializer]
    except KeyError:
        raise ValueError(f"serializer {serializer!r}: expected 'pickle', 'msgpack' or 'raw'") from None


def decoders(serializer: Serializer) -> dict[int, Callable[[Parts], Any]]:
    """What a receiver takes, by the message's kind."""
    accepted: dict[int, Callable[[Parts], Any]] = {Kind.BYTES: _decode_bytes, Kind.ARRAY: _decode_array}
    if serializer != "raw":
        accepted[Kind.MSGPACK] = _decode_msgpack
    if serializer == "pickle":
        accepted[Kind.PICKLE] = _decode_pickle
    return accepted


def refusal(kind: int, serializer: Serializer) -> SHMSerializationError:
    """Why a message without decoder is not read."""
    name = Kind(kind).name.lower() if kind in tuple(Kind) else f"an unknown serializer ({kind})"
    return SHMSerializationError(
        f"a message made with {name} came to a receiver with serializer={serializer!r}, which does not take it: "
        f"give both ends the same serializer"
    )


def _encode_pickle(item: Any) -> tuple[Kind, Parts]:
    buffers: list[pickle.PickleBuffer] = []
    try:
        stream = pickle.dumps(item, protocol=5, buffer_callback=buffers.append)
        if not buffers:
            return Kind.PICKLE, (stream,)
        if len(buffers) > MAX_BUFFERS:
            return Kind.PICKLE, (pickle.dumps(item, protocol=5),)
        return Kind.PICKLE, (stream, *(buffer.raw() for buffer in buffers))
    except Exception as error:  # pickling runs the object's own methods
        raise SHMSerializationError(f"{type(item).__name__} can not be pickled: {error}") from error


def _encode_msgpack(item: Any) -> tuple[Kind, Parts]:
    try:
        return Kind.MSGPACK, (msgspec.msgpack.encode(item),)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise SHMSerializationError(f"{type(item).__name__} can not be sent as msgpack: {error}") from error


def _encode_raw(item: Any) -> tuple[Kind, Parts]:
    if isinstance(item, bytes):
        return Kind.BYTES, (item,)
    if isinstance(item, (bytearray, memoryview)):
        view = memoryview(item)
        return Kind.BYTES, (view.cast("B") if view.c_contiguous else view.tobytes(),)
    numpy = sys.modules.get("numpy")  # where nobody loaded it, nothing is an array
    if numpy is None or not isinstance(item, numpy.ndarray):
        raise SHMSerializationError(
            f"{type(item).__name__} is not raw: expected bytes, bytearray, memoryview or ndarray"
        )
    if item.dtype.kind not in "biufcmMSU":
        raise SHMSerializationError(f"an array of dtype {item.dtype} is not raw: send it with serializer='pickle'")
    elements = numpy.ascontiguousarray(item).reshape(-1).view(numpy.uint8)
    return Kind.ARRAY, (msgspec.msgpack.encode((item.dtype.str, item.shape)), elements)


def _decode_pickle(parts: Parts) -> Any:
    try:
        return pickle.loads(parts[0], buffers=parts[1:])
    except Exception as error:  # unpickling runs the sender's classes: anything can come out of it
        raise SHMSerializationError(f"a pickle of {len(parts[0])} bytes can not be read: {error}") from error


def _decode_msgpack(parts: Parts) -> Any:
    try:
        return msgspec.msgpack.decode(parts[0])
    except msgspec.DecodeError as error:
        raise SHMSerializationError(f"{len(parts[0])} bytes of msgpack can not be read: {error}") from error


def _decode_bytes(parts: Parts) -> Any:
    return parts[0]


def _decode_array(parts: Parts) -> Any:
    import numpy as np

    try:
        dtype, shape = msgspec.msgpack.decode(parts[0], type=tuple[str, tuple[int, ...]])
        return np.ndarray(shape, np.dtype(dtype), buffer=parts[1])
    except (msgspec.DecodeError, IndexError, TypeError, ValueError) as error:
        raise SHMSerializationError(f"an array can not be read: {error}") from error
