# Written from channels.py and messages.py by `make defaults`; do not edit.

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

class ImageChannel(Channel[ImageMessage]):
    """Camera frames, (height, width, channels) uint8 RGB. A reader takes the size from the segment, unless given."""

    message_type = ImageMessage
    default_name = "camera_feed"
    creator = "`simulation`"
    def __init__(
        self,
        name: str | None = None,
        create: bool = False,
        width: int | None = None,
        height: int | None = None,
        channels: int | None = None,
        **options: Unpack[ChannelOptions],
    ) -> None: ...
    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(height, width, channels) of the images, or None while not attached."""
    def write(
        self,
        image: Any,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> bool:
        """Copy an image of any strides once and publish it; False: no slot was free, it is dropped and counted.

        Costs one copy of the pixels. SHMSerializationError, a ValueError, for another shape or type, with both.
        """
    view = _core.Channel._view
    def loan(
        self,
        frame_id: int = 0,
        timestamp: float | None = None,
        capture_ns: int | None = None,
        session: int = 0,
    ) -> _core.Loan:
        """Return a context manager that gives a slot's array to draw into: no copy.

        The image is published when the block ends, and not when it raises. SHMBufferFullError when no slot is free,
        SHMError while another loan is open. Costs about a microsecond besides the drawing.
        """

class DetectionChannel(Channel[DetectionMessage]):
    """What the detector found in each frame."""

    message_type = DetectionMessage
    default_name = "lane_detection"
    creator = "`lkas` (its detection server)"
    write_message = _core.Channel._write_message
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

        False: no slot was free, the message is dropped and counted. SHMSerializationError names a bad field. Costs one
        or two microseconds with a lane model.
        """

class TracksChannel(Channel[TracksMessage]):
    """The lines that a perception follows over time, at most 8."""

    message_type = TracksMessage
    default_name = "lane_tracks"
    creator = "a perception that tracks lines"
    write_message = _core.Channel._write_message
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

        False: no slot was free, the message is dropped and counted. SHMSerializationError names a bad field, or more
        than 8 lines. Costs some microseconds.
        """

class ControlChannel(Channel[ControlMessage]):
    """Commands to the vehicle."""

    message_type = ControlMessage
    default_name = "vehicle_control"
    creator = "`lkas` (its decision server)"
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
        """Publish a command; units and signs as in ControlMessage (steering, offset, heading: right is positive).

        `valid_until` is world time in seconds, by default `timestamp` + 0.2. False: no slot was free, the message is
        dropped and counted. SHMSerializationError names a bad field. Costs a fraction of a microsecond.
        """
    write_message = _core.Channel._write_message

class TimelineChannel(Channel[TimelineMessage]):
    """The predicted motion over the next seconds: at most 31 points."""

    message_type = TimelineMessage
    default_name = "lane_timeline"
    creator = "a decision or perception that predicts"
    write_message = _core.Channel._write_message
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
        """Publish the points of one prediction; units and signs as in TimelinePoint.

        False: no slot was free, the message is dropped and counted. SHMSerializationError names a bad field, or more
        than 31 points. Costs some microseconds.
        """

class VehicleChannel(Channel[VehicleState]):
    """The vehicle's state as the world reports it."""

    message_type = VehicleState
    default_name = "vehicle_state"
    creator = "`simulation`"
    write = _core.Channel._write_message
