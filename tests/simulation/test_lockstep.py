"""Lock-step: a world and one decision function, without channels and clocks."""

import numpy as np
import pytest

from simulation.lockstep import lockstep
from tests.simulation.fakes import SESSION, FakeWorld, control


def steering_of(controls):
    return [None if c is None else c.steering for c in controls]


def test_without_latency_a_control_is_applied_at_the_next_tick():
    world = FakeWorld()
    lockstep(world, lambda now_s, frame, state: control(now_s), duration_s=0.05)
    assert steering_of(world.controls) == [None, *(pytest.approx(0.01 * n) for n in range(1, 5))]


@pytest.mark.parametrize("latency_s", [0.01, 0.05, 0.1])
def test_latency_delays_each_control_from_its_pose_to_the_tick_that_applies_it(latency_s):
    world = FakeWorld()
    lockstep(world, lambda now_s, frame, state: control(now_s), duration_s=0.5, latency_s=latency_s)
    applied = [(n * 0.01, c.steering) for n, c in enumerate(world.controls) if c is not None]
    assert applied[0][0] == pytest.approx(0.01 + latency_s)
    assert all(start_s - decided_s == pytest.approx(latency_s) for start_s, decided_s in applied)


def test_frames_have_the_stamps_of_the_world_and_are_not_overwritten():
    frames = []

    def decide(now_s, frame, state):
        if frame is not None:
            frames.append(frame)
            assert frame.timestamp == now_s == state.timestamp

    lockstep(FakeWorld(), decide, duration_s=0.3)
    assert [f.frame_id for f in frames] == list(range(1, 11))
    assert {f.session for f in frames} == {SESSION}
    assert frames[4].capture_ns == 150_000_000
    assert all((f.image == f.frame_id).all() and f.image.dtype == np.uint8 for f in frames)


def test_a_driver_that_needs_no_frames_gets_none():
    frames = []
    lockstep(FakeWorld(), lambda now_s, frame, state: frames.append(frame), duration_s=0.3, render=False)
    assert frames == [None] * 30


def test_it_stops_at_the_end_of_the_world_and_passes_each_tick_with_its_control():
    ticks = []
    world = FakeWorld(ticks=7)
    lockstep(world, lambda *_: control(0.5), duration_s=10, on_tick=lambda tick, c: ticks.append((tick, c)))
    assert len(ticks) == 7
    assert [c for _, c in ticks] == world.controls
