"""A channel that several want to write."""

import logging

from lkas.integration.shared_memory import DetectionChannel, TracksChannel
from lkas.integration.shared_memory.ownership import open_if_free, retry_until_free


def test_who_comes_second_waits_until_the_first_one_ends(instance, caplog):
    first = DetectionChannel(create=True)
    looks = []

    def keep_waiting() -> bool:
        looks.append(1)
        if len(looks) == 3:
            first.close()
        return True

    second = retry_until_free(lambda: DetectionChannel(create=True), keep_waiting)
    assert second is not None
    assert second.write(None, None, frame_id=1)
    assert len(looks) == 3
    said = [record.message for record in caplog.records if "already writes this channel" in record.message]
    assert len(said) == 1
    assert said[0].endswith("waiting until it ends")
    second.close()
    second.unlink()


def test_waiting_ends_on_request(instance):
    with DetectionChannel(create=True) as first:
        assert retry_until_free(lambda: DetectionChannel(create=True), lambda: False) is None
        first.unlink()


def test_a_channel_that_is_free_is_taken_at_once(instance):
    def never() -> bool:
        raise AssertionError("there is nothing to wait for")

    channel = retry_until_free(lambda: DetectionChannel(create=True), never)
    assert channel is not None
    channel.close()
    channel.unlink()


def test_a_channel_one_can_do_without_is_left_to_its_writer(instance, caplog):
    caplog.set_level(logging.INFO)
    with TracksChannel(create=True) as first:
        assert open_if_free(TracksChannel) is None
        assert "continuing without it" in caplog.text
        first.unlink()
    own = open_if_free(TracksChannel)
    assert own is not None
    own.close()
    own.unlink()
