"""Why nothing steers: one cause at a time, each reported once."""

import pytest

from lkas.decision.input_check import NO_DETECTION, NO_RANGE, NO_STATE, InputCheck
from lkas.integration.shared_memory.messages import DetectionMessage, VehicleState

S = 1_000_000_000


def run(check, start_s, end_s, *, vehicle=True, detection=True, refusal=None, **fields):
    """Update ten times a second; return the last cause and the texts of the events."""
    cause, texts = None, []
    for tenth in range(round(10 * start_s), round(10 * end_s)):
        now_ns = tenth * S // 10
        state = VehicleState(publish_ns=now_ns, **{"max_steer_rad": 0.5} | fields) if vehicle else None
        cause = check.update(now_ns, state, DetectionMessage() if detection else None, refusal)
        texts += [event.text for event in check.take_events()]
    return cause, texts


@pytest.mark.parametrize(
    ("inputs", "cause"),
    [
        ({"vehicle": False}, NO_STATE),
        ({"max_steer_rad": None}, NO_RANGE),
        ({"detection": False}, NO_DETECTION),
        ({"refusal": "its session 7 is old"}, "detections are refused"),
    ],
)
def test_an_input_that_ends_is_named_at_once_and_reported_once(inputs, cause):
    check = InputCheck()
    assert run(check, 1, 3) == (None, [])
    found, texts = run(check, 3, 20, **inputs)
    assert found == cause
    assert len(texts) == 1
    assert texts[0].startswith(cause)
    assert run(check, 20, 22) == (None, [])
    assert len(run(check, 22, 40, **inputs)[1]) == 1, "a second time is a second report"


def test_a_start_in_which_the_processes_come_one_after_another_is_no_report():
    check = InputCheck()
    assert run(check, 1, 8, vehicle=False, detection=False) == (NO_STATE, [])
    assert run(check, 8, 20) == (None, [])
    assert len(run(InputCheck(), 1, 12, vehicle=False)[1]) == 1, "an input that never comes is one"


def test_a_paused_world_needs_no_detection():
    check = InputCheck()
    run(check, 1, 3)
    assert run(check, 3, 20, detection=False, paused=True) == (None, [])
