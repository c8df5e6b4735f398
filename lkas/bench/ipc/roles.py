"""The processes of a measurement: one writes, one or many read, in lock-step or at full speed."""

import os
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from lkas.bench.ipc.plan import ROWS, Test
from lkas.bench.ipc.row import FRAME_BYTES, Receiver, Row

WARM_UP = 10
IDLE_S = 0.002  # before each message to a sleeping reader
JOIN_S = 10.0  # to connect
LOST_S = 1.0  # after so long without acknowledgement a message counts as lost
TEST_S = 30.0
LAST = -1  # the stamp that ends a stream
ACKNOWLEDGED, ENDED, BEGAN = range(3)  # indices of the words that the processes of a row share

now = time.perf_counter_ns


def work(conn: Connection, board: Any, pipes: dict[str, Any], cpu: int | None) -> None:
    """Execute the commands of the parent until it sends None. `cpu` pins this process."""
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


def _write(row: type[Row], topic: str, test: Test, shared: Any, board: Any, conn: Connection) -> list[int]:
    """Send one message at a time; return the duration of each `send` (ns)."""
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
    costs, deadline = [], time.monotonic() + TEST_S
    for number in range(test.count + WARM_UP):
        if test.sleeps:
            time.sleep(IDLE_S if test.readers == 1 else 5 * IDLE_S)
        stamp = now()
        if number == WARM_UP:
            board[BEGAN] = stamp
        sender.send(stamp)
        costs.append(now() - stamp)
        if test.readers > 1:
            continue
        lost_at = time.monotonic() + LOST_S
        while board[ACKNOWLEDGED] != stamp and time.monotonic() < lost_at:
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
    """Return the time (ns) of each message, from before it was sent until its content was received."""
    receiver = row.receiver(topic, test.kind, shared)
    conn.send("open")
    times, deadline = [], time.monotonic() + JOIN_S + TEST_S
    receive: Callable[[], int | None] = (lambda: receiver.wait(0.1)) if test.sleeps else receiver.poll
    if test.kind == "stream":
        times = _drain(receiver, test.count, board)
        receiver.close()
        return times
    has_ended = False
    while not has_ended and time.monotonic() < deadline:
        has_ended = bool(board[ENDED])  # one more poll: a delayed reader has missed some, but not the newest
        for _ in range(1 if test.sleeps else 200):
            stamp = receiver.poll() if has_ended else receive()
            if stamp is None:
                continue
            took = now() - stamp
            if board[BEGAN] and stamp >= board[BEGAN]:
                times.append(took)
            board[ACKNOWLEDGED] = stamp
    receiver.close()
    return times


def _drain(receiver: Receiver, count: int, board: Any) -> list[int]:
    """Return the time per message (ns) of a whole stream, polled; other tests measure sleeping readers."""
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
    raise TimeoutError(f"the stream of {count} messages did not end; {received} were received")


def _copy_frame() -> list[int]:
    """Measure the lower bound of every copied frame: numpy copyto."""
    import numpy as np

    source, target = np.ones(FRAME_BYTES, np.uint8), np.empty(FRAME_BYTES, np.uint8)
    costs = []
    for _ in range(50):
        start = now()
        np.copyto(target, source)
        costs.append(now() - start)
    return costs[WARM_UP:]


def _poll_empty(row: type[Row], topic: str, shared: Any) -> list[int]:
    """Measure a poll that finds nothing (ns), as the mean of 300."""
    sender = row.sender(topic, "small", shared, wakes=False)
    receiver = row.receiver(topic, "small", shared)
    poll, costs = receiver.bare_poll, []
    for _ in range(20):
        start = now()
        for _ in range(300):
            poll()
        costs.append((now() - start) // 300)
    receiver.close()
    sender.close()
    return costs
