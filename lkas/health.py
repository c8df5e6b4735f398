"""Health of inputs and stages: message rates, ages and latency percentiles."""

from collections import deque
from typing import Literal

from msgspec import Struct

Level = Literal["info", "warning", "error"]  # of an event
NOT_RESPONDING = "not responding"  # begins the state of a process that its supervisor hears nothing from
WINDOW_S = 2.0


class RateMeter:
    """Measures messages per second over the last `WINDOW_S`, and the age of the newest message."""

    def __init__(self) -> None:
        self._arrivals_ns: deque[int] = deque(maxlen=512)

    def tick(self, now_ns: int) -> None:
        self._arrivals_ns.append(now_ns)

    def rate_hz(self, now_ns: int) -> float:
        while len(self._arrivals_ns) > 1 and now_ns - self._arrivals_ns[0] > WINDOW_S * 1e9:
            self._arrivals_ns.popleft()
        if len(self._arrivals_ns) < 2:
            return 0.0
        span_ns = max(now_ns - self._arrivals_ns[0], 1)
        return (len(self._arrivals_ns) - 1) * 1e9 / span_ns

    def age_ms(self, now_ns: int) -> float | None:
        """Return the milliseconds since the newest message, or None before the first."""
        return (now_ns - self._arrivals_ns[-1]) / 1e6 if self._arrivals_ns else None


class Percentiles(Struct, frozen=True):
    p50: float
    p99: float


class LatencyTable:
    """Collects latencies in milliseconds, the newest `capacity` samples of each stage."""

    def __init__(self, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._samples: dict[str, deque[float]] = {}

    def add(self, stage: str, latency_ms: float) -> None:
        self._samples.setdefault(stage, deque(maxlen=self._capacity)).append(latency_ms)

    def percentiles(self) -> dict[str, Percentiles]:
        """Return p50 and p99 (nearest rank) by stage."""
        return {stage: _percentiles(sorted(samples)) for stage, samples in self._samples.items()}


def _percentiles(ordered: list[float]) -> Percentiles:
    def rank(share: float) -> float:
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))]

    return Percentiles(p50=round(rank(0.50), 3), p99=round(rank(0.99), 3))
