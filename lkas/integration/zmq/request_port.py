"""A port for requests with an immediate answer, a final answer, and idempotent request ids.

A request is answered at once (refused, done or accepted). An accepted one is answered again when its result is known or
its time limit has passed. A REQ socket, recognised by its empty first part, takes one reply only: it gets the final
one. A repeated request is not executed again; it gets the answers to the first.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import msgspec
import zmq
from msgspec import Struct

from lkas.clock import Clock
from lkas.integration.zmq.messages import Ack, ActionRequest, MalformedMessageError, ParameterRequest, Value, encode

READ_LIMIT = 512  # requests per poll, so that a flood of them does not block the broker
MAX_WAITING = 256  # accepted requests without a result
MAX_REMEMBERED = 1024  # requests whose repetition is recognised
MAX_ROUTES = 8  # senders of one request
MEMORY_S = 60.0  # after this time an id may be used again

R = TypeVar("R", ActionRequest, ParameterRequest)


class _Route(Struct, frozen=True):
    """Where the answers for one sender go: through the socket, or to a function of this process."""

    envelope: tuple[bytes, ...]
    final_only: bool
    reply: Callable[[Ack], None] | None = None


class _Entry(Struct):
    """One request and its newest answer."""

    content: Any  # the request without its id
    routes: list[_Route]
    changed_ns: int
    deadline_ns: int = 0
    late_error: str = ""
    ack: Ack | None = None
    is_final: bool = False


class RequestPort(Generic[R]):
    """A ROUTER socket and the requests that it received."""

    def __init__(
        self,
        socket: zmq.Socket,
        decode: Callable[[bytes], R],
        clock: Clock,
        on_malformed: Callable[[str], None],
    ) -> None:
        self._socket = socket
        self._decode = decode
        self._clock = clock
        self._on_malformed = on_malformed
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._waiting = 0
        self._named = 0

    def poll(self) -> Iterator[R]:
        """Yield new requests, each with an id. The caller answers each with `accept`, `finish` or `refuse`."""
        for _ in range(READ_LIMIT):
            try:
                parts = self._socket.recv_multipart(zmq.NOBLOCK)
            except zmq.Again:
                return
            request = self._read(parts)
            if request is not None:
                yield request

    def submit(self, request: R, act: Callable[[R], None], reply: Callable[[Ack], Any] | None = None) -> Ack:
        """Handle a request of this process with `act`, as those of poll(). Returns the first answer.

        `reply` is called with each answer, the final one too.
        """
        answers: list[Ack] = []

        def answer(ack: Ack) -> None:
            answers.append(ack)
            if reply is not None:
                reply(ack)

        opened = self._open(request, _Route((), final_only=False, reply=answer))
        if opened is not None:
            act(opened)
        return answers[0]

    def accept(self, request_id: str, limit_s: float, late_error: str, active: bool | None = None) -> None:
        """Answer that the request was accepted. After `limit_s` without a result it fails with `late_error`."""
        entry = self._entries[request_id]
        entry.deadline_ns = self._clock.now_ns() + round(limit_s * 1e9)
        entry.late_error = late_error
        self._waiting += 1
        self._answer(entry, Ack(request_id=request_id, ok=True, active=active), is_final=False)

    def finish(self, request_id: str, applied: Value, active: bool | None = None) -> None:
        """Answer that the request is done, with the current value. Ignored when the final answer was sent before."""
        self._end(request_id, Ack(request_id=request_id, ok=True, applied=applied, active=active))

    def refuse(self, request_id: str, error: str) -> None:
        """Answer that the request is not done, and why."""
        self._end(request_id, Ack(request_id=request_id, ok=False, error=error))

    def is_waiting(self, request_id: str) -> bool:
        entry = self._entries.get(request_id)
        return entry is not None and not entry.is_final

    def expire(self) -> None:
        """Refuse the requests whose time limit has passed, and forget old ones."""
        now_ns = self._clock.now_ns()
        if self._waiting:
            late = [(key, entry) for key, entry in self._entries.items() if not entry.is_final]
            for request_id, entry in late:
                if now_ns >= entry.deadline_ns:
                    self.refuse(request_id, entry.late_error)
        while self._entries:
            request_id, entry = next(iter(self._entries.items()))
            if not entry.is_final or now_ns - entry.changed_ns < MEMORY_S * 1e9:
                break
            del self._entries[request_id]

    def _read(self, parts: list[bytes]) -> R | None:
        if len(parts) == 2:
            route = _Route((parts[0],), final_only=False)
        elif len(parts) == 3 and not parts[1]:
            route = _Route((parts[0], b""), final_only=True)
        else:
            self._on_malformed(f"a request of {len(parts) - 1} parts, expected one")
            return None
        try:
            request = self._decode(parts[-1])
        except MalformedMessageError as error:
            self._on_malformed(str(error))
            self._send(route, Ack(request_id="", ok=False, error=str(error)))
            return None
        return self._open(request, route)

    def _open(self, request: R, route: _Route) -> R | None:
        content = msgspec.structs.replace(request, request_id="")
        if not request.request_id:
            self._named += 1
            request = msgspec.structs.replace(request, request_id=f"unnamed-{self._named}")
        entry = self._entries.get(request.request_id)
        if entry is not None:
            self._repeat(request.request_id, entry, content, route)
            return None
        if self._waiting >= MAX_WAITING:
            error = f"the broker is busy: {MAX_WAITING} requests wait for their results"
            self._send(route, Ack(request_id=request.request_id, ok=False, error=error))
            return None
        self._entries[request.request_id] = _Entry(content, [route], self._clock.now_ns())
        self._forget_oldest()
        return request

    def _repeat(self, request_id: str, entry: _Entry, content: Any, route: _Route) -> None:
        if content != entry.content:
            error = f"request_id {request_id!r} was used before for another request; make each one unique"
            self._send(route, Ack(request_id=request_id, ok=False, error=error))
            return
        if not entry.is_final and route not in entry.routes:
            entry.routes = [*entry.routes[-MAX_ROUTES + 1 :], route]
        if entry.ack is not None and (entry.is_final or not route.final_only):
            self._send(route, entry.ack)

    def _forget_oldest(self) -> None:
        if len(self._entries) > MAX_REMEMBERED:
            oldest = next(key for key, entry in self._entries.items() if entry.is_final)
            del self._entries[oldest]

    def _end(self, request_id: str, ack: Ack) -> None:
        entry = self._entries.get(request_id)
        if entry is None or entry.is_final:
            return
        if entry.ack is not None:  # accepted before
            self._waiting -= 1
        self._answer(entry, ack, is_final=True)
        entry.routes = []

    def _answer(self, entry: _Entry, ack: Ack, is_final: bool) -> None:
        entry.ack, entry.is_final, entry.changed_ns = ack, is_final, self._clock.now_ns()
        for route in entry.routes:
            if is_final or not route.final_only:
                self._send(route, ack)

    def _send(self, route: _Route, ack: Ack) -> None:
        if route.reply is not None:
            route.reply(ack)
            return
        # A ROUTER drops what it cannot deliver: the sender is disconnected, or does not read.
        self._socket.send_multipart([*route.envelope, encode(ack)], zmq.NOBLOCK)
