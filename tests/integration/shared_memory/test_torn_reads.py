"""Messages that check themselves, from a writer that never pauses: not one may be a mixture of two."""

import time

from lkas.integration.shared_memory import DetectionChannel, ImageChannel

HUNT_S = 1.5
FRAMES_HELD = 8  # more than there are slots
ENOUGH = 20  # of different messages; fewer would mean that nothing was hunted


def hunted(step) -> int:
    """Call `step` for a while; how many messages it saw."""
    deadline, seen = time.monotonic() + HUNT_S, 0
    while time.monotonic() < deadline:
        seen += step()
    return seen


def test_images_in_place(peer, opened):
    assert peer("flood_images").line() == "writing"
    reader = opened(ImageChannel)
    deadline = time.monotonic() + 10 * HUNT_S

    def step():
        with reader.view(timeout=1.0) as message:
            if message is None:
                return 0
            assert message.timestamp == message.frame_id
            assert (message.image == message.frame_id & 0xFF).all()
            while reader.stats.sequence < message.sequence + FRAMES_HELD and time.monotonic() < deadline:
                time.sleep(0.0002)
            assert (message.image == message.frame_id & 0xFF).all()  # whatever was written meanwhile
            return 1

    assert hunted(step) > ENOUGH


def test_images_copied(peer, opened):
    """Large ones: the writer draws several while one is copied."""
    assert peer("flood_images", width=800, height=600).line() == "writing"
    reader = opened(ImageChannel)

    def step():
        message = reader.read(timeout=1.0)
        assert message is None or (message.image == message.frame_id & 0xFF).all()
        return message is not None

    assert hunted(step) > ENOUGH


def test_small_messages(peer, opened):
    """Two slots only, so that the writer comes back to a slot at every other message."""
    assert peer("flood_detections").line() == "writing"
    reader = opened(DetectionChannel)
    previous = 0

    def step():
        nonlocal previous
        message = reader.read(timeout=1.0)
        if message is None:
            return 0
        lane = message.left_lane
        figures = {message.frame_id, message.timestamp, message.capture_ns, message.processing_time_ms}
        figures |= {lane.x1, lane.y1, lane.x2, lane.y2, lane.confidence}
        assert figures == {message.sequence}
        assert message.left_lane == message.right_lane
        assert message.sequence > previous
        previous = message.sequence
        return 1

    assert hunted(step) > ENOUGH
    assert reader.stats.missed > 0
