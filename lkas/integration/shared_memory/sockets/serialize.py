"""Objects to buffers and back.

A message names its serializer, and a receiver accepts what its own `serializer` trusts: "pickle" accepts everything,
"msgpack" and "raw" nothing that could run code.
"""

import pickle
import sys
from collections.abc import Callable
from typing import Any, Literal

import msgspec

from lkas.integration.shared_memory.errors import SHMSerializationError
from lkas.integration.shared_memory.sockets._ring import PLAIN

Serializer = Literal["pickle", "msgpack", "raw"]
Parts = tuple[Any, ...]  # buffers of bytes

MAX_BUFFERS = 1000  # besides the stream itself; an object with more of them is sent as one stream


# The kinds of a message. Plain numbers: looking up the member of an enum takes as long as sending.
NO_REPLY = 0  # no parts: the replier dropped the request
PICKLE = 1  # stream, then the buffers of large arrays
MSGPACK = 2
BYTES = PLAIN  # raw; the inbox itself returns the item
ARRAY = 4  # dtype and shape as msgpack, then the elements in C order
_NAMES = {NO_REPLY: "no reply", PICKLE: "pickle", MSGPACK: "msgpack", BYTES: "bytes", ARRAY: "array"}


def encoder(serializer: Serializer) -> Callable[[Any], tuple[int, Parts]]:
    """Return the function that turns an object into (kind, parts); ValueError for an unknown serializer."""
    try:
        return {"pickle": _encode_pickle, "msgpack": _encode_msgpack, "raw": _encode_raw}[serializer]
    except KeyError:
        raise ValueError(f"serializer {serializer!r}: expected 'pickle', 'msgpack' or 'raw'") from None


def decoders(serializer: Serializer) -> dict[int, Callable[[Parts], Any]]:
    """Return the decoders that a receiver accepts, by the kind of message."""
    accepted: dict[int, Callable[[Parts], Any]] = {BYTES: _decode_bytes, ARRAY: _decode_array}
    if serializer != "raw":
        accepted[MSGPACK] = _decode_msgpack
    if serializer == "pickle":
        accepted[PICKLE] = _decode_pickle
    return accepted


def refusal(kind: int, serializer: Serializer) -> SHMSerializationError:
    """Return the error for a message whose kind the receiver does not accept."""
    name = _NAMES.get(kind, f"an unknown serializer ({kind})")
    return SHMSerializationError(
        f"a message made with {name} came to a receiver with serializer={serializer!r}, which does not accept it: "
        f"give both ends the same serializer"
    )


def _encode_pickle(item: Any) -> tuple[int, Parts]:
    buffers: list[pickle.PickleBuffer] = []
    try:
        stream = pickle.dumps(item, protocol=5, buffer_callback=buffers.append)
        if not buffers:
            return PICKLE, (stream,)
        if len(buffers) > MAX_BUFFERS:
            return PICKLE, (pickle.dumps(item, protocol=5),)
        return PICKLE, (stream, *(buffer.raw() for buffer in buffers))
    except Exception as error:  # pickling runs the object's own methods
        raise SHMSerializationError(f"{type(item).__name__} cannot be pickled: {error}") from error


def _encode_msgpack(item: Any) -> tuple[int, Parts]:
    try:
        return MSGPACK, (msgspec.msgpack.encode(item),)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise SHMSerializationError(f"{type(item).__name__} cannot be sent as msgpack: {error}") from error


def _encode_raw(item: Any) -> tuple[int, Parts]:
    if isinstance(item, bytes):
        return BYTES, (item,)
    if isinstance(item, (bytearray, memoryview)):
        view = memoryview(item)
        return BYTES, (view.cast("B") if view.c_contiguous else view.tobytes(),)
    numpy = sys.modules.get("numpy")  # not imported: the item is no array
    if numpy is None or not isinstance(item, numpy.ndarray):
        raise SHMSerializationError(
            f"{type(item).__name__} is not raw: expected bytes, bytearray, memoryview or ndarray"
        )
    if item.dtype.kind not in "biufcmMSU":
        raise SHMSerializationError(f"an array of dtype {item.dtype} is not raw: send it with serializer='pickle'")
    elements = numpy.ascontiguousarray(item).reshape(-1).view(numpy.uint8)
    return ARRAY, (msgspec.msgpack.encode((item.dtype.str, item.shape)), elements)


def _decode_pickle(parts: Parts) -> Any:
    try:
        return pickle.loads(parts[0], buffers=parts[1:])
    except Exception as error:  # unpickling runs the sender's classes: anything can come out of it
        raise SHMSerializationError(f"a pickle of {len(parts[0])} bytes cannot be read: {error}") from error


def _decode_msgpack(parts: Parts) -> Any:
    try:
        return msgspec.msgpack.decode(parts[0])
    except msgspec.DecodeError as error:
        raise SHMSerializationError(f"{len(parts[0])} bytes of msgpack cannot be read: {error}") from error


def _decode_bytes(parts: Parts) -> Any:
    return parts[0]


def _decode_array(parts: Parts) -> Any:
    import numpy as np

    try:
        dtype, shape = msgspec.msgpack.decode(parts[0], type=tuple[str, tuple[int, ...]])
        return np.ndarray(shape, np.dtype(dtype), buffer=parts[1])
    except (msgspec.DecodeError, IndexError, TypeError, ValueError) as error:
        raise SHMSerializationError(f"an array cannot be read: {error}") from error
