"""Messages in one process: reading, defaults, refused values, nested and custom messages."""

import math
import os
import sys
import time
from typing import Annotated

import numpy as np
import pytest
from msgspec import Meta, Struct

from lkas.integration.shared_memory import (
    ControlChannel,
    DetectionChannel,
    MessageChannel,
    SHMSchemaError,
    SHMSerializationError,
    TimelineChannel,
    TracksChannel,
    VehicleChannel,
)
from lkas.integration.shared_memory.messages import (
    ControlMode,
    DepartureStatus,
    LaneMessage,
    LineType,
    Message,
    Pose,
    TimelinePoint,
    Track,
    TrackState,
    VehicleState,
)

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}


def test_reader_gets_the_newest_message_once(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    assert reader.read() is None
    for frame_id in (1, 2, 3):
        assert writer.write(**NEUTRAL, frame_id=frame_id)
    message = reader.read()
    assert (message.frame_id, message.sequence) == (3, 3)
    assert reader.read() is None
    assert reader.stats.missed == 0  # nothing was read before, so no message was missed
    writer.write(**NEUTRAL)
    writer.write(**NEUTRAL)
    assert reader.read().sequence == 5
    assert reader.stats.missed == 1


def test_latest_works_for_late_readers_and_does_not_count_as_reading(opened):
    writer = opened(ControlChannel, create=True)
    writer.write(**NEUTRAL, frame_id=7)
    reader = opened(ControlChannel)
    assert reader.latest().frame_id == 7
    assert reader.read().frame_id == 7
    assert reader.latest().frame_id == 7
    assert reader.read() is None


def test_unattached_reader_reads_nothing(opened):
    reader = opened(VehicleChannel)
    assert reader.read() is None
    assert reader.latest() is None
    assert not reader.stats.attached


def test_control_defaults(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    before_ns = time.monotonic_ns()
    writer.write(steering=1, throttle=0, brake=True, timestamp=5, mode="hold")
    message = reader.read()
    assert message.valid_until == pytest.approx(5.2)
    assert (message.steering, type(message.steering)) == (1.0, float)
    assert message.brake == 1.0
    assert message.mode is ControlMode.HOLD
    assert message.lateral_offset is None
    assert message.departure_status is None
    assert before_ns <= message.capture_ns <= message.publish_ns <= time.monotonic_ns()
    writer.write(**NEUTRAL, valid_until=9.0, departure_status=DepartureStatus.DRIFT)
    message = reader.read()
    assert message.valid_until == 9.0
    assert message.departure_status is DepartureStatus.DRIFT


def test_values_that_are_not_finite_are_accepted(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    writer.write(steering=math.nan, throttle=math.inf, brake=-math.inf)
    message = reader.read()
    assert math.isnan(message.steering)
    assert (message.throttle, message.brake) == (math.inf, -math.inf)


@pytest.mark.parametrize("text", ["", "ä" * 48, "x" + "ä" * 60, "😀" * 30, "nul\0inside"])
def test_text_is_cut_at_a_character(opened, text):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    writer.write(**NEUTRAL, state_reason=text)
    assert reader.read().state_reason == text.encode()[:96].decode(errors="ignore")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"steering": "left"}, "ControlMessage.steering: expected a number, found 'left' (str)"),
        ({"steering": None}, "ControlMessage.steering: expected a number, found None"),
        ({"frame_id": 2**63}, "ControlMessage.frame_id: expected a whole number of at most 64 bits"),
        ({"frame_id": 1.5}, "ControlMessage.frame_id"),
        ({"mode": "sideways"}, "ControlMessage.mode: expected a member of its enum"),
        ({"state_reason": "\ud800"}, "ControlMessage.state_reason: expected a text"),
    ],
)
def test_values_that_do_not_fit_a_record_are_refused_by_name(opened, fields, words):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    with pytest.raises(SHMSerializationError) as caught:
        writer.write(**{**NEUTRAL, **fields})
    assert words in str(caught.value)
    assert reader.read() is None


def test_wrong_structs_are_refused(opened):
    detections, vehicle = opened(DetectionChannel, create=True), opened(VehicleChannel, create=True)
    with pytest.raises(SHMSerializationError, match=r"DetectionMessage\.left_lane: expected LaneMessage"):
        detections.write((1, 2, 3, 4))
    with pytest.raises(SHMSerializationError, match="carries VehicleState, not LaneMessage"):
        vehicle.write(LaneMessage(1, 2, 3, 4))


def test_nested_messages(opened):
    writer, reader = opened(DetectionChannel, create=True), opened(DetectionChannel)
    lane = LaneMessage(x1=200, y1=600, x2=350, y2=360, confidence=0.95)
    writer.write(lane, None, frame_id=4, processing_time_ms=8.5, frame_publish_ns=99)
    message = reader.read()
    assert message.left_lane == lane
    assert message.right_lane is None
    assert (message.processing_time_ms, message.frame_publish_ns) == (8.5, 99)


def track(identity: int) -> Track:
    return Track(
        id=identity,
        type=LineType.DASHED,
        age=3,
        state=TrackState.CONFIRMED,
        c0=1.8,
        c1=0.01,
        c2=-0.002,
        c3=1e-5,
        covariance=tuple(0.1 * i for i in range(16)),
        confidence=0.9,
    )


def test_tracks(opened):
    writer, reader = opened(TracksChannel, create=True), opened(TracksChannel)
    tracks = tuple(track(identity) for identity in range(8))
    assert writer.write(tracks, frame_id=4, timestamp=1.5, capture_ns=6, session=7)
    message = reader.read()
    assert message.tracks == tracks
    assert (message.frame_id, message.timestamp, message.capture_ns, message.session) == (4, 1.5, 6, 7)
    assert writer.write(list(tracks[:1]))
    assert reader.read().tracks == tracks[:1]
    with pytest.raises(SHMSerializationError, match="at most 8 elements, found 9"):
        writer.write((*tracks, track(8)))
    assert os.path.basename(writer.path).endswith(".lane_tracks")


def test_timeline(opened):
    writer, reader = opened(TimelineChannel, create=True), opened(TimelineChannel)
    points = tuple(
        TimelinePoint(t_s=0.1 * i, offset_m=0.2, heading_rad=-0.01, margin_left_m=0.7, margin_right_m=0.5)
        for i in range(31)
    )
    assert writer.write(points, ttlc_left_s=2.5, frame_id=4, timestamp=1.5)
    message = reader.read()
    assert message.points == points
    assert (message.ttlc_left_s, message.ttlc_right_s, message.frame_id, message.timestamp) == (2.5, None, 4, 1.5)
    with pytest.raises(SHMSerializationError, match="at most 31 elements, found 32"):
        writer.write((*points, points[0]))
    assert os.path.basename(writer.path).endswith(".lane_timeline")


def test_reading_leaks_no_objects(opened):
    writer, reader = opened(VehicleChannel, create=True), opened(VehicleChannel)
    state = VehicleState(speed_mps=1.0, pose=Pose(x_m=1.0, y_m=2.0, z_m=3.0, yaw_rad=4.0))
    counts = []
    for _ in range(2):
        for _ in range(200):
            writer.write(state)
            reader.read()
        counts.append((sys.getrefcount(VehicleState), sys.getrefcount(Pose), sys.getrefcount(None)))
    assert max(abs(a - b) for a, b in zip(*counts, strict=True)) < 50


class Wheels(Message, frozen=True, kw_only=True):
    """A custom message, with the kinds of fields that the pipeline's messages do not have."""

    speeds_mps: Annotated[tuple[float, ...], Meta(max_length=4)] = ()
    raw: Annotated[bytes, Meta(extra={"bytes": 5})] | None = None


class Plain(Struct, frozen=True):
    """No stamps, and no multiple of 8 bytes."""

    raw: Annotated[bytes, Meta(extra={"bytes": 3})]


@pytest.mark.parametrize(
    "raw", [None, b"", b"\0ab\0", bytearray(b"12345"), memoryview(b"abc"), np.arange(2, dtype="u1")]
)
def test_a_custom_message(opened, raw):
    writer, reader = opened(MessageChannel, Wheels, "wheels", create=True), opened(MessageChannel, Wheels, "wheels")
    assert writer.write(Wheels(speeds_mps=(8.1, 8.0), raw=raw, frame_id=4))
    message = reader.read()
    assert (message.speeds_mps, message.frame_id, message.sequence) == ((8.1, 8.0), 4, 1)
    assert message.raw == (None if raw is None else bytes(raw))


def test_a_struct_without_stamps_is_a_message(opened):
    writer, reader = opened(MessageChannel, Plain, "plain", create=True), opened(MessageChannel, Plain, "plain")
    assert writer.write(Plain(b"ab"))
    assert reader.read() == Plain(b"ab")
    with pytest.raises(SHMSerializationError, match=r"Plain\.raw: expected at most 3 bytes, found 4"):
        writer.write(Plain(b"abcd"))
    with pytest.raises(SHMSerializationError, match=r"Plain\.raw: expected bytes, found 'ab' \(str\)"):
        writer.write(Plain("ab"))
    with pytest.raises(SHMSerializationError, match="carries Plain, not Wheels"):
        writer.write(Wheels())
    with pytest.raises(SHMSchemaError, match=r"holds Plain .* this program reads Wheels"):
        opened(MessageChannel, Wheels, "plain").read()
