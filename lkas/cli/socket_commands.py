"""`lkas sockets`: list the sockets over shared memory, print what is published, measure rates."""

import time
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from lkas.cli.settings import InstanceOption, JsonOption, checked_instance, fail
from lkas.runtime.exit_codes import EXIT_FAILED, EXIT_USAGE
from lkas.runtime.instance import file_word

if TYPE_CHECKING:
    from lkas.integration.shared_memory.sockets.survey import ReceiverInfo, SocketInfo

PERIOD_S = 1.0  # between two lines of `hz`
MAX_CHARACTERS = 1000  # of a printed message
POLL_MS = 200.0

sockets_app = typer.Typer(help="List and watch the sockets over shared memory.", no_args_is_help=True)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As in Publisher(NAME).")]
CountOption = Annotated[int | None, typer.Option("--count", min=1, metavar="N", help="End after N lines.")]


@sockets_app.command("list")
def list_all(as_json: JsonOption = False) -> None:
    """List the sockets of all instances: users, receivers, messages and drops.

    Example: lkas sockets list --json
    """
    from lkas.cli.sockets import socket_states

    states = socket_states()
    if as_json:
        typer.echo(msgspec.json.encode(msgspec.to_builtins([state.as_dict() for state in states])).decode())
    elif states:
        from lkas.cli.doctor_tables import print_sockets

        print_sockets(states)
    else:
        typer.echo("no process uses a socket")


@sockets_app.command()
def echo(name: NameArgument, count: CountOption = None, instance: InstanceOption = "default") -> None:
    """Print what is published under a name, one message a line, until Ctrl-C.

    It is one more subscriber: the publishers' send() then returns True.

    Example: lkas sockets echo robot_commands --count 10
    """
    from lkas.integration.shared_memory.errors import SHMSerializationError, SHMTimeoutError
    from lkas.integration.shared_memory.sockets import Subscriber

    found = _sockets(name, checked_instance(instance))
    if found and all(socket.pattern != "pubsub" for socket in found):
        fail(
            f"{name} is a {found[0].pattern} socket, whose messages echo would take from their receiver: "
            f"`lkas sockets hz {name}` only counts them",
            EXIT_USAGE,
        )
    printed = 0
    with Subscriber(name) as subscriber:
        if not found:
            typer.echo(f"{name}: no publisher yet; waiting", err=True)
        while count is None or printed < count:
            try:
                text = _text(subscriber.recv(timeout=POLL_MS))
            except SHMTimeoutError:
                continue
            except SHMSerializationError as error:
                text = f"({error})"
            typer.echo(text)
            printed += 1


@sockets_app.command()
def hz(name: NameArgument, count: CountOption = None, instance: InstanceOption = "default") -> None:
    """Print each second how many messages each receiver of a name gets, until Ctrl-C. Takes no message.

    Example: lkas sockets hz control_service
    """
    instance, printed = checked_instance(instance), 0
    before, since_s = _receivers(name, instance), time.monotonic()
    while count is None or printed < count:
        time.sleep(PERIOD_S)
        now, now_s = _receivers(name, instance), time.monotonic()
        for path, receiver in now.items():
            typer.echo(_rate(receiver, before.get(path, receiver), now_s - since_s))
        if not now:
            typer.echo("no receiver: nothing is sent")
        before, since_s = now, now_s
        printed += 1


def _sockets(name: str, instance: str) -> "list[SocketInfo]":
    """The sockets of a name, one per pattern. Exits with code 2 for a name that no socket can have."""
    from lkas.integration.shared_memory.sockets.survey import list_sockets

    try:
        file_word("socket name", name)
    except ValueError as error:
        fail(str(error), EXIT_USAGE)
    return [socket for socket in list_sockets(instance=instance) if socket.name == name]


def _receivers(name: str, instance: str) -> "dict[str, ReceiverInfo]":
    found = _sockets(name, instance)
    if not found:
        fail(
            f"there is no socket {name} in instance {instance}: `lkas sockets list` shows those of all instances",
            EXIT_FAILED,
        )
    return {receiver.path: receiver for socket in found for receiver in socket.receivers if receiver.is_alive}


def _rate(receiver: "ReceiverInfo", before: "ReceiverInfo", duration_s: float) -> str:
    arrived = receiver.received + receiver.waiting - before.received - before.waiting
    dropped = receiver.dropped - before.dropped
    return (
        f"{receiver.role} {receiver.pid}: {arrived / duration_s:.1f} Hz, "
        f"waiting {receiver.waiting} of {receiver.slots}, dropped {dropped}"
    )


def _text(item: Any) -> str:
    """One line for a message; of an array its type and shape."""
    if hasattr(item, "dtype") and hasattr(item, "shape"):
        return f"array {item.dtype} {item.shape}"
    text = " ".join(repr(item).split())
    return text if len(text) <= MAX_CHARACTERS else f"{text[:MAX_CHARACTERS]} ... ({len(text)} characters)"
