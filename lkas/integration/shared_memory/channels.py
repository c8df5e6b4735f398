"""The channels of the pipeline: Image, Detection, Tracks, Control, Timeline and Vehicle.

    writer = ImageChannel("camera_feed", create=True, width=800, height=600)
    writer.write(image, frame_id=1)

    reader = ImageChannel("camera_feed")        # attaches by itself when the writer appears
    message = reader.read(timeout=0.1)          # ImageMessage or None

channel.py has what all of them share: options, reading, waiting, closing. The parameters of `write` are the fields of
the channel's message (message_call.py). `timestamp` is world time in seconds; a `timestamp` or `capture_ns` left out is
monotonic time at the call, as for a live camera.

channels.pyi, written from this file and the messages by `make defaults`, is what type checkers and editors read.
"""

from typing import Unpack

from lkas.integration.shared_memory import _core
from lkas.integration.shared_memory.channel import Channel, ChannelOptions
from lkas.integration.shared_memory.message_call import STAMPS, message_call
from lkas.integration.shared_memory.messages import (
    ControlMessage,
    DetectionMessage,
    ImageMessage,
    TimelineMessage,
    TracksMessage,
    VehicleState,
)
from lkas.integration.shared_memory.stamps import CONTROL_VALID_S


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
                f"channel {name or self.default_name!r}: the writer needs width and height of its images, in pixels"
            )
        shape = (height or 0, width or 0, channels or (3 if create else 0))
        super().__init__(name, create, shape=shape, **options)

    @property
    def shape(self) -> tuple[int, int, int] | None:
        """(height, width, channels) of the images, or None while not attached."""
        return self._shape

    write = message_call(
        "write",
        ImageMessage,
        _core.Channel._write_image,
        positional=("image", *STAMPS),
        doc="""Copy an image of any strides once and publish it; False: no slot was free, it is dropped and counted.

        Costs one copy of the pixels. SHMSerializationError, a ValueError, for another shape or type, with both.
        """,
    )

    view = _core.Channel._view

    loan = message_call(
        "loan",
        ImageMessage,
        _core.Channel._loan,
        positional=STAMPS,
        returns=_core.Loan,
        doc="""Return a context manager that gives a slot's array to draw into: no copy.

        The image is published when the block ends, and not when it raises. SHMBufferFullError when no slot is free,
        SHMError while another loan is open. Costs about a microsecond besides the drawing.
        """,
    )


class DetectionChannel(Channel[DetectionMessage]):
    """What the detector found in each frame."""

    message_type = DetectionMessage
    default_name = "lane_detection"
    creator = "`lkas` (its detection server)"
    write_message = _core.Channel._write_message  # a whole message
    __slots__ = ()

    write = message_call(
        "write",
        DetectionMessage,
        _core.Channel._write_values,
        positional=("left_lane", "right_lane"),
        doc="""Publish the lines of one frame; units and signs as in DetectionMessage.

        False: no slot was free, the message is dropped and counted. SHMSerializationError names a bad field. Costs one
        or two microseconds with a lane model.
        """,
    )


class TracksChannel(Channel[TracksMessage]):
    """The lines that a perception follows over time, at most 8."""

    message_type = TracksMessage
    default_name = "lane_tracks"
    creator = "a perception that tracks lines"
    write_message = _core.Channel._write_message  # a whole message
    __slots__ = ()

    write = message_call(
        "write",
        TracksMessage,
        _core.Channel._write_values,
        positional=("tracks",),
        doc="""Publish all lines of one frame; units and signs as in Track.

        False: no slot was free, the message is dropped and counted. SHMSerializationError names a bad field, or more
        than 8 lines. Costs some microseconds.
        """,
    )


class ControlChannel(Channel[ControlMessage]):
    """Commands to the vehicle."""

    message_type = ControlMessage
    default_name = "vehicle_control"
    creator = "`lkas` (its decision server)"
    __slots__ = ()

    write = message_call(
        "write",
        ControlMessage,
        _core.Channel._write_values,
        valid_s=CONTROL_VALID_S,
        doc="""Publish a command; units and signs as in ControlMessage (steering, offset, heading: right is positive).

        `valid_until` is world time in seconds, by default `timestamp` + 0.2. False: no slot was free, the message is
        dropped and counted. SHMSerializationError names a bad field. Costs a fraction of a microsecond.
        """,
    )

    write_message = _core.Channel._write_message  # with `valid_until` as it is


class TimelineChannel(Channel[TimelineMessage]):
    """The predicted motion over the next seconds: at most 31 points."""

    message_type = TimelineMessage
    default_name = "lane_timeline"
    creator = "a decision or perception that predicts"
    write_message = _core.Channel._write_message  # a whole message
    __slots__ = ()

    write = message_call(
        "write",
        TimelineMessage,
        _core.Channel._write_values,
        positional=("points",),
        doc="""Publish the points of one prediction; units and signs as in TimelinePoint.

        False: no slot was free, the message is dropped and counted. SHMSerializationError names a bad field, or more
        than 31 points. Costs some microseconds.
        """,
    )


class VehicleChannel(Channel[VehicleState]):
    """The vehicle's state as the world reports it."""

    message_type = VehicleState
    default_name = "vehicle_state"
    creator = "`simulation`"
    __slots__ = ()

    write = _core.Channel._write_message
