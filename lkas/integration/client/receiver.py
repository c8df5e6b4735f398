"""Receives commands in a publisher written in Python. C and C++ programs use `lkas_commands.h`."""

from collections.abc import Callable

from lkas.integration.client.commands import SOCKET_NAME
from lkas.integration.shared_memory.errors import SHMSerializationError, SHMTimeoutError
from lkas.integration.shared_memory.sockets import Replier
from lkas.integration.zmq.messages import Ack, ActionRequest, MalformedMessageError, decode_action, encode

COMMANDS_PER_POLL = 64
SLOTS = 64
CAPACITY_BYTES = 256 * 1024


class CommandReceiver:
    """Receives the commands of the LKASClients of an instance and answers each.

    receiver = CommandReceiver()
    receiver.poll(execute)        # calls execute(ActionRequest) -> Ack for each command that has arrived; never blocks
    """

    def __init__(self, instance: str | None = None) -> None:
        """Raises SHMError when there is no memory for the inbox."""
        self._replier = Replier(SOCKET_NAME, serializer="raw", slots=SLOTS, capacity=CAPACITY_BYTES, instance=instance)

    def poll(self, execute: Callable[[ActionRequest], Ack]) -> None:
        """Execute and answer every command that has arrived. A malformed one is refused."""
        for _ in range(COMMANDS_PER_POLL):
            try:
                item = self._replier.recv(timeout=0)
            except SHMTimeoutError:
                return
            except SHMSerializationError:  # for example a pickle; the socket sends the error to its sender
                continue
            self._replier.send(encode(_answer(item, execute)))

    def close(self) -> None:
        self._replier.close()


def _answer(item: object, execute: Callable[[ActionRequest], Ack]) -> Ack:
    if not isinstance(item, (bytes, bytearray)):
        return Ack(request_id="", ok=False, error=f"not a command: expected JSON, found {type(item).__name__}")
    try:
        return execute(decode_action(bytes(item)))
    except MalformedMessageError as error:
        return Ack(request_id="", ok=False, error=str(error))
