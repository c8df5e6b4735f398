"""Sends commands to a publisher: the JSON of the broker's actions, over a Requester with raw bytes.

    {"action": "CONFIG_UPDATE", "params": {"threshold": 0.7}, "request_id": ""}
    {"request_id": "", "ok": true, "applied": true}
    {"request_id": "", "ok": false, "error": "threshold: expected a number within [0, 1], found 7"}

The socket pairs requests and answers, so the request_id may be empty. `lkas_commands.h` answers in C.
"""

import logging
import math
import threading
import time
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from lkas.integration.client.readers import reopened_after_fork
from lkas.integration.shared_memory.errors import SHMConnectionError, SHMSerializationError, SHMTimeoutError
from lkas.integration.shared_memory.sockets import Requester
from lkas.integration.zmq.messages import Ack, ActionRequest, MalformedMessageError, Value, decode_ack, encode

logger = logging.getLogger(__name__)

SOCKET_NAME = "lkas_commands"  # as LKAS_COMMANDS_NAME in C
MAX_BYTES = 8192  # of a command; the C side reads no longer ones
ANSWER_BYTES = 64 * 1024


class CommandRefusedError(ValueError):
    """The publisher does not execute the command. The text gives its reason."""


class CommandCounts(Struct):
    """Counts of commands by result."""

    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0  # no publisher, no answer in time, or a malformed answer


class CommandSender:
    """Sends commands to the publisher of an instance. The first one creates the socket.

    Threads may share it: their commands go one after the other, and waiting for the turn counts as waiting for the
    answer. The child of a fork makes a socket of its own.
    """

    def __init__(self, instance: str | None) -> None:
        self._instance = instance
        self._lock = threading.Lock()
        self._requester: Requester | None = None
        self._is_closed = False
        self._last_failure: str | None = None
        self._counts = CommandCounts()
        reopened_after_fork(self)

    def send(self, name: str, params: Mapping[str, Value], timeout_ms: float) -> bool:
        """Send a command and return whether the publisher has acknowledged it.

        False: no publisher, or no answer in time (it may still execute the command). Raises CommandRefusedError when it
        refuses, ValueError for a bad name or parameters that are not plain values, SHMConnectionError after close().
        """
        command = _command(name, params)
        deadline_s = time.monotonic() + timeout_ms / 1000
        if not self._lock.acquire(timeout=max(0.0, timeout_ms / 1000)):
            logger.warning("command %s was not sent: commands of other threads took longer than its timeout", name)
            return False
        try:
            answer = self._answer(name, command, max(0.0, deadline_s - time.monotonic()) * 1000)
        finally:
            self._lock.release()
        if answer is not None and not answer.ok:
            raise CommandRefusedError(f"{name}: {answer.error or 'refused without a reason'}")
        return answer is not None

    def counts(self) -> dict[str, int]:
        """Return the counts of commands by result, as a dict."""
        return msgspec.to_builtins(self._counts)

    def close(self) -> None:
        """Send no more commands; waits for one that another thread is sending."""
        with self._lock:
            self._is_closed = True
            if self._requester is not None:
                self._requester.close()

    def reopen(self) -> None:
        """In the child of a fork: leave the parent's socket, and its lock, which another thread may have held."""
        self._lock = threading.Lock()
        self._requester = None

    def _answer(self, name: str, command: bytes, timeout_ms: float) -> Ack | None:
        """Send a command and return its answer; None when it was not acknowledged. The caller holds the lock."""
        if self._is_closed:
            raise SHMConnectionError(f"command {name}: the client is closed")
        if self._requester is None:
            self._requester = Requester(SOCKET_NAME, serializer="raw", capacity=ANSWER_BYTES, instance=self._instance)
        self._counts.sent += 1
        try:
            answer = self._request(self._requester, command, timeout_ms)
        except (SHMConnectionError, SHMTimeoutError, SHMSerializationError, MalformedMessageError) as error:
            self._counts.unanswered += 1
            if str(error) != self._last_failure:  # logged once, not for each command
                logger.warning("command %s was not acknowledged: %s", name, error)
            self._last_failure = str(error)
            return None
        self._last_failure = None
        self._counts.acknowledged += answer.ok
        self._counts.refused += not answer.ok
        return answer

    @staticmethod
    def _request(requester: Requester, command: bytes, timeout_ms: float) -> Ack:
        if not requester.send(command):
            raise SHMConnectionError("no publisher of this instance receives commands, or it is too busy")
        answer = requester.recv(timeout=timeout_ms)
        if not isinstance(answer, (bytes, bytearray)):
            raise MalformedMessageError(f"expected an answer in JSON, found {type(answer).__name__}")
        return decode_ack(bytes(answer))


def _command(name: str, params: Mapping[str, Value]) -> bytes:
    try:
        request = msgspec.convert({"action": name, "params": dict(params)}, ActionRequest)
    except msgspec.ValidationError as error:
        raise ValueError(f"command {name!r}: {error}") from error
    for key, value in request.params.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"command {name!r}: {key} is {value}, expected a finite number")
    command = encode(request)
    if len(command) > MAX_BYTES:
        raise ValueError(f"command {name!r}: {len(command)} bytes, expected at most {MAX_BYTES}")
    return command
