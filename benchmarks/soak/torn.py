"""Self-checking messages from writers that never pause: none may be a mixture of two.

Every number in a message is its frame_id; a frame holds it 180,000 times. Half of the frames are read in place and
checked again after the writer has continued, half are copied. The channels have few slots, so that the writer soon
reuses each.
"""

import itertools
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import numpy as np

from benchmarks.soak.processes import Broken, Children, receive_all
from lkas.integration.shared_memory import ControlChannel, DetectionChannel, ImageChannel, SHMBufferFullError
from lkas.integration.shared_memory.messages import ControlMessage, ControlMode, DetectionMessage, LaneMessage

WIDTH, HEIGHT = 800, 600
READS = {"control": 5_300_000, "detection": 4_500_000, "image": 201_000}  # 10 million in all
READERS = (1, 4, 20)
SLOTS = 4


def prove(share: float, progress: Callable[[str], None]) -> dict[str, Any]:
    """Return reads, newest sequence and seconds, by channel and number of readers."""
    rows = []
    for kind, readers in itertools.product(READS, READERS):
        reads = max(20, round(READS[kind] * share / len(READERS) / readers))
        began = time.monotonic()
        with Children() as children:
            name = f"{kind}-{readers}"
            children.start(_WRITERS[kind], name).receive()
            reading = [children.start(_read, kind, name, reads) for _ in range(readers)]
            written = max(receive_all(reading))
        rows.append(
            {
                "channel": kind,
                "readers": readers,
                "reads": reads * readers,
                "torn": 0,  # the first one ends the test
                "written": written,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
        progress(f"{kind}, {readers} readers: {reads * readers} reads, 0 torn, {rows[-1]['seconds']} s")
    return {"rows": rows, "reads": sum(row["reads"] for row in rows), "torn": 0}


# ---------------------------------------------------------------- in the writer


def _write_controls(connection: Connection, name: str) -> None:
    with ControlChannel(name, create=True, slots=SLOTS) as channel:
        connection.send("writing")
        for n in itertools.count(1):
            x = float(n)
            channel.write(
                steering=0.0, throttle=0.0, brake=0.0, mode=ControlMode.LANE_KEEPING, lateral_offset=x,
                lateral_offset_meters=x, heading_angle=x, lane_width_pixels=x, curvature=x, ttlc_left_s=x,
                ttlc_right_s=x, state_reason=str(n), valid_until=x, frame_id=n, timestamp=x, capture_ns=n,
            )  # fmt: skip


def _write_detections(connection: Connection, name: str) -> None:
    with DetectionChannel(name, create=True, slots=SLOTS) as channel:
        connection.send("writing")
        for n in itertools.count(1):
            x = float(n)
            lane = LaneMessage(x, x, x, x, x)
            channel.write(lane, lane, frame_id=n, timestamp=x, capture_ns=n, processing_time_ms=x)


def _write_images(connection: Connection, name: str) -> None:
    with ImageChannel(name, create=True, width=WIDTH, height=HEIGHT, slots=SLOTS) as channel:
        connection.send("writing")
        for n in itertools.count(1):
            draw(channel, n)


def draw(channel: ImageChannel, frame_id: int) -> None:
    """Publish a frame filled with its own number, unless every slot is pinned."""
    try:
        with channel.loan(frame_id=frame_id, timestamp=float(frame_id)) as image:
            image.reshape(-1).view(np.int64)[:] = frame_id
    except SHMBufferFullError:
        time.sleep(0)


_WRITERS = {"control": _write_controls, "detection": _write_detections, "image": _write_images}


# ---------------------------------------------------------------- in a reader


def _read(connection: Connection, kind: str, name: str, reads: int) -> int:
    """Return the newest sequence seen."""
    return max(itertools.islice(_CHECKED[kind](name), reads))


def _checked_controls(name: str) -> Iterator[int]:
    with ControlChannel(name) as channel:
        while True:
            message = channel.read(timeout=0.1)
            if message is not None:
                check_control(message)
                yield message.sequence


def _checked_detections(name: str) -> Iterator[int]:
    with DetectionChannel(name) as channel:
        while True:
            message = channel.read(timeout=0.1)
            if message is not None:
                check_detection(message)
                yield message.sequence


def _checked_images(name: str) -> Iterator[int]:
    with ImageChannel(name, attach_timeout=60.0) as channel:
        while True:
            with channel.view(timeout=0.1) as message:
                if message is None:
                    continue
                check_image(message.frame_id, message.timestamp, message.image)
                time.sleep(0)  # lets the writer continue
                check_image(message.frame_id, message.timestamp, message.image)
                sequence = message.sequence
            yield sequence
            message = channel.read(timeout=0.1)
            if message is not None:
                check_image(message.frame_id, message.timestamp, message.image)
                yield message.sequence


_CHECKED = {"control": _checked_controls, "detection": _checked_detections, "image": _checked_images}


def check_control(message: ControlMessage) -> None:
    n = message.frame_id
    if not (
        n == message.sequence == message.timestamp == message.capture_ns == message.valid_until == message.curvature
        and n == message.lateral_offset == message.lateral_offset_meters == message.heading_angle
        and n == message.lane_width_pixels == message.ttlc_left_s == message.ttlc_right_s
        and message.state_reason == str(n)
    ):
        raise Broken(f"a torn control message: {message}")


def check_detection(message: DetectionMessage) -> None:
    n, left, right = message.frame_id, message.left_lane, message.right_lane
    if not (
        n == message.sequence == message.timestamp == message.capture_ns == message.processing_time_ms
        and left is not None
        and left == right
        and n == left.x1 == left.y1 == left.x2 == left.y2 == left.confidence
    ):
        raise Broken(f"a torn detection message: {message}")


def check_image(frame_id: int, timestamp: float, image: np.ndarray) -> None:
    numbers = image.reshape(-1).view(np.int64)
    if timestamp != frame_id or not (numbers == frame_id).all():
        raise Broken(f"a torn frame: number {frame_id}, stamped {timestamp}, holds {np.unique(numbers)[:5].tolist()}")
