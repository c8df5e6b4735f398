"""The metrics of a drive that only the supervisor can measure: latencies, restarts, memory and processor time."""

import os
from typing import TYPE_CHECKING, Any

from lkas.cli.resources import ResourceMeter
from lkas.clock import MonotonicClock
from lkas.runtime.supervisor import Supervisor

if TYPE_CHECKING:
    from lkas.integration.zmq.client import BrokerClient

SAMPLE_PERIOD_NS = 1_000_000_000
STAGES = {"latency_ms": "pose_to_control", "frame_to_control_ms": "frame_to_control", "detection_ms": "detection"}


class DriveMetrics:
    """Measures the processes of a running drive, from the first control message on."""

    def __init__(self, supervisor: Supervisor, client: "BrokerClient") -> None:
        self._supervisor = supervisor
        self._client = client  # subscribed to health and control
        self._clock = MonotonicClock()
        self._meter = ResourceMeter()
        self._start_ns: int | None = None
        self._updated_ns = 0
        self._sample_due_ns = 0
        self._latencies: dict[str, Any] = {}

    def update(self) -> None:
        """Read what the broker has sent and sample the processes. Called about ten times a second."""
        messages = self._client.poll(0.0)
        self._latencies = messages.get("health", {}).get("latency_ms") or self._latencies
        self._updated_ns = self._clock.now_ns()
        if self._start_ns is None and "control" in messages:
            self._start_ns = self._updated_ns
        if self._start_ns is not None and self._updated_ns >= self._sample_due_ns:
            self._sample_due_ns = self._updated_ns + SAMPLE_PERIOD_NS
            pids = [state.pid for state in self._supervisor.states if state.pid is not None]
            self._meter.sample([os.getpid(), *pids])

    def result(self) -> dict[str, Any]:
        """Return the keys of `--json` that the simulation does not know."""
        wall_s = (self._updated_ns - self._start_ns) / 1e9 if self._start_ns else None
        return {
            **{key: self._latencies.get(stage) for key, stage in STAGES.items()},
            "restarts": self._supervisor.restarts,
            "rss_mb": round(self._meter.peak_pss_mb, 1),
            "cpu_cores": round(self._meter.cpu_s / wall_s, 3) if wall_s else None,
        }
