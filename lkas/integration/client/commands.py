"""Sends commands to a publisher: the JSON of the broker's actions, over a Requester with raw bytes.

    {"action": "CONFIG_UPDATE", "params": {"threshold": 0.7}, "request_id": ""}
    {"request_id": "", "ok": true, "applied": true}
    {"request_id": "", "ok": false, "error": "threshold: expected a number within [0, 1], found 7"}

The socket pairs requests and answers, so the request_id may be empty. `lkas_commands.h` answers in C.
"""

import logging
import math
from collections.abc import Mapping

import msgspec
from msgspec import Struct

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
    """Sends commands to the publisher of an instance, one at a time. The first one creates the socket."""

    def __init__(self, instance: str | None) -> None:
        self._instance = instance
        self._requester: Requester | None = None
        self._is_closed = False
        self._last_failure: str | None = None
        self.counts = CommandCounts()

    def send(self, name: str, params: Mapping[str, Value], timeout_ms: float) -> bool:
        """Send a command and return whether the publisher has acknowledged it.

        False: no publisher, or no answer in time (it may still execute the command). Raises CommandRefusedError when it
        refuses, ValueError for a bad name or parameters that are not plain values, SHMConnectionError after close().
        """
        command = _command(name, params)
        if self._is_closed:
            raise SHMConnectionError(f"command {name}: the client is closed")
        if self._requester is None:
            self._requester = Requester(SOCKET_NAME, serializer="raw", capacity=ANSWER_BYTES, instance=self._instance)
        self.counts.sent += 1
        try:
            answer = self._request(self._requester, command, timeout_ms)
        except (SHMConnectionError, SHMTimeoutError, SHMSerializationError, MalformedMessageError) as error:
            self.counts.unanswered += 1
            if str(error) != self._last_failure:  # logged once, not for each command
                logger.warning("command %s was not acknowledged: %s", name, error)
            self._last_failure = str(error)
            return False
        self._last_failure = None
        if not answer.ok:
            self.counts.refused += 1
            raise CommandRefusedError(f"{name}: {answer.error or 'refused without a reason'}")
        self.counts.acknowledged += 1
        return True

    def close(self) -> None:
        self._is_closed = True
        if self._requester is not None:
            self._requester.close()

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
