"""The status that every process reports to the broker, and how often."""

from collections.abc import Mapping

from msgspec import Struct

from lkas.health import Percentiles

STATUS_PERIOD_S = 0.5  # the broker counts a process as silent after 2 s without a status


class ProcessStatus(Struct, frozen=True, kw_only=True):
    """What a process reports about itself."""

    state: str  # one word or one short sentence
    rate_hz: float | None = None  # of its main input or output
    age_ms: float | None = None  # since its newest input or output
    latency_ms: Mapping[str, Percentiles] = {}  # by stage


class StatusTimer:
    """Says when the next status is due: at the first call, then once per STATUS_PERIOD_S."""

    def __init__(self) -> None:
        self._due_ns = 0

    def is_due(self, now_ns: int) -> bool:
        """Return True, and start the next period, when a status is to be sent at monotonic time `now_ns`."""
        if now_ns < self._due_ns:
            return False
        self._due_ns = now_ns + round(STATUS_PERIOD_S * 1e9)
        return True
