"""Requests and replies.

    server = Replier("control_service")
    request = server.recv()
    server.send({"status": "ok"})

    client = Requester("control_service")
    client.send({"query": "status"})
    response = client.recv(timeout=1000)        # milliseconds

Any number of requesters; with several repliers each request goes to the next one. A replier that dies, closes or takes
another request before it has replied raises an error at the requester that waits for it; the requester never hangs.
"""

from typing import Any, Unpack

from lkas.integration.shared_memory.errors import SHMConnectionError, SHMError, SHMSerializationError
from lkas.integration.shared_memory.sockets._ring import FULL, HANDED, NOTHING, Outlet
from lkas.integration.shared_memory.sockets.endpoint import CAPACITY_BYTES, SLOTS, Endpoint, EndpointOptions
from lkas.integration.shared_memory.sockets.serialize import NO_REPLY
from lkas.integration.shared_memory.sockets.waiting import deadline_of, left_s

NO_CONTENT = (b"",)


class Requester(Endpoint):
    """Sends requests to the repliers of a name, one at a time."""

    pattern = "reqrep"

    def __init__(
        self,
        name: str,
        *,
        copy: bool = True,
        capacity: int = CAPACITY_BYTES,
        **options: Unpack[EndpointOptions],
    ) -> None:
        super().__init__(name, **options)
        self._number, self._inbox = self._open_inbox("req", SLOTS, capacity, copy)
        self._receivers = self._open_receivers("rep")
        self._request = 0
        self._replier: Outlet | None = None

    def send(self, item: Any, timeout: float | None = 0) -> bool:
        """Send a request; return whether a replier got it within the timeout (ms; None: no limit).

        An earlier request without a reply is dropped, and so is its reply when it comes. Costs the serializer and one
        copy. SHMSerializationError for an object that it cannot serialize, SHMBufferFullError for one that is larger
        than every inbox.
        """
        kind, parts = self._encode(item)
        self._request += 1
        self._replier = None
        self._replier = self._receivers.push_next(kind, parts, self._number, self._request)
        if self._replier is None:
            self._replier = self._receivers.send_to_next(kind, parts, timeout, self._number, self._request)
        self._dropped += self._replier is None
        return self._replier is not None

    def recv(self, timeout: float | None = None) -> Any:
        """Return the reply.

        SHMTimeoutError when it did not come within the timeout (ms; None: no limit): call again to wait longer.
        SHMConnectionError when it will not come, SHMSerializationError when it cannot be read. Costs a copy and the
        serializer; sleeps in the kernel.
        """
        if self.closed or self._replier is None:
            why = "it is closed" if self.closed else "no request is open: call send(), and check that it returns True"
            raise SHMConnectionError(f"{self!r}: {why}")
        deadline = deadline_of(timeout)
        while True:
            taken = self._inbox.take(self._copy)
            if taken is NOTHING:
                taken = self._wait(timeout, self._check_replier)
            if taken[2] == self._request:
                break
            self._dropped += 1  # the reply to a dropped request
            timeout = None if timeout is None else max(0.0, left_s(deadline) * 1000)
        pid, self._replier = self._replier.pid, None
        if taken[0] == NO_REPLY:
            raise SHMConnectionError(f"{self!r}: process {pid} took the request and did not reply")
        return self._decode(taken)

    def _check_replier(self) -> Any:
        replier = self._replier
        if replier is None or replier.is_alive():
            return NOTHING
        taken = self._inbox.take(self._copy)  # it may have replied before it ended
        if taken is NOTHING:
            self._replier = None
            raise SHMConnectionError(
                f"{self!r}: process {replier.pid}, which has the request, has ended: send it again"
            )
        return taken


class Replier(Endpoint):
    """Replies to the requesters of a name, one request at a time."""

    pattern = "reqrep"

    def __init__(
        self,
        name: str,
        *,
        copy: bool = True,
        slots: int = SLOTS,
        capacity: int = CAPACITY_BYTES,
        **options: Unpack[EndpointOptions],
    ) -> None:
        super().__init__(name, **options)
        _, self._inbox = self._open_inbox("rep", slots, capacity, copy)
        self._receivers = self._open_receivers("req")
        self._requester: tuple[int, int] | None = None  # requester and number of the open request

    def recv(self, timeout: float | None = None) -> Any:
        """Return the next request; SHMTimeoutError when none came within the timeout (ms; None: no limit).

        An earlier request without a reply is dropped: its requester gets an error. A request that cannot be read is a
        SHMSerializationError here and an error at its requester. Costs a copy and the serializer; sleeps in the kernel.
        """
        self._drop_request()
        taken = self._inbox.take(self._copy)
        if taken is NOTHING:
            taken = self._wait(timeout)
        self._requester = taken[1], taken[2]
        try:
            return self._decode(taken)
        except SHMSerializationError:
            self._drop_request()
            raise

    def send(self, item: Any, timeout: float | None = 0) -> bool:
        """Send the reply; return whether the requester got it within the timeout (ms; None: no limit).

        SHMError when there is no request, SHMSerializationError and SHMBufferFullError as in Requester.send(). Costs
        the serializer and one copy.
        """
        if self._requester is None:
            raise SHMError(f"{self!r}: there is no request to reply to: call recv() first")
        kind, parts = self._encode(item)
        result = self._receivers.send_to(self._requester[0], kind, parts, timeout, self._requester[1])
        if result != FULL:
            self._requester = None
        self._dropped += result != HANDED
        return result == HANDED

    def _drop_request(self) -> None:
        if self._requester is not None:
            (number, request), self._requester = self._requester, None
            self._errors += 1
            self._receivers.send_to(number, NO_REPLY, NO_CONTENT, 0, request)
