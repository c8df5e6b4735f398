"""Measures the rows of `lkas bench ipc`: a writing and a reading process per row, all rows in turn, round after round.

On a machine that runs other programs too, only ratios within one run are meaningful; therefore the rows take turns
within each round, and each result is the median over rounds of the percentile of a round.
"""

import multiprocessing
import os
import statistics
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from lkas.bench.ipc.floor import Floor
from lkas.bench.ipc.plan import COPY_NAME, Test, plan
from lkas.bench.ipc.roles import IDLE_S, JOIN_S, TEST_S, work
from lkas.bench.ipc.row import Row

Measurement = tuple[str, str, float, float]  # row, metric, p50 and p99 in microseconds
Percentiles = dict[str, float]  # p50_us, p99_us


class Duel:
    """The processes of a run: one writer, several readers. Measures one row at a time."""

    def __init__(self, rows: list[type[Row]], readers: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._board = context.RawArray("q", 3)
        pipes = {row.__name__: row.prepare(context) for row in rows}
        cpus = sorted(os.sched_getaffinity(0))
        self._peers, self._processes = [], []
        for i in range(1 + readers):
            ours, theirs = context.Pipe()
            pinned = cpus[i] if i < 2 <= len(cpus) else None  # the pair of the one-way tests
            process = context.Process(target=work, args=(theirs, self._board, pipes, pinned), daemon=True)
            process.start()
            self._peers.append(ours)
            self._processes.append(process)
        self._topics = (f"bench-{os.getpid()}-{i}" for i in range(1 << 30))

    def measure(self, row: type[Row], test: Test) -> tuple[list[int], list[int]]:
        """Return (one-way times of all readers, durations of the sender's calls), both in ns."""
        topic = next(self._topics)
        self._board[:] = [0, 0, 0]
        writer, readers = self._peers[0], self._peers[1 : 1 + test.readers]
        writer.send(("write", row.__name__, topic, test))
        self._answer(writer)
        for reader in readers:
            reader.send(("read", row.__name__, topic, test))
        for reader in readers:
            self._answer(reader)
        writer.send("go")
        times = [value for reader in readers for value in self._answer(reader)]
        writer.send("end")
        return times, self._answer(writer)

    def poll_empty(self, row: type[Row]) -> list[int]:
        self._peers[1].send(("poll", row.__name__, next(self._topics), None))
        return self._answer(self._peers[1])

    def copy_frame(self) -> list[int]:
        """Return durations of one NumPy copy (ns), in the process and on the CPU that write the frames."""
        self._peers[0].send(("copy", None, None, None))
        return self._answer(self._peers[0])

    def close(self) -> None:
        for peer, process in zip(self._peers, self._processes, strict=True):
            peer.send(None)
            process.join(5.0)
            if process.is_alive():
                process.kill()

    def _answer(self, peer: Connection) -> Any:
        if not peer.poll(JOIN_S + 2 * TEST_S):
            raise TimeoutError("a process of the benchmark does not respond")
        answer = peer.recv()
        if isinstance(answer, Exception):
            raise answer
        return answer


def _percentile(values: list[int], share: float) -> float:
    """In microseconds."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000


def run(
    rounds: int, scale: float, readers: int, rows: list[type[Row]], floor: Floor
) -> Iterator[tuple[float, list[Measurement]]]:
    """Yield (share done, measurements of a step) after each step. Another row is the first in each round."""
    duel = Duel(rows, readers)
    try:
        for number in range(rounds):
            turn = rows[number % len(rows) :] + rows[: number % len(rows)]
            steps = plan(scale, readers, turn, floor)
            for i, (test, row) in enumerate(steps):
                share = (number + (i + 1) / len(steps)) / rounds
                yield share, list(_step(duel, test, row, floor))
    finally:
        duel.close()


def _step(duel: Duel, test: Test | None, row: type[Row] | str, floor: Floor) -> Iterator[Measurement]:
    if isinstance(row, str):
        assert test is not None
        values = duel.copy_frame() if row == COPY_NAME else floor.wake(test.count, round(IDLE_S * 1e9))
        measured = [(row, test.metric, values)]
    elif test is None:
        measured = [(row.name, "empty_poll", duel.poll_empty(row))]
    else:
        times, costs = duel.measure(row, test)
        if test.kind == "round_trip":  # the sender's call is the whole round trip
            measured = [(row.name, test.metric, costs)]
        else:
            measured = [(row.name, test.metric, times), (row.name, f"{test.metric}_call", costs)]
    for name, metric, values in measured:
        if values:
            yield name, metric, _percentile(values, 0.5), _percentile(values, 0.99)


def medians(measurements: list[Measurement]) -> dict[str, dict[str, Percentiles]]:
    """Return row -> metric -> {p50_us, p99_us}, over the rounds."""
    collected: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row, metric, p50, p99 in measurements:
        collected.setdefault(row, {}).setdefault(metric, []).append((p50, p99))
    return {
        row: {
            metric: {
                "p50_us": statistics.median(p50 for p50, _ in values),
                "p99_us": statistics.median(p99 for _, p99 in values),
            }
            for metric, values in metrics.items()
        }
        for row, metrics in collected.items()
    }
