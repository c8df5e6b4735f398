"""Measures the rows of `lkas bench ipc`: a writing and a reading process per row, all rows in turn, round after round.

Only ratios within one run mean anything on a machine that does other things too; therefore the rows take turns within
each round, and a figure is the median over rounds of each round's percentile.
"""

import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from msgspec import Struct

from lkas.cli.ipc_floor import Floor
from lkas.cli.ipc_iceoryx2 import Iceoryx2
from lkas.cli.ipc_patterns import Iceoryx2Stream, PipeStream, Sockets, ZmqSockets
from lkas.cli.ipc_rows import FRAME_BYTES, Channels, Pipe, Receiver, Row, Seqlock, Zmq

ROWS: tuple[type[Row], ...] = (
    Channels, Iceoryx2, Seqlock, Pipe, Zmq, Sockets, Iceoryx2Stream, PipeStream, ZmqSockets,
)  # fmt: skip
WARM_UP = 10
IDLE_S = 0.002  # before each message to a sleeping reader
JOIN_S = 10.0  # for a connection to come up
LOST_S = 1.0  # without an acknowledgement a message counts as lost
TEST_S = 30.0
COPY_NAME = "numpy copyto"
LAST = -1  # the stamp that ends a stream
ACKNOWLEDGED, ENDED, BEGAN = range(3)  # words of the board that the two processes of a row share

Figure = tuple[str, str, float, float]  # row, metric, p50 and p99 in microseconds

now = time.perf_counter_ns


class Test(Struct, frozen=True, kw_only=True):
    """One measurement of one row."""

    metric: str  # one-way times; what the sender pays is `<metric>_call`
    kind: str
    count: int  # messages of a segment
    segments: int = 1  # made anew in each round: where one lies in memory makes a large copy one or four times as long
    sleeps: bool = False
    readers: int = 1


def tests(scale: float, readers: int) -> list[Test]:
    """What is measured; `scale` shortens or lengthens each test."""

    def count(messages: int) -> int:
        return max(5, round(messages * scale))

    return [
        Test(metric="control", kind="control", count=count(1500)),
        Test(metric="control_full", kind="control_full", count=count(1500)),
        Test(metric="small", kind="small", count=count(1500)),
        Test(metric="frame", kind="frame", count=count(25), segments=6),
        Test(metric="frame_in_place", kind="frame_in_place", count=count(80)),
        Test(metric="wake", kind="small", count=count(100), sleeps=True),
        Test(metric="stream", kind="stream", count=count(20_000)),
        Test(metric="round_trip", kind="round_trip", count=count(1500)),
        Test(metric="round_trip_asleep", kind="round_trip", count=count(100), sleeps=True),
        Test(metric="many_small", kind="small", count=count(100), sleeps=True, readers=readers),
        Test(metric="many_frame", kind="frame", count=count(40), sleeps=True, readers=readers),
    ]


# ---------------------------------------------------------------- in the two processes


def _write(row: type[Row], topic: str, test: Test, shared: Any, board: Any, conn: Connection) -> list[int]:
    """Send one message at a time: what each `send` took."""
    sender = row.sender(topic, test.kind, shared, wakes=test.sleeps)
    conn.send("open")
    conn.recv()  # the readers are there
    deadline = time.monotonic() + JOIN_S
    while board[ACKNOWLEDGED] == 0 and time.monotonic() < deadline:
        sender.send(now())
        time.sleep(0.005)
    if test.kind == "stream":
        for stamp in [*range(1, test.count + 1), LAST]:
            sender.send(stamp)
        conn.recv()
        sender.close()
        return []
    costs, deadline, begin = [], time.monotonic() + TEST_S, now()
    board[BEGAN] = begin
    for _ in range(test.count + WARM_UP):
        if test.sleeps:
            time.sleep(IDLE_S if test.readers == 1 else 5 * IDLE_S)
        stamp = now()
        sender.send(stamp)
        costs.append(now() - stamp)
        if test.readers > 1:
            continue
        patience = time.monotonic() + LOST_S
        while board[ACKNOWLEDGED] != stamp and time.monotonic() < patience:
            if test.sleeps:
                time.sleep(1e-4)
        if time.monotonic() > deadline:
            break
    time.sleep(0.05 if test.readers > 1 else 0.0)
    board[ENDED] = 1
    conn.recv()  # the readers are done
    sender.close()
    return costs[WARM_UP:]


def _read(row: type[Row], topic: str, test: Test, shared: Any, board: Any, conn: Connection) -> list[int]:
    """How long each message took, from before it was sent until its content was in hand."""
    receiver = row.receiver(topic, test.kind, shared)
    conn.send("open")
    times, deadline = [], time.monotonic() + JOIN_S + TEST_S
    receive: Callable[[], int | None] = (lambda: receiver.wait(0.1)) if test.sleeps else receiver.poll
    if test.kind == "stream":
        times = _drain(receiver, test.count, board)
        receiver.close()
        return times
    while not board[ENDED] and time.monotonic() < deadline:
        for _ in range(1 if test.sleeps else 200):
            stamp = receive()
            if stamp is None:
                continue
            took = now() - stamp
            if board[BEGAN] and stamp >= board[BEGAN]:
                times.append(took)
            board[ACKNOWLEDGED] = stamp
    receiver.close()
    return times[WARM_UP:]


def _drain(receiver: Receiver, count: int, board: Any) -> list[int]:
    """The time per message of a whole stream, polled: falling asleep and being woken has tests of its own."""
    received, begin, deadline = 0, 0, time.monotonic() + JOIN_S + TEST_S
    while time.monotonic() < deadline:
        stamp = receiver.poll()
        if stamp == LAST:
            if received < count - 1:
                raise RuntimeError(f"{count - 1 - received} of {count} messages of the stream were lost")
            return [(now() - begin) // received]
        if stamp is None:
            continue
        if begin:
            received += 1
        elif stamp == 1:
            begin = now()
        else:
            board[ACKNOWLEDGED] = stamp
    raise TimeoutError(f"the stream of {count} messages did not end; {received} came")


def _copy_frame() -> list[int]:
    """The floor under every copied frame: numpy copyto."""
    import numpy as np

    source, target = np.ones(FRAME_BYTES, np.uint8), np.empty(FRAME_BYTES, np.uint8)
    costs = []
    for _ in range(50):
        start = now()
        np.copyto(target, source)
        costs.append(now() - start)
    return costs[WARM_UP:]


def _poll_empty(row: type[Row], topic: str, shared: Any) -> list[int]:
    """What looking costs when there is nothing, in turns of 300."""
    sender = row.sender(topic, "small", shared, wakes=False)
    receiver = row.receiver(topic, "small", shared)
    look, costs = receiver.look, []
    for _ in range(20):
        start = now()
        for _ in range(300):
            look()
        costs.append((now() - start) // 300)
    receiver.close()
    sender.close()
    return costs


def _worker(conn: Connection, board: Any, pipes: dict[str, Any], cpu: int | None) -> None:
    rows = {row.__name__: row for row in ROWS}
    if cpu is not None:
        os.sched_setaffinity(0, {cpu})
    while (command := conn.recv()) is not None:
        role, name, topic, test = command
        try:
            if role == "copy":
                conn.send(_copy_frame())
            elif role == "poll":
                conn.send(_poll_empty(rows[name], topic, pipes[name]))
            else:
                run = _write if role == "write" else _read
                conn.send(run(rows[name], topic, test, pipes[name], board, conn))
        except Exception as error:  # the other rows go on
            conn.send(error)


# ---------------------------------------------------------------- in the parent


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
            process = context.Process(target=_worker, args=(theirs, self._board, pipes, pinned), daemon=True)
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


def plan(scale: float, readers: int, rows: list[type[Row]], floor: Floor) -> list[tuple[Test | None, type[Row] | str]]:
    """The steps of a round: (test, row), the test None for looks at nothing; the row's name alone for a floor."""
    steps: list[tuple[Test | None, type[Row] | str]] = []
    for test in tests(scale, readers):
        fitting = [row for row in rows if test.kind in row.kinds and (test.readers == 1 or row.has_many_readers)]
        steps += [(test, row) for _ in range(test.segments) for row in fitting]
        if test.metric == "frame":
            steps.append((test, COPY_NAME))
        if test.metric == "wake" and floor.missing() is None:
            steps.append((test, floor.name))
    steps += [(None, row) for row in rows if "small" in row.kinds]
    return steps


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
