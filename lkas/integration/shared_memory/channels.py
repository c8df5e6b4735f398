"""The channels of the pipeline: Image, Detection, Tracks, Control, Timeline and Vehicle.

    writer = ImageChannel("camera_feed", create=True, width=800, height=600)
    writer.write(image, frame_id=1)

    reader = ImageChannel("camera_feed")        # attaches by itself when the writer appears
    message = reader.read(timeout=0.1)          # ImageMessage or None

Options, reading, waiting and closing are the same for all (`channel.py`); here stand the messages' own `write`
signatures, which the C core parses by itself: a function with `...` for a body is a declaration.
Stamps left out are taken now: `timestamp` in monotonic seconds, as for a live camera, and `capture_ns`.
"""

from collections.abc import Sequence
from typing import Any, Unpack

from lkas.integration.shared_memory import _core
from lkas.integration.shared_memory.channel import Channel, ChannelOptions
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    ControlMode,
    DepartureStatus,
    DetectionMessage,
    ImageMessage,
    LaneMessage,
    LaneModel,
    SteeringTerms,
    TimelineMessage,
    TimelinePoint,
    Track,
    TracksMessage,
    VehicleState,
)
from lkas.integration.shared_memory.packing import packed_call

CONTROL_VALID_S = 0.2  # of world time, unless the writer says otherwise


class ImageChannel(Channel[ImageMessage]):
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
        **options: Unpack[ChannelOptions],
    ) -> None:
        if create and (width is None or height is None):
            raise ValueError(
                f"channel {name or self.default_name!r}: the writer gives width and height of its images, in pixels"
            )
        shape = (height or 0, width or 0, channels or (3 if create else 0))
        super().__init__(name, create, shape=shape, **options)

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
        """Copy an image of any strides once and publish it; False: dropped and counted, for want of a free slot.

        Costs one copy of the pixels. SHMSerializationError, a ValueError, for another shape or type, with both.
        """
        ...

    view = _core.Channel._view

    @packed_call(ImageMessage, _core.Channel._loan)
    def loan(
        self,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> _core.Loan:
        """A context manager that gives a slot's array to draw into: no copy.

        Published when the block ends, not published when it raises. SHMBufferFullError when no slot is free, SHMError
        while another loan is open. Costs about a microsecond besides the drawing.
        """
        ...


class DetectionChannel(Channel[DetectionMessage]):
    """What the detector saw."""

    message_type = DetectionMessage
    default_name = "lane_detection"
    creator = "`lkas` (its detection server)"
    write_message = _core.Channel._write_message  # a whole message
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
        """Publish the lines of one frame; units and signs as in DetectionMessage.

        False: dropped and counted, for want of a free slot. SHMSerializationError names a bad field. Costs one or two
        microseconds with a lane model.
        """
        ...


class TracksChannel(Channel[TracksMessage]):
    """The lines a perception follows over time, at most 8."""

    message_type = TracksMessage
    default_name = "lane_tracks"
    creator = "a perception that tracks lines"
    write_message = _core.Channel._write_message  # a whole message
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
        """Publish all lines of one frame; units and signs as in Track.

        False: dropped and counted, for want of a free slot. SHMSerializationError names a bad field, or more than 8
        lines. Costs some microseconds.
        """
        ...


class ControlChannel(Channel[ControlMessage]):
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
        terms: SteeringTerms | None = None,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> bool:
        """Publish a command; units and signs as in ControlMessage: steering, offsets and heading positive to the right.

        `valid_until` is world time in seconds, by default `timestamp` + 0.2. False: dropped and counted, for want of a
        free slot. SHMSerializationError names a bad field. Costs a fraction of a microsecond.
        """
        ...

    write_message = _core.Channel._write_message  # `valid_until` as it stands


class TimelineChannel(Channel[TimelineMessage]):
    """The next seconds as expected: at most 31 points."""

    message_type = TimelineMessage
    default_name = "lane_timeline"
    creator = "a decision or perception that predicts"
    write_message = _core.Channel._write_message  # a whole message
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
        """Publish the points of one prediction; units and signs as in TimelinePoint, times to a crossing in seconds.

        False: dropped and counted, for want of a free slot. SHMSerializationError names a bad field, or more than 31
        points. Costs some microseconds.
        """
        ...


class VehicleChannel(Channel[VehicleState]):
    """The car's state as the world reports it."""

    message_type = VehicleState
    default_name = "vehicle_state"
    creator = "`simulation`"
    __slots__ = ()

    write = _core.Channel._write_message
