"""Which processes there are and how they do: what they say themselves joined with what their supervisor says."""

from msgspec import Struct

from lkas.clock import Clock
from lkas.health import Percentiles
from lkas.integration.zmq.messages import Health, ProcessEntry, ProcessesReport, ProcessHealth, StatusReport, epoch_s

SILENT_AFTER_S = 2.0
FORGET_AFTER_S = 30.0  # a silent process that no supervisor lists
MAX_PROCESSES = 32
MAX_STAGES = 64
SILENT = "silent"


class _Heard(Struct, frozen=True):
    status: StatusReport
    at_ns: int


class ProcessTable:
    """The newest status of each process by name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._heard: dict[str, _Heard] = {}
        self._supervised: dict[str, ProcessEntry] = {}
        self._supervised_at_ns = 0

    def take_status(self, status: StatusReport) -> None:
        self._heard.pop(status.process, None)  # so that the order is the order of hearing
        self._heard[status.process] = _Heard(status, self._clock.now_ns())
        if len(self._heard) > MAX_PROCESSES:
            del self._heard[next(iter(self._heard))]

    def take_list(self, report: ProcessesReport) -> None:
        self._supervised = {entry.name: entry for entry in report.processes}
        self._supervised_at_ns = self._clock.now_ns()

    def is_heard(self, process: str) -> bool:
        """Whether this process has sent its status within the last 2 s."""
        heard = self._heard.get(process)
        return heard is not None and self._age_s(heard.at_ns) <= SILENT_AFTER_S

    def health(self, own_latency_ms: dict[str, Percentiles]) -> Health:
        """All processes, sorted by name, and the latencies of all their stages."""
        self._forget_silent()
        names = sorted(self._heard.keys() | self._supervised.keys())
        latency_ms: dict[str, Percentiles] = {}
        for name in names:
            if self.is_heard(name):
                latency_ms |= self._heard[name].status.latency_ms
        latency_ms |= own_latency_ms
        return Health(
            timestamp=epoch_s(0),
            processes=[self._process(name) for name in names],
            latency_ms=dict(list(latency_ms.items())[:MAX_STAGES]),
        )

    def _process(self, name: str) -> ProcessHealth:
        listed, heard = self._supervised.get(name), self._heard.get(name)
        restarts = listed.restarts if listed else None
        # A status under another pid is that of a process since replaced.
        replaced = heard is not None and listed is not None and listed.pid not in (None, heard.status.pid)
        if heard is not None and self.is_heard(name) and not replaced:
            status = heard.status
            return ProcessHealth(
                name=name,
                pid=status.pid,
                state=status.state,
                rate_hz=status.rate_hz,
                age_ms=status.age_ms,
                restarts=restarts,
            )
        pid = listed.pid if listed else heard.status.pid if heard else None
        state = SILENT
        if listed is not None and self._age_s(self._supervised_at_ns) <= SILENT_AFTER_S:
            # What the supervisor calls running and does not speak is silent, unless it has only just started.
            state = SILENT if listed.state == "running" and heard is not None and not replaced else listed.state
        return ProcessHealth(name=name, pid=pid, state=state, rate_hz=None, age_ms=None, restarts=restarts)

    def _forget_silent(self) -> None:
        for name, heard in list(self._heard.items()):
            if name not in self._supervised and self._age_s(heard.at_ns) > FORGET_AFTER_S:
                del self._heard[name]
        if self._age_s(self._supervised_at_ns) > FORGET_AFTER_S:
            self._supervised = {}

    def _age_s(self, at_ns: int) -> float:
        return (self._clock.now_ns() - at_ns) / 1e9
