"""Measures processor time and proportional memory of processes, from /proc (Linux)."""

import os
from collections.abc import Iterable
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


class ResourceMeter:
    """Accumulates the processor time of a changing set of processes, and the peak of their total memory."""

    def __init__(self) -> None:
        self._cpu_s_by_pid: dict[int, tuple[float, float]] = {}  # first and newest reading
        self.peak_pss_mb = 0.0

    def sample(self, pids: Iterable[int]) -> None:
        """Read all processes once. The time of processes that ended stays in the sum."""
        total_mb = 0.0
        for pid in pids:
            cpu_s = _cpu_s(pid)
            if cpu_s is None:
                continue
            first_s, _ = self._cpu_s_by_pid.get(pid, (cpu_s, cpu_s))
            self._cpu_s_by_pid[pid] = (first_s, cpu_s)
            total_mb += _pss_mb(pid)
        self.peak_pss_mb = max(self.peak_pss_mb, total_mb)

    @property
    def cpu_s(self) -> float:
        """Processor seconds used since the first sample of each process."""
        return sum(newest_s - first_s for first_s, newest_s in self._cpu_s_by_pid.values())


def _cpu_s(pid: int) -> float | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _pss_mb(pid: int) -> float:
    """Return the memory in MB with shared pages divided among their users, so that a sum counts each page once."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass  # the process ended between two reads
    return 0.0
