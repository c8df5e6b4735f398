"""The metrics of `lkas bench ipc`, and the ratios that the channels are designed for."""

from typing import Any

from msgspec import Struct

from lkas.bench.ipc.duel import Percentiles

LKAS = "lkas"  # the rows of this package


class Target(Struct, frozen=True):
    """A design goal: the ratio of two medians of one run, lkas / `against`, is at most `limit`."""

    metric: str
    against: str
    limit: float


TARGETS = (
    Target("control", "iceoryx2", 0.25),
    Target("control", "Python seqlock", 0.6),
    Target("small", "iceoryx2", 0.25),
    Target("small_call", "iceoryx2", 0.2),
    Target("empty_poll", "iceoryx2", 0.3),
    Target("frame_in_place", "iceoryx2", 0.5),
    Target("frame_in_place_call", "iceoryx2", 0.3),
    Target("frame", "iceoryx2", 1.0),
    Target("frame", "numpy copyto", 2.3),
    Target("wake", "iceoryx2", 0.7),
    Target("wake", "C futex", 2.5),
    Target("many_small", "iceoryx2", 0.7),
    Target("many_frame", "iceoryx2", 0.8),
    Target("many_small_call", "iceoryx2", 0.6),
    Target("stream", "iceoryx2", 1 / 5),
    Target("stream", "pyzmq ipc", 1 / 1.2),
    Target("round_trip", "pyzmq ipc", 0.2),
    Target("round_trip_asleep", "pyzmq ipc", 0.8),
)

TITLES = {
    "control": "nine typed fields, written to read, polled",
    "control_full": "a full ControlMessage, polled",
    "small": "64 bytes, polled",
    "empty_poll": "a poll that finds nothing",
    "frame": "1.44 MB copied in and out, polled",
    "frame_in_place": "1.44 MB without a copy, polled",
    "wake": "64 bytes to a sleeping reader",
    "many_small": "64 bytes to many sleeping readers",
    "many_frame": "1.44 MB to many sleeping readers",
    "stream": "64 bytes pushed and pulled, at full speed, time per message",
    "round_trip": "a msgpack request and its reply, both sides polling",
    "round_trip_asleep": "a msgpack request and its reply, both sides asleep",
}


def judged_targets(medians: dict[str, dict[str, Percentiles]]) -> list[dict[str, Any]]:
    """Each target with the ratio of this run; None where one side was not measured."""
    judged = []
    for target in TARGETS:
        ours, theirs = (medians.get(row, {}).get(target.metric) for row in (LKAS, target.against))
        ratio = ours["p50_us"] / theirs["p50_us"] if ours and theirs and theirs["p50_us"] else None
        judged.append(
            {
                "metric": target.metric,
                "against": target.against,
                "ratio": ratio,
                "limit": target.limit,
                "met": None if ratio is None else ratio <= target.limit,
            }
        )
    return judged
