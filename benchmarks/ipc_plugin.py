"""The rows of lkas for an external benchmark: a plug-in of `ipc_anchors.py`, which compares IPC libraries.

    PYTHONPATH=. python ipc_anchors.py --plugin benchmarks/ipc_plugin.py --anchor iceoryx2

64 bytes go through a MessageChannel, frames through an ImageChannel, the stream through a Pusher and a Puller; all
through the public Python API. That file is not part of this repository; `lkas bench ipc` measures the same here.
"""

from typing import Annotated, Any

import numpy as np
from ipc_anchors import SMALL, Reader, Transport, Writer  # pyright: ignore[reportMissingImports]
from msgspec import Meta, Struct

from lkas.integration.shared_memory import ImageChannel, MessageChannel, SHMTimeoutError
from lkas.integration.shared_memory.sockets import Puller, Pusher

HEIGHT, WIDTH = 600, 800
TIMEOUT_MS = 5000


class Small(Struct, frozen=True):
    content: Annotated[bytes, Meta(extra={"bytes": SMALL})]


class Lkas(Transport):
    name = "lkas"

    def writer(self, topic: str, size: int, mode: str) -> Writer:
        writer, name = Writer(), f"{self.ns}{topic}"
        if mode == "stream":
            pusher = Pusher(name, serializer="raw")
            writer.send = lambda content: pusher.send(content, TIMEOUT_MS)
            writer.close = pusher.close
            return writer
        if size == SMALL:
            messages = MessageChannel(Small, name, create=True)
            write = messages.write
            writer.send = lambda content: write(Small(content))
            writer.close = lambda: (messages.close(), messages.unlink())
            return writer
        camera = ImageChannel(name, create=True, width=WIDTH, height=HEIGHT, channels=3)
        open_loan: Any = None

        def loan() -> np.ndarray:
            nonlocal open_loan
            open_loan = camera.loan()
            return open_loan.__enter__()

        writer.send = lambda content: camera.write(content.reshape(HEIGHT, WIDTH, 3))
        writer.loan, writer.publish = loan, lambda: open_loan.__exit__(None, None, None)
        writer.close = lambda: (camera.close(), camera.unlink())
        return writer

    def reader(self, topic: str, size: int, mode: str) -> Reader:
        reader, name = Reader(), f"{self.ns}{topic}"
        if mode == "stream":
            puller = Puller(name, serializer="raw")

            def pull(timeout_s: float = 0.0) -> Any:
                try:
                    return puller.recv(timeout_s * 1000)
                except SHMTimeoutError:
                    return None

            reader.poll, reader.wait, reader.close = pull, pull, puller.close
            return reader
        if size == SMALL:
            messages = MessageChannel(Small, name, attach_timeout=20.0)
            read = messages.read

            def receive(timeout_s: float = 0.0) -> bytes | None:
                message = read(timeout_s)
                return None if message is None else message.content

            reader.poll, reader.wait, reader.close = receive, receive, messages.close
            return reader
        camera = ImageChannel(name, attach_timeout=20.0)
        reader.view, held = True, camera.view()

        def view(timeout_s: float = 0.0) -> np.ndarray | None:
            nonlocal held
            fresh = camera.view(timeout_s)
            message = fresh.__enter__()
            if message is None:
                return None
            held.__exit__(None, None, None)
            held = fresh
            return message.image

        reader.poll, reader.wait, reader.close = view, view, camera.close
        return reader


TRANSPORTS = [Lkas]
