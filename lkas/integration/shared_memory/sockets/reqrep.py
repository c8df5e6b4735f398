"""Questions and answers.

    server = Replier("control_service")
    request = server.recv()
    server.send({"status": "ok"})

    client = Requester("control_service")
    client.send({"query": "status"})
    response = client.recv(timeout=1000)        # milliseconds

Any number of requesters; with several repliers each request goes to the next one. A replier that dies, closes or takes
another request before it has answered is an error at the requester that waits for it, never a hang.
"""

from typing import Any, Unpack

from lkas.integration.shared_memory.errors import SHMConnectionError, SHMError, SHMSerializationError
from lkas.integration.shared_memory.sockets._ring import FULL, HANDED, NOTHING, Outlet
from lkas.integration.shared_memory.sockets.endpoint import CAPACITY_BYTES, SLOTS, Endpoint, EndpointOptions
from lkas.integration.shared_memory.sockets.serialize import NO_ANSWER
from lkas.integration.shared_memory.sockets.waiting import deadline_of, left_s

NO_CONTENT = (b"",)


class Requester(Endpoint):
    """Asks the repliers of a name, one question at a time."""

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
        self._receivers = self._open_way("rep")
        self._request = 0
        self._asked: Outlet | None = None

    def send(self, item: Any, timeout: float | None = 0) -> bool:
        """Ask: whether a replier has the question within the timeout (ms; None: for ever).

        A question asked before and not answered yet is given up; its answer will be dropped. Costs what the serializer
        takes, and one copy. SHMSerializationError for an object that it can not take, SHMBufferFullError for one
        that is larger than every inbox.
        """
        kind, parts = self._encode(item)
        self._request += 1
        self._asked = None
        self._asked = self._receivers.push_next(kind, parts, self._number, self._request)
        if self._asked is None:
            self._asked = self._receivers.send_to_next(kind, parts, timeout, self._number, self._request)
        self._dropped += self._asked is None
        return self._asked is not None

    def recv(self, timeout: float | None = None) -> Any:
        """The answer.

        SHMTimeoutError when it did not come within the timeout (ms; None: wait for ever), then it may still be waited
        for; SHMConnectionError when it will not come, SHMSerializationError when it can not be read. Costs a copy, and
        what the serializer takes; it sleeps in the kernel.
        """
        if self.closed or self._asked is None:
            why = "it is closed" if self.closed else "no question is open: send() one, and look whether it returns True"
            raise SHMConnectionError(f"{self!r}: {why}")
        deadline = deadline_of(timeout)
        while True:
            taken = self._inbox.take(self._copy)
            if taken is NOTHING:
                taken = self._wait(timeout, self._check_asked)
            if taken[2] == self._request:
                break
            self._dropped += 1  # the answer to a question given up
            timeout = None if timeout is None else max(0.0, left_s(deadline) * 1000)
        pid, self._asked = self._asked.pid, None
        if taken[0] == NO_ANSWER:
            raise SHMConnectionError(f"{self!r}: process {pid} took the question and did not answer it")
        return self._open(taken)

    def _check_asked(self) -> Any:
        asked = self._asked
        if asked is None or asked.is_alive():
            return NOTHING
        taken = self._inbox.take(self._copy)  # it may have answered and gone
        if taken is NOTHING:
            self._asked = None
            raise SHMConnectionError(f"{self!r}: process {asked.pid}, which was asked, is gone: ask again")
        return taken


class Replier(Endpoint):
    """Answers the requesters of a name, one question at a time."""

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
        self._receivers = self._open_way("req")
        self._asker: tuple[int, int] | None = None  # requester and number of the question to answer

    def recv(self, timeout: float | None = None) -> Any:
        """The next question; SHMTimeoutError when none came within the timeout (ms; None: wait for ever).

        One that was not answered is given up: its requester gets an error. So does that of one that can not be read,
        which is a SHMSerializationError here. Costs a copy, and what the serializer takes; it sleeps in the kernel.
        """
        self._give_up()
        taken = self._inbox.take(self._copy)
        if taken is NOTHING:
            taken = self._wait(timeout)
        self._asker = taken[1], taken[2]
        try:
            return self._open(taken)
        except SHMSerializationError:
            self._give_up()
            raise

    def send(self, item: Any, timeout: float | None = 0) -> bool:
        """Answer: whether the requester has it within the timeout (ms; None: for ever).

        SHMError when nobody asked, SHMSerializationError and SHMBufferFullError as in Requester.send(). Costs what the
        serializer takes, and one copy.
        """
        if self._asker is None:
            raise SHMError(f"{self!r}: there is no question to answer: recv() one first")
        kind, parts = self._encode(item)
        result = self._receivers.send_to(self._asker[0], kind, parts, timeout, self._asker[1])
        if result != FULL:
            self._asker = None
        self._dropped += result != HANDED
        return result == HANDED

    def _give_up(self) -> None:
        if self._asker is not None:
            (number, request), self._asker = self._asker, None
            self._errors += 1
            self._receivers.send_to(number, NO_ANSWER, NO_CONTENT, 0, request)
