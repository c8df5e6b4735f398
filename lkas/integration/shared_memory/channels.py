"""The channels of the pipeline: Image, Detection, Tracks, Control, Timeline and Vehicle.

    writer = ImageChannel("camera_feed", create=True, width=800, height=600)
    writer.write(image, frame_id=1)

    reader = ImageChannel("camera_feed")        # attaches by itself when the writer appears
    message = reader.read(timeout=0.1)          # ImageMessage or None

Reading, waiting, viewing and closing are `_core.Channel`'s; here stand the messages' own `write` signatures, which the
C core parses by itself: a function with `...` for a body is a declaration.
Stamps left out are taken now: `timestamp` in monotonic seconds, as for a live camera, and `capture_ns`.
"""

import os
import time
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

from msgspec import Struct

from lkas.integration.shared_memory import _core
from lkas.integration.shared_memory.errors import SHMConnectionError
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    ControlMode,
    DepartureStatus,
    DetectionMessage,
    ImageMessage,
    LaneMessage,
    LaneModel,
    TimelineMessage,
    TimelinePoint,
    Track,
    TracksMessage,
    VehicleState,
)
from lkas.integration.shared_memory.packing import packed_call, packed_record
from lkas.integration.shared_memory.segment import segment_path

CONTROL_VALID_S = 0.2  # of world time, unless the writer says otherwise
_ATTACH_POLL_S = 0.02

MessageT = TypeVar("MessageT", bound=Struct)
ChannelT = TypeVar("ChannelT", bound=_core.Channel[Any])


class ChannelStats(Struct, frozen=True, kw_only=True):
    """How a channel is doing. All counts are of the segment's whole life, except `missed` and `restarts`."""

    attached: bool
    generation: int = 0  # counts writers
    sequence: int = 0  # of the newest message
    drops: int = 0  # messages that found no free slot
    missed: int = 0  # messages this reader did not see, because newer ones came first
    restarts: int = 0  # times this reader saw another writer take over
    writer_pid: int | None = None  # None: nobody writes


class _Channel(_core.Channel[MessageT]):
    """What the typed channels share: naming, roles and the wait for a first writer."""

    message_type: ClassVar[type[Struct]]
    default_name: ClassVar[str]
    creator: ClassVar[str]  # the program that usually writes it, for error texts

    __slots__ = ("instance", "name")

    def __init__(
        self,
        name: str | None,
        create: bool,
        *,
        slots: int,
        instance: str | None,
        directory: str | os.PathLike[str] | None,
        attach_timeout: float | None,
        spin_us: float,
        shape: tuple[int, int, int] = (0, 0, 0),
    ) -> None:
        self.name = self.default_name if name is None else name
        path = segment_path(self.name, instance, directory)
        self.instance = os.path.basename(path).split(".")[2]
        super().__init__(path, packed_record(self.message_type), create, slots, *shape, round(spin_us * 1000))
        if attach_timeout is not None and not create:
            self._wait_for_writer(attach_timeout)

    @property
    def stats(self) -> ChannelStats:
        state = self._state()
        if state is None:
            return ChannelStats(attached=False)
        generation, sequence, drops, missed, restarts, writer_pid = state
        return ChannelStats(
            attached=True,
            generation=generation,
            sequence=sequence,
            drops=drops,
            missed=missed,
            restarts=restarts,
            writer_pid=writer_pid,
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}{' closed' if self.closed else ''}>"

    def _wait_for_writer(self, timeout_s: float) -> None:
        deadline = time.monotonic() + timeout_s
        while not (self._attach() and self.stats.writer_pid is not None):
            if time.monotonic() >= deadline:
                found = "it has no living writer" if self._attach() else "it does not exist"
                self.close()
                raise SHMConnectionError(
                    f"channel {self.name!r} (instance {self.instance!r}): nobody wrote it within {timeout_s:g} s: "
                    f"{self.path}: {found}; it is created by {self.creator}: start that, with the same instance"
                )
            time.sleep(_ATTACH_POLL_S)


class ImageChannel(_Channel[ImageMessage]):
    """Camera frames, (height, width, channels) uint8 RGB. A reader takes the size from the segment, unless given."""

    message_type = ImageMessage
    default_name = "camera_feed"
    creator = "`simulation`"
    __slots__ = ()

    def __init__(
        self,
        name: str | None = None,
        create: bool = False,
        width: int | None = None,
        height: int | None = None,
        channels: int | None = None,
        slots: int = 8,
        instance: str | None = None,
        directory: str | os.PathLike[str] | None = None,
        attach_timeout: float | None = None,
        spin_us: float = 0.0,
    ) -> None:
        if create and (width is None or height is None):
            raise ValueError(
                f"channel {name or self.default_name!r}: the writer gives width and height of its images, in pixels"
            )
        super().__init__(
            name,
            create,
            slots=slots,
            instance=instance,
            directory=directory,
            attach_timeout=attach_timeout,
            spin_us=spin_us,
            shape=(height or 0, width or 0, channels or (3 if create else 0)),
        )

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(height, width, channels) of the images, or None while not attached."""
        return self._shape

    @packed_call(ImageMessage, _core.Channel._write_image)
    def write(
        self,
        image: Any,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> bool:
        """Copy an image of any strides once and publish it; False: dropped and counted, for want of a free slot."""
        ...

    def view(self, timeout: float = 0.0) -> _core.View:
        """A context manager that gives the newest unread message, its image read-only and without a copy, or None.

        The slot stays pinned until the block ends; keep no array of it longer. Two views at a time per reader.
        """
        return self._view(timeout)

    @packed_call(ImageMessage, _core.Channel._loan)
    def loan(
        self,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> _core.Loan:
        """A context manager that gives a slot's array to draw into: no copy.

        Published when the block ends, not published when it raises. SHMBufferFullError when no slot is free.
        """
        ...


class _RecordChannel(_Channel[MessageT]):
    """A channel whose message fits its record."""

    __slots__ = ()

    def __init__(
        self,
        name: str | None = None,
        create: bool = False,
        slots: int = 8,
        instance: str | None = None,
        directory: str | os.PathLike[str] | None = None,
        attach_timeout: float | None = None,
        spin_us: float = 0.0,
    ) -> None:
        super().__init__(
            name,
            create,
            slots=slots,
            instance=instance,
            directory=directory,
            attach_timeout=attach_timeout,
            spin_us=spin_us,
        )


class DetectionChannel(_RecordChannel[DetectionMessage]):
    """What the detector saw."""

    message_type = DetectionMessage
    default_name = "lane_detection"
    creator = "`lkas` (its detection server)"
    __slots__ = ()

    @packed_call(DetectionMessage, _core.Channel._write_values)
    def write(
        self,
        left_lane: LaneMessage | None = None,
        right_lane: LaneMessage | None = None,
        *,
        processing_time_ms: float = 0.0,
        lane_model: LaneModel | None = None,
        frame_publish_ns: int = 0,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> bool:
        """Publish; False: dropped and counted, for want of a free slot."""
        ...


class TracksChannel(_RecordChannel[TracksMessage]):
    """The lines a perception follows over time, at most 8."""

    message_type = TracksMessage
    default_name = "lane_tracks"
    creator = "a perception that tracks lines"
    __slots__ = ()

    @packed_call(TracksMessage, _core.Channel._write_values)
    def write(
        self,
        tracks: Sequence[Track] = (),
        *,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> bool:
        """Publish; False: dropped and counted, for want of a free slot."""
        ...


class ControlChannel(_RecordChannel[ControlMessage]):
    """Commands to the car."""

    message_type = ControlMessage
    default_name = "vehicle_control"
    creator = "`lkas` (its decision server)"
    __slots__ = ()

    @packed_call(ControlMessage, _core.Channel._write_values, valid_s=CONTROL_VALID_S)
    def write(
        self,
        *,
        steering: float,
        throttle: float,
        brake: float,
        mode: ControlMode = ControlMode.MANUAL,
        lateral_offset: float | None = None,
        lateral_offset_meters: float | None = None,
        heading_angle: float | None = None,
        lane_width_pixels: float | None = None,
        departure_status: DepartureStatus | None = None,
        curvature: float | None = None,
        ttlc_left_s: float | None = None,
        ttlc_right_s: float | None = None,
        limiter: int = 0,
        state_reason: str = "",
        valid_until: float | None = None,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> bool:
        """Publish; False: dropped and counted, for want of a free slot.

        `valid_until` is world time in seconds, by default `timestamp` + 0.2.
        """
        ...

    def write_message(self, message: ControlMessage) -> bool:
        """Publish a whole message, its `valid_until` as it stands."""
        return self._write_message(message)


class TimelineChannel(_RecordChannel[TimelineMessage]):
    """The next seconds as expected: at most 31 points."""

    message_type = TimelineMessage
    default_name = "lane_timeline"
    creator = "a decision or perception that predicts"
    __slots__ = ()

    @packed_call(TimelineMessage, _core.Channel._write_values)
    def write(
        self,
        points: Sequence[TimelinePoint] = (),
        *,
        ttlc_left_s: float | None = None,
        ttlc_right_s: float | None = None,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> bool:
        """Publish; False: dropped and counted, for want of a free slot."""
        ...


class VehicleChannel(_RecordChannel[VehicleState]):
    """The car's state as the world reports it."""

    message_type = VehicleState
    default_name = "vehicle_state"
    creator = "`simulation`"
    __slots__ = ()

    def write(self, state: VehicleState) -> bool:
        """Publish; False: dropped and counted, for want of a free slot."""
        return self._write_message(state)


def wait_any(channels: Sequence[ChannelT], timeout: float) -> list[ChannelT]:
    """Sleep until one of the readers has something new, at most `timeout` seconds: those that have."""
    return _core.wait_any(channels, timeout)
