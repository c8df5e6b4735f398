"""Messages that check themselves, from a writer that never pauses: none may be a mixture of two."""

import time

from lkas.integration.shared_memory import DetectionChannel, ImageChannel

HUNT_S = 1.5
PATIENCE_S = 120.0
FRAMES_HELD = 8  # more than there are slots
MIN_MESSAGES = 20  # different ones; fewer would test nothing


def hunt(step, is_enough=lambda: True) -> None:
    """Call `step`, which returns how many messages it saw, for a while and until there are MIN_MESSAGES."""
    started_s, seen = time.monotonic(), 0
    while time.monotonic() < started_s + HUNT_S or seen < MIN_MESSAGES or not is_enough():
        assert time.monotonic() < started_s + PATIENCE_S, f"{seen} messages only"
        seen += step()


def test_images_in_place(peer, opened):
    assert peer("flood_images").line() == "writing"
    reader = opened(ImageChannel)
    deadline_s = time.monotonic() + PATIENCE_S

    def step():
        with reader.view(timeout=1.0) as message:
            if message is None:
                return 0
            assert message.timestamp == message.frame_id
            assert (message.image == message.frame_id & 0xFF).all()
            while reader.stats.sequence < message.sequence + FRAMES_HELD and time.monotonic() < deadline_s:
                time.sleep(0.0002)
            assert (message.image == message.frame_id & 0xFF).all()  # even if the writer has continued
            return 1

    hunt(step)


def test_images_copied(peer, opened):
    """Large images: the writer draws several while one is copied."""
    assert peer("flood_images", width=800, height=600).line() == "writing"
    reader = opened(ImageChannel)

    def step():
        message = reader.read(timeout=1.0)
        assert message is None or (message.image == message.frame_id & 0xFF).all()
        return message is not None

    hunt(step)


def test_small_messages(peer, opened):
    """With two slots, the writer reuses a slot at every second message."""
    assert peer("flood_detections").line() == "writing"
    reader = opened(DetectionChannel)
    previous = 0

    def step():
        nonlocal previous
        message = reader.read(timeout=1.0)
        if message is None:
            return 0
        lane = message.left_lane
        values = {message.frame_id, message.timestamp, message.capture_ns, message.processing_time_ms}
        values |= {lane.x1, lane.y1, lane.x2, lane.y2, lane.confidence}
        assert values == {message.sequence}
        assert message.left_lane == message.right_lane
        assert message.sequence > previous
        previous = message.sequence
        return 1

    hunt(step, lambda: reader.stats.missed > 0)
