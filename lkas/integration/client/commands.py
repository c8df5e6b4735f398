"""Commands to a publisher and its answers: the JSON of the broker's actions, over a Requester with raw bytes.

    {"action": "CONFIG_UPDATE", "params": {"threshold": 0.7}, "request_id": ""}
    {"request_id": "", "ok": true, "applied": true}
    {"request_id": "", "ok": false, "error": "threshold: expected a number within [0, 1], found 7"}

The socket pairs questions and answers, so the request_id may stay empty. `lkas_commands.h` answers from C.
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
MAX_BYTES = 8192  # of a command; the C side reads no longer one
ANSWER_BYTES = 64 * 1024


class CommandRefusedError(ValueError):
    """The publisher understood the command and says why it does not do it."""


class CommandCounts(Struct):
    """What became of the commands."""

    sent: int = 0
    acknowledged: int = 0
    refused: int = 0
    unanswered: int = 0  # nobody there, nobody answered in time, or what came is no answer


class CommandSender:
    """Asks the publisher of an instance, one command at a time; makes its socket with the first one."""

    def __init__(self, instance: str | None) -> None:
        self._instance = instance
        self._requester: Requester | None = None
        self._is_closed = False
        self._trouble: str | None = None
        self.counts = CommandCounts()

    def send(self, name: str, params: Mapping[str, Value], timeout_ms: float) -> bool:
        """Whether the publisher has acknowledged it.

        False: nobody was there, or did not answer within the time (it may still do it). CommandRefusedError: it
        answered no. ValueError: no name, or parameters that are not plain values. SHMConnectionError after close().
        """
        command = _command(name, params)
        if self._is_closed:
            raise SHMConnectionError(f"command {name}: the client is closed")
        if self._requester is None:
            self._requester = Requester(SOCKET_NAME, serializer="raw", capacity=ANSWER_BYTES, instance=self._instance)
        self.counts.sent += 1
        try:
            answer = self._ask(self._requester, command, timeout_ms)
        except (SHMConnectionError, SHMTimeoutError, SHMSerializationError, MalformedMessageError) as error:
            self.counts.unanswered += 1
            if str(error) != self._trouble:  # not again for each command while nobody is there
                logger.warning("command %s was not acknowledged: %s", name, error)
            self._trouble = str(error)
            return False
        self._trouble = None
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
    def _ask(requester: Requester, command: bytes, timeout_ms: float) -> Ack:
        if not requester.send(command):
            raise SHMConnectionError("no publisher of this instance takes commands, or it is too busy to")
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
        raise ValueError(f"command {name!r}: {len(command)} bytes, at most {MAX_BYTES} are read")
    return command
