"""A thread that waits for sockets and calls their callbacks. Only this thread uses the selector."""

import contextlib
import logging
import selectors
import socket
import threading
from collections.abc import Callable

logger = logging.getLogger(__name__)

JOIN_S = 5.0  # for a handler that runs when the loop is stopped


class SocketLoop:
    """Calls `before_wait` before each wait, which returns its time limit (s; None: no limit), and `at_end` last. Both,
    and the callbacks of the sockets, run in the thread of the loop."""

    def __init__(self, name: str, before_wait: Callable[[], float | None], at_end: Callable[[], None]) -> None:
        self._before_wait = before_wait
        self._at_end = at_end
        self._is_stopping = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._waker, self._wakeable = socket.socketpair()
        self._waker.setblocking(False)
        self._wakeable.setblocking(False)
        self._selector.register(self._wakeable, selectors.EVENT_READ, self._read_wakes)
        self._thread.start()

    def watch(self, watched: socket.socket, callback: Callable[[], None], *, is_writing: bool = False) -> None:
        """Call `callback` when there is something to read or, with `is_writing`, room to write."""
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if is_writing else 0)
        known = self._selector.get_map().get(watched)
        if known is None:
            self._selector.register(watched, events, callback)
        elif known.events != events:
            self._selector.modify(watched, events, callback)

    def forget(self, watched: socket.socket) -> None:
        if watched in self._selector.get_map():
            self._selector.unregister(watched)

    def wake(self) -> None:
        """End the current wait, from any thread, so that `before_wait` is called."""
        with contextlib.suppress(OSError):  # full, so that the loop wakes up anyway; or the loop has ended
            self._waker.send(b"\0")

    def stop(self) -> None:
        """End the loop and join its thread. From the loop's own thread: end the loop after this callback."""
        self._is_stopping = True
        self.wake()
        if threading.current_thread() is self._thread:
            return
        self._thread.join(JOIN_S)
        if self._thread.is_alive():
            logger.warning("%s: a handler did not return within %g s; its thread still runs", self._thread.name, JOIN_S)

    def _run(self) -> None:
        try:
            while not self._is_stopping:
                for key, _ in self._selector.select(self._before_wait()):
                    if not self._is_stopping:
                        key.data()
        finally:
            self._at_end()
            self._selector.close()
            self._waker.close()
            self._wakeable.close()

    def _read_wakes(self) -> None:
        self._wakeable.recv(4096)
