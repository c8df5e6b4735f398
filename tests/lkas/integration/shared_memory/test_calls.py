"""`write` and `loan` take the fields of a message by name; what does not fit is refused by message and field."""

import inspect

import numpy as np
import pytest

from lkas.integration.shared_memory import ControlChannel, DetectionChannel, ImageChannel, SHMSerializationError
from lkas.integration.shared_memory.messages import ControlMode, LaneMessage

NEUTRAL = {"steering": 0.0, "throttle": 0.0, "brake": 0.0}
LANE = LaneMessage(1.0, 2.0, 3.0, 4.0)


@pytest.mark.parametrize(
    ("positional", "keywords", "words"),
    [
        ((), {"steering": 0.0, "throttle": 0.0}, r"ControlMessage\.brake: missing, write\(\) needs it"),
        ((), NEUTRAL | {"gas": 1.0}, r"ControlMessage\.gas: no field that write\(\) takes"),
        ((0.0,), NEUTRAL, r"ControlMessage: write\(\) takes 0 fields by position, found 1"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(opened, positional, keywords, words):
    writer = opened(ControlChannel, create=True)
    with pytest.raises(TypeError, match=words):
        writer.write(*positional, **keywords)
    assert writer.stats.sequence == 0


def test_lanes_by_position_and_by_name(opened):
    writer, reader = opened(DetectionChannel, create=True), opened(DetectionChannel)
    for arguments, keywords in (((LANE, None), {}), ((LANE,), {"right_lane": None}), ((), {"left_lane": LANE})):
        assert writer.write(*arguments, frame_id=3, **keywords)
        message = reader.read()
        assert (message.left_lane, message.right_lane, message.frame_id) == (LANE, None, 3)
    with pytest.raises(TypeError, match=r"DetectionMessage\.left_lane: write\(\) got it twice"):
        writer.write(LANE, left_lane=LANE)
    with pytest.raises(TypeError, match="takes 2 fields by position, found 3"):
        writer.write(LANE, LANE, 1)


def test_keywords_in_any_order_and_from_any_string(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    names = ["valid_until", "frame_id", "brake", "mode", "steering", "throttle"]
    values = [9.0, 5, 0.25, ControlMode.HOLD, -0.5, 0.75]
    for order in (range(6), reversed(range(6))):
        assert writer.write(**{"".join(names[i]): values[i] for i in order})
        message = reader.read()
        assert [getattr(message, name) for name in names] == values
    made = {bytes(name, "ascii").decode(): value for name, value in zip(names, values, strict=True)}  # not interned
    assert writer.write(**made)
    assert reader.read().valid_until == 9.0


def test_call_sites_with_other_keywords_take_turns(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    for frame_id in range(3):
        writer.write(steering=0.5, throttle=0.25, brake=0.125, frame_id=frame_id)
        message = reader.read()
        assert (message.steering, message.throttle, message.brake, message.curvature) == (0.5, 0.25, 0.125, None)
        writer.write(brake=0.5, curvature=0.25, throttle=0.125, frame_id=frame_id, steering=-1.0)
        message = reader.read()
        assert (message.steering, message.throttle, message.brake, message.curvature) == (-1.0, 0.125, 0.5, 0.25)
        with pytest.raises(TypeError, match=r"ControlMessage\.brake"):
            writer.write(steering=0.5, throttle=0.25, frame_id=frame_id)


def test_stamps_left_out_are_set_at_the_call(opened):
    writer, reader = opened(ControlChannel, create=True), opened(ControlChannel)
    writer.write(**NEUTRAL)
    message = reader.read()
    assert message.timestamp == pytest.approx(message.capture_ns * 1e-9)
    assert message.valid_until == pytest.approx(message.timestamp + 0.2)
    assert message.capture_ns <= message.publish_ns
    writer.write(**NEUTRAL, timestamp=4)
    assert reader.read().valid_until == pytest.approx(4.2)
    with pytest.raises(SHMSerializationError, match="timestamp: expected a number, found 'soon'"):
        writer.write(**NEUTRAL, timestamp="soon")


def test_an_unbound_call_needs_a_channel(opened):
    channel = opened(ControlChannel, create=True)
    assert ControlChannel.write(channel, **NEUTRAL)
    with pytest.raises(TypeError, match="needs a channel as its first argument"):
        ControlChannel.write(3, **NEUTRAL)
    bound = channel.write
    assert bound(**NEUTRAL)


@pytest.mark.parametrize("method", [ControlChannel.write, ImageChannel.write, ImageChannel.loan])
def test_introspection_shows_signature_and_documentation(method):
    assert "frame_id" in inspect.signature(method).parameters
    assert method.__doc__
    assert method.__name__ in ("write", "loan")


def test_images_and_loans_by_name(opened):
    writer, reader = opened(ImageChannel, create=True, width=4, height=2), opened(ImageChannel)
    assert writer.write(frame_id=1, image=np.full((2, 4, 3), 7, np.uint8), session=2)
    message = reader.read()
    assert (message.frame_id, message.session, int(message.image[0, 0, 0])) == (1, 2, 7)
    with writer.loan(8, timestamp=2.5) as image:
        image[:] = 1
    message = reader.read()
    assert (message.frame_id, message.timestamp, message.capture_ns > 0) == (8, 2.5, True)
