"""Commands that this world does not obey, reported once for each cause: a silent writer would never learn why."""

from lkas.integration.shared_memory.messages import ControlMessage
from lkas.integration.shared_memory.stamps import is_unstamped

REPORT_AFTER_S = 0.5  # monotonic; commands of the session before a restart are still on their way for a moment
ROUNDING = 1.001  # a stamp exactly one tick ahead counts as now


class Refusals:
    """Remembers since when commands are refused for the same cause."""

    def __init__(self) -> None:
        self._cause: str | None = None
        self._since_ns = 0
        self._is_reported = False

    def update(self, cause: str | None, now_ns: int) -> bool:
        """Take the cause of the newest command (None: obeyed); return whether it is to be reported now."""
        kind = None if cause is None else cause.partition(" is ")[0]
        if kind != self._cause:
            self._cause, self._since_ns, self._is_reported = kind, now_ns, False
        if cause is None or self._is_reported or now_ns - self._since_ns < REPORT_AFTER_S * 1e9:
            return False
        self._is_reported = True
        return True


def refusal_of(control: ControlMessage, session: int, now_s: float | None, tick_s: float) -> str | None:
    """Return why a command is refused, or None. `now_s` is world time, None before the first tick."""
    if control.session not in (0, session):
        return f"their session is {control.session}, this world's {session}"
    if now_s is not None and not is_unstamped(control) and control.timestamp > now_s + tick_s * ROUNDING:
        return f"their timestamp is {control.timestamp:.3f} s, world time {now_s:.3f} s"
    return None


def sentence(cause: str, writer_pid: int | None) -> str:
    """Return the report: whose commands, why, and what to do."""
    writer = "a process that has ended" if writer_pid is None else f"process {writer_pid}"
    return f"commands of {writer} are refused: {cause}; leave timestamp and session out, or copy those of the image"
