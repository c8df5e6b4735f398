"""Commands that a world refuses: whose, why, once."""

import pytest

from lkas.integration.shared_memory.messages import ControlMessage
from simulation.refusals import Refusals, refusal_of, sentence

MS = 1_000_000


def command(**stamps):
    return ControlMessage(steering=0.0, throttle=0.0, brake=0.0, **stamps)


@pytest.mark.parametrize(
    ("stamps", "cause"),
    [
        ({"session": 7, "timestamp": 5.0}, None),
        ({"session": 0, "timestamp": 5.01}, None),  # a tick ahead counts as now
        ({"session": 0, "timestamp": 900.0, "capture_ns": 900_000_000_000}, None),  # left out: stamped by the channel
        ({"session": 8, "timestamp": 5.0}, "their session is 8, this world's 7"),
        ({"session": 7, "timestamp": 5.03}, "their timestamp is 5.030 s, world time 5.000 s"),
    ],
)
def test_what_is_refused(stamps, cause):
    assert refusal_of(command(**stamps), 7, 5.0, 0.01) == cause


def test_a_cause_that_lasts_is_reported_once_and_again_after_it_ended():
    refusals = Refusals()

    def reports(causes, start_ms):
        return [refusals.update(cause, (start_ms + 100 * n) * MS) for n, cause in enumerate(causes)].count(True)

    late = [f"their timestamp is {n} s, world time 1 s" for n in range(10)]
    assert reports(late[:4], 0) == 0, "commands of an ended session are on their way for a moment"
    assert reports(late, 400) == 1, "a figure that changes is no other cause"
    assert reports([None], 2000) == 0
    assert reports(late, 3000) == 1


def test_the_sentence_names_the_writer_and_the_remedy():
    assert "process 12 are refused: late; leave timestamp" in sentence("late", 12)
    assert "a process that has ended" in sentence("late", None)
