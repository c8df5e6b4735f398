"""The health of all processes: their own status reports joined with the list of their supervisor."""

from msgspec import Struct

from lkas.clock import Clock
from lkas.health import NOT_RESPONDING, Percentiles
from lkas.integration.zmq.messages import Health, ProcessEntry, ProcessesReport, ProcessHealth, StatusReport, epoch_s

SILENT_AFTER_S = 2.0
FORGET_AFTER_S = 30.0  # for a silent process that no supervisor lists
MAX_PROCESSES = 32
MAX_STAGES = 64
SILENT = "silent"


class _Received(Struct, frozen=True):
    status: StatusReport
    at_ns: int


class ProcessTable:
    """The newest status of each process by name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._received: dict[str, _Received] = {}
        self._supervised: dict[str, ProcessEntry] = {}
        self._supervised_at_ns = 0

    def take_status(self, status: StatusReport) -> None:
        self._received.pop(status.process, None)  # keeps the order of arrival
        self._received[status.process] = _Received(status, self._clock.now_ns())
        if len(self._received) > MAX_PROCESSES:
            del self._received[next(iter(self._received))]

    def take_list(self, report: ProcessesReport) -> bool:
        """Store the list of a supervisor. Returns whether it differs from the one before."""
        before, self._supervised = self._supervised, {entry.name: entry for entry in report.processes}
        self._supervised_at_ns = self._clock.now_ns()
        return before != self._supervised

    def is_alive(self, process: str) -> bool:
        """Return whether this process has sent its status within SILENT_AFTER_S."""
        received = self._received.get(process)
        return received is not None and self._age_s(received.at_ns) <= SILENT_AFTER_S

    def health(self, own_latency_ms: dict[str, Percentiles]) -> Health:
        """Return all processes, sorted by name, and the latencies of all their stages."""
        self._forget_silent()
        names = sorted(self._received.keys() | self._supervised.keys())
        latency_ms: dict[str, Percentiles] = {}
        for name in names:
            if self.is_alive(name):
                latency_ms |= self._received[name].status.latency_ms
        latency_ms |= own_latency_ms
        return Health(
            timestamp=epoch_s(0),
            processes=[self._process(name) for name in names],
            latency_ms=dict(list(latency_ms.items())[:MAX_STAGES]),
        )

    def _process(self, name: str) -> ProcessHealth:
        listed, received = self._supervised.get(name), self._received.get(name)
        restarts = listed.restarts if listed else None
        # A status with another pid is from a process that was replaced since.
        replaced = received is not None and listed is not None and listed.pid not in (None, received.status.pid)
        is_listed = listed is not None and self._age_s(self._supervised_at_ns) <= SILENT_AFTER_S
        hangs = listed is not None and is_listed and listed.state.startswith(NOT_RESPONDING)
        if received is not None and self.is_alive(name) and not replaced and not hangs:
            status = received.status
            return ProcessHealth(
                name=name,
                pid=status.pid,
                state=status.state,
                rate_hz=status.rate_hz,
                age_ms=status.age_ms,
                restarts=restarts,
            )
        pid = listed.pid if listed else received.status.pid if received else None
        state = SILENT
        if listed is not None and is_listed:
            # A running process without a status is silent, unless it has just started.
            state = SILENT if listed.state == "running" and received is not None and not replaced else listed.state
        return ProcessHealth(name=name, pid=pid, state=state, rate_hz=None, age_ms=None, restarts=restarts)

    def _forget_silent(self) -> None:
        for name, received in list(self._received.items()):
            if name not in self._supervised and self._age_s(received.at_ns) > FORGET_AFTER_S:
                del self._received[name]
        if self._age_s(self._supervised_at_ns) > FORGET_AFTER_S:
            self._supervised = {}

    def _age_s(self, at_ns: int) -> float:
        return (self._clock.now_ns() - at_ns) / 1e9
