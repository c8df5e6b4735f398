"""Many readers of one camera: each gets nearly every frame in time, and no process grows."""

import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.soak.processes import Broken, Children, Growth, receive_all
from benchmarks.soak.torn import HEIGHT, WIDTH
from lkas.integration.shared_memory import ImageChannel, list_segments

READERS = 20
RATE_HZ = 30.0
DURATION_S = 60.0
SEEN_SHARE = 0.99
LATE_MS = 5.0  # target for the 95th percentile; a busy machine misses it
WARM_S = 1.0
GROWTH_KB = 512


def prove(share: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return frames seen, their ages, memory growth, and whether the latency target was met."""
    duration_s = max(2.0, DURATION_S * share)
    with Children() as children:
        writer = children.start(_write, duration_s)
        writer.receive()
        readers = [children.start(_read) for _ in range(READERS)]
        receive_all(readers)
        writer.connection.send("go")
        written = writer.receive(duration_s + 60)
        rows = receive_all(readers)
        segment_mb = sum(info.size_bytes for info in list_segments() if info.name == "camera_feed") / 2**20
        writer.connection.send("end")
        writer.receive()
    ages_ms = np.concatenate([row.pop("ages_ms") for row in rows])
    result = {
        "readers": READERS,
        "frames": written["frames"],
        "seconds": duration_s,
        "seen_share": min(row["seen"] for row in rows) / written["frames"],
        "age_ms": {f"p{q}": round(float(np.percentile(ages_ms, q)), 3) for q in (50, 95, 99)},
        "growth_kb": max(written["growth_kb"], *(row["growth_kb"] for row in rows)),
        "segment_mb": round(segment_mb, 1),
    }
    result["in_time"] = result["age_ms"]["p95"] < LATE_MS
    progress(f"{READERS} readers saw at least {result['seen_share']:.2%} of {result['frames']} frames")
    if result["seen_share"] < SEEN_SHARE:
        raise Broken(f"a reader saw {result['seen_share']:.1%} of the frames: {result}")
    if result["growth_kb"] > GROWTH_KB:
        raise Broken(f"a process grew by {result['growth_kb']} kB")
    return result


def _write(connection: Connection, duration_s: float) -> dict[str, int]:
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    with ImageChannel(create=True, width=WIDTH, height=HEIGHT) as channel:
        connection.send("open")
        connection.recv()
        growth = Growth(round(WARM_S * RATE_HZ))
        due, frames = time.monotonic(), 0
        while frames < duration_s * RATE_HZ:
            time.sleep(max(0.0, due - time.monotonic()))
            frames += 1
            channel.write(image, frame_id=frames)
            growth.count()
            due = max(due, time.monotonic()) + 1 / RATE_HZ  # a delayed camera sends no burst
        time.sleep(0.5)
        channel.write(image, frame_id=0)  # the end
        connection.send({"frames": frames, "growth_kb": growth.result_kb()})
        connection.recv()
        channel.unlink()
    return {}


def _read(connection: Connection) -> dict[str, Any]:
    ages_ms, seen = [], 0
    with ImageChannel(attach_timeout=60.0) as channel:
        connection.send("ready")
        growth = Growth(round(WARM_S * RATE_HZ))
        while True:
            with channel.view(timeout=60.0) as message:
                if message is None or message.frame_id == 0:
                    break
                ages_ms.append((time.monotonic_ns() - message.publish_ns) / 1e6)
                seen += 1
            growth.count()
    return {"seen": seen, "ages_ms": np.array(ages_ms), "growth_kb": growth.result_kb()}
