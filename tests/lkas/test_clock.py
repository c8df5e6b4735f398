"""Keeping a rate, and estimating the world time."""

import pytest

from lkas.clock import FakeClock, RateKeeper, WorldClock


def test_a_kept_rate_does_not_drift():
    clock = FakeClock()
    keeper = RateKeeper(100, clock)
    for _ in range(50):
        clock.advance(0.003)
        keeper.wait()
    assert clock.now_ns() == 50 * 10_000_000


def test_a_short_lag_is_caught_up_and_the_cycles_of_a_long_one_are_skipped():
    clock = FakeClock()
    keeper = RateKeeper(100, clock, max_lag_s=0.25)
    clock.advance(0.1)
    for _ in range(10):
        keeper.wait()
    assert clock.now_ns() == 100_000_000
    clock.advance(5)
    late_ns = clock.now_ns()
    keeper.wait()
    assert clock.now_ns() == late_ns
    keeper.wait()
    assert clock.now_ns() == late_ns + 10_000_000


def test_world_time_exceeds_the_newest_state_by_at_most_one_tick():
    world = WorldClock()
    assert world.now_s(0) is None
    world.update(timestamp_s=10.0, publish_ns=1_000_000_000, rate=1.0, tick_s=0.01)
    assert world.now_s(1_004_000_000) == pytest.approx(10.004)
    assert world.now_s(9_000_000_000) == pytest.approx(10.01)


def test_world_time_does_not_advance_while_paused():
    world = WorldClock()
    world.update(timestamp_s=10.0, publish_ns=0, rate=0.0, tick_s=0.01)
    assert world.now_s(5_000_000_000) == 10.0
