"""Messages whose writer left the stamps out, as the simplest examples do: read as of now, in the current world.

A `write` without `timestamp` and `session` carries monotonic time and session 0. That is no world time (unless the
world is a live camera), so a reader takes such a message for one of the world's newest time when it first reads it.
A VehicleState written without stamps has neither; its world then lives in monotonic time.
"""

from typing import TypeVar

from msgspec.structs import replace

from lkas.integration.shared_memory.messages import ControlMessage, Message, VehicleState

CONTROL_VALID_S = 0.2  # s of world time for which a command is valid, unless its writer gives `valid_until`
TOLERANCE_S = 1e-3

M = TypeVar("M", bound=Message)


def is_unstamped(message: Message) -> bool:
    """Return whether the writer left out `timestamp` and `session`."""
    return message.session == 0 and abs(message.timestamp - message.capture_ns / 1e9) < TOLERANCE_S


def stamped(message: M, now_s: float, session: int) -> M:
    """Return an unstamped message as of world time `now_s`, and any other as it is with session 0 made the current one.

    `now_s` is for the caller to choose: the world's newest time, less the age that the writer gives itself.
    """
    if is_unstamped(message):
        return replace(message, timestamp=now_s, session=session)
    return replace(message, session=session) if message.session == 0 and session != 0 else message


def stamped_control(control: ControlMessage, now_s: float, session: int) -> ControlMessage:
    """Return a command as `stamped` does; an unstamped one is valid for as long from now on as its writer said."""
    if not is_unstamped(control):
        return stamped(control, now_s, session)
    valid_s = control.valid_until - control.timestamp  # of the same clock, whichever that is
    return replace(control, timestamp=now_s, session=session, valid_until=now_s + valid_s)


class VehicleStamps:
    """Completes the vehicle states of one writer; keep one for each reader of the channel."""

    def __init__(self) -> None:
        self._has_stamps: bool | None = None  # None: not known yet
        self._newest: VehicleState | None = None

    def complete(self, state: VehicleState) -> VehicleState:
        """Return the state with a world time: its own or, where the writer gives none, the time of its writing.

        A simulated clock may start at 0, so a first 0 is believed until a second one follows it.
        """
        before, self._newest = self._newest, state
        if state.timestamp != 0.0 or state.session != 0:
            self._has_stamps = True
            return state
        if before is not None and before.sequence != state.sequence and before.timestamp == 0.0:
            self._has_stamps = False
        if self._has_stamps is not False:
            return state
        return replace(state, timestamp=state.publish_ns / 1e9, capture_ns=state.capture_ns or state.publish_ns)
