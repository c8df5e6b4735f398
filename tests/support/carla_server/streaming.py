"""Streams: a client connects, sends the number of a stream, and receives [u32 length][payload] until it disconnects."""

import asyncio
import struct

MAX_WAITING_BYTES = 64 * 2**20  # of one subscriber; further payloads are dropped


class StreamServer:
    """All streams of the server on one port."""

    def __init__(self) -> None:
        self.port = 0
        self._subscribers: dict[int, list[asyncio.StreamWriter]] = {}
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port of this machine."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    def is_wanted(self, stream_id: int) -> bool:
        return bool(self._subscribers.get(stream_id))

    def send(self, stream_id: int, payload: bytes) -> None:
        """Send to all subscribers of that stream without waiting."""
        for writer in self._subscribers.get(stream_id, []):
            if writer.transport.get_write_buffer_size() < MAX_WAITING_BYTES:
                writer.write(struct.pack("<I", len(payload)))
                writer.write(payload)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers: list[asyncio.StreamWriter] = []
        try:
            (stream_id,) = struct.unpack("<I", await reader.readexactly(4))
            writers = self._subscribers.setdefault(stream_id, [])
            writers.append(writer)
            while await reader.read(64):
                pass  # a subscriber sends nothing more; the end of its connection ends the subscription
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            if writer in writers:
                writers.remove(writer)
            writer.close()
