"""msgpack-rpc over TCP, as CARLA uses it: [0, id, method, params] in, [1, id, nil, result] out.

The first parameter of each call is [is_async]; the library ignores the reply of an asynchronous call. A result is
[[1, value]], a void one [[false]], an error [[0, [text]]].
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

import msgpack

CHUNK_BYTES = 65536
MAX_LOGGED_CALLS = 64

Methods = dict[str, Callable[..., Any]]


class CallError(Exception):
    """The server refuses a call; the client library raises RuntimeError with this text."""


class Batch(list[Any]):
    """The results of a batch, one per command; the list is not wrapped into another one."""


class RpcServer:
    """Answers calls one after the other, in order of arrival."""

    def __init__(self, methods: Methods) -> None:
        self.counts: Counter[str] = Counter()
        self.newest: deque[list[Any]] = deque(maxlen=MAX_LOGGED_CALLS)  # [method, first parameter]
        self._methods = methods
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> int:
        """Listen on this machine and return the port; 0 chooses a free one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        return self._server.sockets[0].getsockname()[1]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        unpacker = msgpack.Unpacker(raw=False, strict_map_key=False)
        try:
            while chunk := await reader.read(CHUNK_BYTES):
                unpacker.feed(chunk)
                for _, number, method, parameters in unpacker:
                    writer.write(msgpack.packb([1, number, None, self._result(method, parameters)]))
        except ConnectionError:
            pass
        finally:
            writer.close()

    def _result(self, method: str, parameters: list[Any]) -> list[Any]:
        self.counts[method] += 1
        self.newest.append([method, *parameters[1:2]])
        function = self._methods.get(method)
        if function is None:
            return [[0, [f"this stub has no method {method}"]]]
        try:
            value = function(*parameters[1:])
        except CallError as error:
            return [[0, [str(error)]]]
        if isinstance(value, Batch):
            return value
        return [[False]] if value is None else [[1, value]]
