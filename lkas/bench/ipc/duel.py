"""Measures the rows of `lkas bench ipc`: a writing and a reading process per row, all rows in turn, round after round.

Only ratios within one run mean anything on a machine that does other things too; therefore the rows take turns within
each round, and a figure is the median over rounds of each round's percentile.
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

Figure = tuple[str, str, float, float]  # row, metric, p50 and p99 in microseconds


class Duel:
    """The processes, and one measurement after the other."""

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
        """(one-way times over all readers, the sender's costs), both in ns."""
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
        """Numpy's costs of one copy, in the process and on the CPU that the frames are written in."""
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
            raise TimeoutError("a process of the benchmark does not answer")
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
) -> Iterator[tuple[float, list[Figure]]]:
    """(share done, figures of a step) after each step. The rows of a test take turns in being the first."""
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


def _step(duel: Duel, test: Test | None, row: type[Row] | str, floor: Floor) -> Iterator[Figure]:
    if isinstance(row, str):
        assert test is not None
        values = duel.copy_frame() if row == COPY_NAME else floor.wake(test.count, round(IDLE_S * 1e9))
        measured = [(row, test.metric, values)]
    elif test is None:
        measured = [(row.name, "empty_poll", duel.poll_empty(row))]
    else:
        times, costs = duel.measure(row, test)
        if test.kind == "round_trip":  # what the sender pays is the whole way
            measured = [(row.name, test.metric, costs)]
        else:
            measured = [(row.name, test.metric, times), (row.name, f"{test.metric}_call", costs)]
    for name, metric, values in measured:
        if values:
            yield name, metric, _percentile(values, 0.5), _percentile(values, 0.99)


def medians(figures: list[Figure]) -> dict[str, dict[str, dict[str, float]]]:
    """row -> metric -> {p50_us, p99_us}, over the rounds."""
    collected: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for row, metric, p50, p99 in figures:
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
