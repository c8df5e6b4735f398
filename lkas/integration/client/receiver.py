"""The publisher's side of commands, in Python. C and C++ programs have `lkas_commands.h`."""

from collections.abc import Callable

from lkas.integration.client.commands import SOCKET_NAME
from lkas.integration.shared_memory.errors import SHMSerializationError, SHMTimeoutError
from lkas.integration.shared_memory.sockets import Replier
from lkas.integration.zmq.messages import Ack, ActionRequest, MalformedMessageError, decode_action, encode

COMMANDS_PER_POLL = 64
SLOTS = 64
CAPACITY_BYTES = 256 * 1024


class CommandReceiver:
    """Takes the commands that LKASClients of an instance send, and answers each.

    receiver = CommandReceiver()
    receiver.poll(carry_out)        # carry_out(ActionRequest) -> Ack, for each that waits; never blocks
    """

    def __init__(self, instance: str | None = None) -> None:
        """Raises SHMError when there is no room for it."""
        self._replier = Replier(SOCKET_NAME, serializer="raw", slots=SLOTS, capacity=CAPACITY_BYTES, instance=instance)

    def poll(self, carry_out: Callable[[ActionRequest], Ack]) -> None:
        """Have every command that waits carried out and answered; what is none is refused."""
        for _ in range(COMMANDS_PER_POLL):
            try:
                item = self._replier.recv(timeout=0)
            except SHMTimeoutError:
                return
            except SHMSerializationError:  # a pickle, say; its sender gets an error from the socket
                continue
            self._replier.send(encode(_answer(item, carry_out)))

    def close(self) -> None:
        self._replier.close()


def _answer(item: object, carry_out: Callable[[ActionRequest], Ack]) -> Ack:
    if not isinstance(item, (bytes, bytearray)):
        return Ack(request_id="", ok=False, error=f"not a command: expected JSON, found {type(item).__name__}")
    try:
        return carry_out(decode_action(bytes(item)))
    except MalformedMessageError as error:
        return Ack(request_id="", ok=False, error=str(error))
