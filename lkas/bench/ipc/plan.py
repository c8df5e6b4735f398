"""The tests of `lkas bench ipc`, and the order of its measurements."""

from msgspec import Struct

from lkas.bench.ipc.floor import Floor
from lkas.bench.ipc.iceoryx2 import Iceoryx2, Iceoryx2Stream
from lkas.bench.ipc.ours import Channels, Sockets
from lkas.bench.ipc.python import Pipe, PipeStream, Seqlock
from lkas.bench.ipc.pyzmq import Zmq, ZmqSockets
from lkas.bench.ipc.row import Row

ROWS: tuple[type[Row], ...] = (
    Channels, Iceoryx2, Seqlock, Pipe, Zmq, Sockets, Iceoryx2Stream, PipeStream, ZmqSockets,
)  # fmt: skip
COPY_NAME = "numpy copyto"  # the lower bound of every copied frame


class Test(Struct, frozen=True, kw_only=True):
    """One measurement of one row."""

    metric: str  # one-way times; the duration of the sender's call is `<metric>_call`
    kind: str
    count: int  # messages per segment
    segments: int = (
        1  # new ones in each round: depending on its place in memory a large copy takes one or four times as long
    )
    sleeps: bool = False
    readers: int = 1


def tests(scale: float, readers: int) -> list[Test]:
    """Return the tests; `scale` multiplies the messages of each."""

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


def plan(scale: float, readers: int, rows: list[type[Row]], floor: Floor) -> list[tuple[Test | None, type[Row] | str]]:
    """Return the steps of a round: (test, row). Test None: polls that find nothing; a name as row: a lower bound."""
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
