"""Commands that this world does not obey, reported once for each cause: a silent writer would never learn why."""

from lkas.integration.shared_memory.messages import ControlMessage
from lkas.integration.shared_memory.stamps import is_unstamped

REPORT_AFTER_S = 0.5  # monotonic; commands of the session before a restart are still on their way for a moment


class Refusals:
    """Judges commands by session and timestamp."""

    def __init__(self) -> None:
        self._kind: str | None = None
        self._since_ns = 0
        self._is_reported = False
        self.report: str | None = None  # to be taken with `take_report`

    def judge(
        self, control: ControlMessage, session: int, now_s: float | None, tick_s: float, now_ns: int
    ) -> str | None:
        """Return why the command is refused, or None. `now_s` is world time, None before the first tick."""
        kind, reason = self._reason(control, session, now_s, tick_s)
        if kind != self._kind:
            self._kind, self._since_ns, self._is_reported = kind, now_ns, False
        if reason is not None and not self._is_reported and now_ns - self._since_ns >= REPORT_AFTER_S * 1e9:
            self._is_reported = True
            self.report = reason
        return reason

    def take_report(self, writer_pid: int | None) -> str:
        """Return the report in a sentence."""
        reason, self.report = self.report, None
        writer = "a process that has ended" if writer_pid is None else f"process {writer_pid}"
        return (
            f"commands of {writer} are refused: {reason}; leave timestamp and session out, or copy those of the image"
        )

    @staticmethod
    def _reason(
        control: ControlMessage, session: int, now_s: float | None, tick_s: float
    ) -> tuple[str | None, str | None]:
        if control.session not in (0, session):
            return "session", f"their session {control.session} is not this world's ({session}) nor 0"
        if now_s is not None and not is_unstamped(control) and control.timestamp > now_s + tick_s * 1.001:
            return "future", f"their timestamp is {control.timestamp:.3f} s, world time is {now_s:.3f} s"
        return None, None
