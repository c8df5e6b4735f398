"""kill -9 at any moment: of a writer that draws, and of two readers that hold every slot it could draw into.

In each round a writer takes over the channel and fills it with self-checking frames at full speed; this process reads
all the time. Two more readers hold two views each and are killed: the writer must continue. Then the writer is killed:
every readable frame must be complete, and no call may exceed its timeout.
"""

import random
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.soak.processes import Broken, Children, shared_counters
from benchmarks.soak.torn import HEIGHT, WIDTH, check_image
from lkas.integration.shared_memory import ImageChannel, SHMBufferFullError

ROUNDS = 200
SLOTS = 4  # the newest, and three that four views can hold
HOLDERS = 2
STARTED = 1000  # of a frame's 180,000 numbers: so many are drawn before the frame counts as half-drawn
HALF_DRAWN = 0  # index of the counter: whether the writer is in the middle of a frame
HANG_S = 60.0  # a call with a timeout of 1 ms that takes so long hangs, however busy the machine
AT_LEAST_HALF_DRAWN = 0.25  # of the rounds; a short run may miss it by chance, and is then extended
MAX_EXTENSION = 5  # times as many rounds


def prove(share: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return the number of kills, of half-written slots, of checked frames, and recovery times (ms)."""
    rounds = max(8, round(ROUNDS * share))
    random_ = random.Random(1)
    counters = shared_counters(1)
    half_drawn = checked = 0
    recovered_ms, freed_ms, slowest_ms = [], [], 0.0
    with Children() as children, ImageChannel() as reader:
        newest = killed = 0
        while killed < rounds or (half_drawn < AT_LEAST_HALF_DRAWN * rounds and killed < MAX_EXTENSION * rounds):
            began = time.perf_counter()
            writer = children.start(_write, newest, counters)
            newest, _ = _read_on(reader, newest, 1)
            recovered_ms.append((time.perf_counter() - began) * 1000)
            _kill_with_views(children)
            began = time.perf_counter()
            newest, seen = _read_on(reader, newest, 2 * SLOTS)
            freed_ms.append((time.perf_counter() - began) * 1000)
            _read_for(reader, random_.uniform(0.0, 0.02))
            time.sleep(
                random_.uniform(0.001, 0.005)
            )  # without a sleep the kill would mostly hit the writer in a wake-up
            writer.kill()
            killed += 1
            half_drawn += counters[HALF_DRAWN]
            slowest_ms = max(slowest_ms, _read_after_death(reader))
            checked += seen + 2
            if killed % 20 == 0:
                progress(f"{killed} writers killed, {half_drawn} of them with a slot half-written; 0 torn, 0 hangs")
        drops = reader.stats.drops
    if half_drawn < AT_LEAST_HALF_DRAWN * rounds:
        raise Broken(f"only {half_drawn} of {killed} kills left a slot half-written: nothing is proven")
    return {
        "writers_killed": killed,
        "half_written": half_drawn,
        "readers_killed": killed * HOLDERS,
        "frames_checked": checked,
        "torn": 0,
        "hangs": 0,
        "drops": drops,
        "recovery_ms": _summary(recovered_ms),  # from the start of the next writer to its first frame
        "freed_ms": _summary(freed_ms),  # from the death of the holders to the next eight frames
        "slowest_call_ms": round(slowest_ms, 3),
    }


def _read_on(reader: ImageChannel, newest: int, count: int) -> tuple[int, int]:
    """Read until `count` newer frames were seen; return the number of the newest, and how many."""
    seen, deadline = 0, time.monotonic() + HANG_S
    while seen < count:
        with reader.view(timeout=0.1) as message:
            if message is not None:
                if message.frame_id <= newest:
                    raise Broken(f"frame {message.frame_id} came after {newest}")
                check_image(message.frame_id, message.timestamp, message.image)
                newest, seen = message.frame_id, seen + 1
        if time.monotonic() > deadline:
            raise Broken(f"no new frame within {HANG_S:g} s: {reader.stats}")
    return newest, seen


def _read_for(reader: ImageChannel, duration_s: float) -> None:
    until = time.monotonic() + duration_s
    while time.monotonic() < until:
        with reader.view(timeout=0.001) as message:
            if message is not None:
                check_image(message.frame_id, message.timestamp, message.image)


def _kill_with_views(children: Children) -> None:
    holders = [children.start(_hold) for _ in range(HOLDERS)]
    for holder in holders:
        holder.receive()
    for holder in holders:
        holder.kill()


def _read_after_death(reader: ImageChannel) -> float:
    """Call every way of reading after the writer's death; return the slowest (ms)."""
    slowest = 0.0
    for read in (reader.latest, lambda: reader.read(timeout=0.001)):
        began = time.perf_counter()
        message = read()
        slowest = max(slowest, time.perf_counter() - began)
        if message is not None:
            check_image(message.frame_id, message.timestamp, message.image)
    if slowest > HANG_S:
        raise Broken(f"a call hung for {slowest:.1f} s after the writer's death")
    return slowest * 1000


def _summary(values_ms: list[float]) -> dict[str, float]:
    return {"p50": round(statistics.median(values_ms), 1), "max": round(max(values_ms), 1)}


def _write(connection: Connection, newest: int, counters: Any) -> None:
    with ImageChannel(create=True, width=WIDTH, height=HEIGHT, slots=SLOTS) as channel:
        frame_id = newest + 1_000_000  # newer than any frame of the dead writer
        while True:
            frame_id += 1
            try:
                with channel.loan(frame_id=frame_id, timestamp=float(frame_id)) as image:
                    numbers = image.reshape(-1).view(np.int64)
                    numbers[:STARTED] = frame_id
                    counters[HALF_DRAWN] = 1
                    numbers[STARTED:] = frame_id
                    counters[HALF_DRAWN] = 0
            except SHMBufferFullError:
                time.sleep(0)


def _hold(connection: Connection) -> None:
    with ImageChannel(attach_timeout=HANG_S) as channel:
        views = [channel.view(timeout=HANG_S) for _ in range(2)]
        for view in views:
            view.__enter__()
        connection.send("holding")
        time.sleep(HANG_S)
