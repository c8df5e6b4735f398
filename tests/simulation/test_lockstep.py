"""A world and one function, without channels and clocks."""

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


def test_frames_come_when_due_with_the_world_s_stamps_and_stay_as_they_are():
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
    seen = []
    lockstep(FakeWorld(), lambda now_s, frame, state: seen.append(frame), duration_s=0.3, render=False)
    assert seen == [None] * 30


def test_it_ends_with_the_film_and_shows_each_tick_with_the_control_in_force():
    ticks = []
    world = FakeWorld(ticks=7)
    lockstep(world, lambda *_: control(0.5), duration_s=10, on_tick=lambda tick, c: ticks.append((tick, c)))
    assert len(ticks) == 7
    assert [c for _, c in ticks] == world.controls
