"""One process: what the channels promise to whoever writes and reads them."""

import math
import os
import sys
import time
import weakref
from typing import Annotated

import numpy as np
import pytest
from msgspec import Meta, Struct

from lkas.integration.shared_memory import (
    ControlChannel,
    DetectionChannel,
    ImageChannel,
    MessageChannel,
    SHMBufferFullError,
    SHMConnectionError,
    SHMError,
    SHMSchemaError,
    SHMSerializationError,
    SHMWriterExistsError,
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


def picture(height: int = 20, width: int = 30, channels: int = 3) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, channels), dtype=np.uint8)


@pytest.fixture
def camera(opened):
    return opened(ImageChannel, create=True, width=30, height=20, slots=4), opened(ImageChannel)


def test_reader_gets_the_newest_message_once(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    assert reader.read() is None
    for frame_id in (1, 2, 3):
        assert writer.write(**NEUTRAL, frame_id=frame_id)
    message = reader.read()
    assert (message.frame_id, message.sequence) == (3, 3)
    assert reader.read() is None
    assert reader.stats.missed == 0  # nothing was read before, so nothing was missed
    writer.write(**NEUTRAL)
    writer.write(**NEUTRAL)
    assert reader.read().sequence == 5
    assert reader.stats.missed == 1


def test_latest_is_there_for_who_came_later_and_does_not_count_as_reading(opened):
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


def test_figures_that_are_not_finite_pass(opened):
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
def test_what_a_record_can_not_hold_is_refused_by_name(opened, fields, words):
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
    """A message of one's own, with every kind of field that those of the pipeline leave out."""

    speeds_mps: Annotated[tuple[float, ...], Meta(max_length=4)] = ()
    raw: Annotated[bytes, Meta(extra={"bytes": 5})] | None = None


class Plain(Struct, frozen=True):
    """No stamps, and no multiple of 8 bytes."""

    raw: Annotated[bytes, Meta(extra={"bytes": 3})]


@pytest.mark.parametrize(
    "raw", [None, b"", b"\0ab\0", bytearray(b"12345"), memoryview(b"abc"), np.arange(2, dtype="u1")]
)
def test_a_message_of_ones_own(opened, raw):
    writer, reader = opened(MessageChannel, Wheels, "wheels", create=True), opened(MessageChannel, Wheels, "wheels")
    assert writer.write(Wheels(speeds_mps=(8.1, 8.0), raw=raw, frame_id=4))
    message = reader.read()
    assert (message.speeds_mps, message.frame_id, message.sequence) == ((8.1, 8.0), 4, 1)
    assert message.raw == (None if raw is None else bytes(raw))


def test_a_struct_without_stamps_is_a_message_too(opened):
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


# ---------------------------------------------------------------- images


def test_image_is_the_readers_own_copy(camera):
    writer, reader = camera
    image = picture()
    assert writer.write(image, frame_id=1, timestamp=2.5, capture_ns=3, session=4)
    message = reader.read()
    assert np.array_equal(message.image, image)
    assert (message.frame_id, message.timestamp, message.capture_ns, message.session) == (1, 2.5, 3, 4)
    message.image[:] = 0
    assert np.array_equal(reader.latest().image, image)


def test_a_copy_is_used_again_only_when_nobody_knows_it_any_more(camera):
    writer, reader = camera
    known = []
    keep = [
        lambda image: image,
        lambda image: image[3:, ::2],
        lambda image: memoryview(image),
        lambda image: (weakref.ref(image), image.copy())[1],
    ]
    for number in range(40):
        writer.write(np.full((20, 30, 3), number, np.uint8))
        image = reader.read().image
        assert image.flags.writeable
        assert (image == number).all()
        if number % 3 == 0:
            known.append((number, keep[number % len(keep)](image)))
        elif number % 7 == 0:
            image.shape = (30, 20, 3)  # in place: not what the next reader expects
        elif number % 5 == 0:
            image.flags.writeable = False
        del image
    for number, kept in known:
        assert (np.asarray(kept) == number).all()


def test_a_reader_that_lets_go_of_its_frames_gets_the_same_memory_again(camera):
    writer, reader = camera
    addresses = set()
    for number in range(20):
        writer.write(np.full((20, 30, 3), number, np.uint8))
        message = reader.read()  # while the one before is still in hand, as in any loop
        addresses.add(message.image.ctypes.data)
    assert len(addresses) == 2
    watched = weakref.ref(message.image)
    del message
    writer.write(picture())
    assert reader.read().image is not watched()


@pytest.mark.parametrize(
    "strided",
    [
        lambda: picture()[:, :, ::-1],
        lambda: picture()[::-1],
        lambda: picture()[:, ::-1],
        lambda: picture(40, 60)[::2, ::2],
        lambda: picture(40, 30)[::2],
        lambda: picture(20, 30, 4)[:, :, :3],
        lambda: picture(20, 30, 4)[:, :, 2::-1],
        lambda: np.asfortranarray(picture()),
        lambda: np.broadcast_to(np.uint8(7), (20, 30, 3)),
    ],
)
def test_strided_images_arrive_whole(camera, strided):
    writer, reader = camera
    writer.write(strided())
    assert np.array_equal(reader.read().image, strided())


@pytest.mark.parametrize(
    "shape", [(256, 1024, 1), (257, 341, 3), (255, 342, 3)], ids=["even", "odd height", "odd width"]
)
@pytest.mark.parametrize("skipped", [0, 1], ids=["aligned", "odd address"])
def test_images_of_odd_sizes_and_addresses_arrive_whole(opened, shape, skipped):
    size = math.prod(shape)
    memory = np.random.default_rng(7).integers(0, 256, size + skipped, np.uint8)
    image = memory[skipped:].reshape(shape)
    writer = opened(ImageChannel, "camera", create=True, height=shape[0], width=shape[1], channels=shape[2])
    reader = opened(ImageChannel, "camera")
    assert writer.write(image)
    np.testing.assert_array_equal(reader.read().image, image)


@pytest.mark.parametrize("channels", [1, 2, 4])
def test_other_numbers_of_channels(opened, channels):
    writer = opened(ImageChannel, create=True, width=30, height=20, channels=channels)
    reader = opened(ImageChannel)
    image = picture(20, 30, channels)[:, ::-1]
    writer.write(image)
    assert np.array_equal(reader.read().image, image)
    assert reader.shape == (20, 30, channels)


@pytest.mark.parametrize(
    "wrong", [picture(20, 31), picture().astype(np.float32), picture()[:, :, 0], picture().view(np.int8), "text", None]
)
def test_wrong_image_is_a_value_error_that_names_both_shapes(camera, wrong):
    writer, reader = camera
    with pytest.raises(ValueError, match=r"\(20, 30, 3\)"):
        writer.write(wrong)
    assert reader.read() is None
    assert writer.write(picture())


def test_loan_is_published_on_leaving_and_read_only_afterwards(camera):
    writer, reader = camera
    with writer.loan(frame_id=3, timestamp=1.5) as image:
        image[:] = 9
        assert reader.read() is None
    message = reader.read()
    assert (message.frame_id, message.timestamp) == (3, 1.5)
    assert (message.image == 9).all()
    with pytest.raises(ValueError, match="read-only"):
        image[:] = 1


def test_loan_that_raises_publishes_nothing(camera):
    writer, reader = camera
    writer.write(picture(), frame_id=1)
    with pytest.raises(ZeroDivisionError), writer.loan(frame_id=2):
        raise ZeroDivisionError
    assert reader.read().frame_id == 1
    assert writer.write(picture(), frame_id=3)
    assert reader.read().frame_id == 3


def test_one_loan_at_a_time(camera):
    writer, _ = camera
    with writer.loan():
        with pytest.raises(SHMError, match="on loan"):
            writer.write(picture())
        with pytest.raises(SHMError, match="on loan"):
            writer.loan().__enter__()


def test_view_is_pinned_read_only_and_without_a_copy(camera):
    writer, reader = camera
    writer.write(np.full((20, 30, 3), 1, np.uint8), frame_id=1)
    with reader.view() as message:
        for value in range(2, 20):
            writer.write(np.full((20, 30, 3), value, np.uint8))
        assert (message.image == 1).all()
        assert message.frame_id == 1
        with pytest.raises(ValueError, match="read-only"):
            message.image[:] = 0
        with pytest.raises(ValueError, match=r"(?i)writeable"):
            message.image.flags.writeable = True
    with reader.view() as message:
        assert (message.image == 19).all()
    with reader.view() as message:
        assert message is None


def test_third_view_of_a_reader_names_the_limit(camera):
    writer, reader = camera
    writer.write(picture())
    with reader.view():
        writer.write(picture())
        with reader.view():
            writer.write(picture())
            with pytest.raises(SHMError, match="already holds 2 views"):
                reader.view().__enter__()
    with reader.view() as message:
        assert message.sequence == 3


def test_without_a_free_slot_messages_are_dropped_and_counted(opened):
    writer = opened(ImageChannel, create=True, width=30, height=20, slots=3)
    reader = opened(ImageChannel)
    writer.write(picture(), frame_id=1)
    with reader.view():
        writer.write(picture(), frame_id=2)
        with reader.view():
            assert writer.write(picture(), frame_id=3)
            assert not writer.write(picture(), frame_id=4)
            with pytest.raises(SHMBufferFullError, match="none of the 3 slots is free"):
                writer.loan().__enter__()
            assert writer.stats.drops == 2
    assert reader.read().frame_id == 3
    assert writer.write(picture(), frame_id=5)
    assert reader.read().sequence == 4


def test_arrays_outlive_their_channels(camera):
    writer, reader = camera
    image = picture()
    writer.write(image)
    with reader.view() as message:
        kept = message.image[5:]
        reader.close()
        writer.close()
        assert np.array_equal(kept, image[5:])
    del message
    assert np.array_equal(kept, image[5:])


def test_frames_above_the_size_that_frees_the_gil(opened):
    writer = opened(ImageChannel, create=True, width=1600, height=1000, slots=2)
    reader = opened(ImageChannel)
    image = picture(1000, 1600)
    assert writer.write(image)
    assert np.array_equal(reader.read().image, image)


# ---------------------------------------------------------------- opening and closing


def test_second_writer_is_told_who_writes(opened):
    import os

    writer = opened(ControlChannel, create=True)
    with pytest.raises(SHMWriterExistsError, match=f"process {os.getpid()} already writes") as caught:
        ControlChannel(create=True)
    assert caught.value.pid == os.getpid()
    writer.close()
    assert opened(ControlChannel, create=True).stats.generation == 2


def test_reading_another_message_names_both_schemas(opened):
    opened(ControlChannel, name="shared", create=True)
    reader = opened(DetectionChannel, name="shared")
    for _ in range(2):  # a wrong state stays an error, it does not turn into silence
        with pytest.raises(SHMSchemaError, match=r"holds ControlMessage .* this program reads DetectionMessage"):
            reader.read()


def test_reader_that_expects_another_size_is_told_both(opened):
    opened(ImageChannel, create=True, width=30, height=20)
    with pytest.raises(SHMSchemaError, match=r"20 x 30 x 3 .* expects 20 x 31 x 0"):
        opened(ImageChannel, width=31, height=20).read()


def test_attach_timeout_says_who_should_create_the_channel(instance):
    with pytest.raises(
        SHMConnectionError, match=r"camera_feed.*does not exist; it is created by `simulation`"
    ) as caught:
        ImageChannel(attach_timeout=0.05)
    assert isinstance(caught.value, ConnectionError)


def test_attach_timeout_wants_a_living_writer(opened):
    opened(ControlChannel, create=True).close()
    with pytest.raises(SHMConnectionError, match="no living writer"):
        ControlChannel(attach_timeout=0.05)


def test_closed_channels_say_so(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    writer.close()
    reader.close()
    reader.close()
    assert reader.closed
    for call in (reader.read, reader.latest, lambda: writer.write(**NEUTRAL)):
        with pytest.raises(SHMError, match="is closed"):
            call()


def test_each_role_has_its_methods(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    with pytest.raises(SHMError, match="opened for reading"):
        reader.write(**NEUTRAL)
    with pytest.raises(SHMError, match="opened for writing"):
        writer.read()


def test_a_reader_that_unlinks_harms_nobody(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    reader.read()
    reader.close()
    reader.unlink()
    writer.write(**NEUTRAL)
    assert opened(ControlChannel).read() is not None


@pytest.mark.parametrize("name", ["", "a.b", "../x", "a b", "x" * 65])
def test_names_that_make_no_file_are_refused(instance, name):
    with pytest.raises(ValueError, match="expected 1 to 64 letters"):
        ControlChannel(name=name)


@pytest.mark.parametrize("slots", [0, 1, 65])
def test_slots_have_limits(instance, slots):
    with pytest.raises(ValueError, match="slots must be from 2 to 64"):
        ControlChannel(create=True, slots=slots)


def test_more_readers_than_places_is_an_error_with_the_limit(opened):
    opened(ControlChannel, create=True)
    readers = [opened(ControlChannel) for _ in range(65)]
    for reader in readers[:64]:
        assert reader.read() is None
    with pytest.raises(SHMError, match="all 64 reader places are taken"):
        readers[64].read()
    readers[10].close()
    assert readers[64].read() is None
    assert readers[64].stats.attached
