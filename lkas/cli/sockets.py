"""The report of `lkas doctor` on each socket over shared memory: its users, its problem and the remedy."""

from typing import Any

from msgspec import Struct, structs

from lkas.integration.shared_memory.sockets.survey import ReceiverInfo, SocketInfo, list_sockets

NEARLY_FULL_SHARE = 0.9  # of the slots
DROPS_SHARE = 0.01  # of the messages

_RECEIVERS = {"pubsub": "Subscriber", "pushpull": "Puller", "reqrep": "Replier"}


class SocketState(Struct, frozen=True, kw_only=True):
    """One socket and its state."""

    socket: SocketInfo
    state: str
    advice: str | None  # what to do; None: nothing

    def as_dict(self) -> dict[str, Any]:
        return structs.asdict(self.socket) | {"state": self.state, "advice": self.advice}


def socket_states() -> list[SocketState]:
    """Check this user's sockets of all instances; does not disturb them."""
    return [judged_socket(socket) for socket in list_sockets()]


def judged_socket(socket: SocketInfo) -> SocketState:
    """Return the state of a socket as text, and the remedy."""
    state, advice = "in use", None
    receiving = [receiver for receiver in socket.receivers if receiver.role != "req"]
    left = sum(receiver.waiting for receiver in receiving if not receiver.is_alive)
    behind = next((receiver for receiver in receiving if receiver.is_alive and _is_behind(receiver)), None)
    kind = _RECEIVERS[socket.pattern]
    if socket.stale is not None:
        state, advice = f"stale: {socket.stale}", "`lkas doctor --clean` removes it"
        if left and socket.pattern == "pushpull":
            state += f", with {left} messages that no process took"
            advice = f"start a {kind} to receive them; `lkas doctor --clean` removes them"
    elif not any(receiver.is_alive for receiver in receiving):
        state = "no receiver" + (f", {left} messages of a dead process wait" if left else "")
        advice = (
            f"start a {kind}({socket.name!r}) with LKAS_INSTANCE={socket.instance}: until then send() returns False"
        )
    elif behind is not None:
        state = f"process {behind.pid} is behind: {behind.waiting} of {behind.slots} messages wait"
        if behind.dropped:
            state += f", {behind.dropped} found no room"
        advice = "receive more often, give send() a timeout, or give the receiver more slots and capacity"
    return SocketState(socket=socket, state=state, advice=advice)


def _is_behind(receiver: ReceiverInfo) -> bool:
    messages = receiver.received + receiver.waiting
    return receiver.waiting > NEARLY_FULL_SHARE * receiver.slots or receiver.dropped > DROPS_SHARE * messages
