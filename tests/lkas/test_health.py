"""Rates, ages and latency percentiles."""

import pytest

from lkas.health import LatencyTable, RateMeter


def test_a_steady_input_shows_its_rate_and_age():
    meter = RateMeter()
    for index in range(31):
        meter.tick(index * 33_333_333)
    now_ns = 30 * 33_333_333
    assert meter.rate_hz(now_ns) == pytest.approx(30, rel=0.01)
    assert meter.age_ms(now_ns + 5_000_000) == pytest.approx(5)


def test_the_rate_of_a_silent_input_falls_to_zero():
    meter = RateMeter()
    assert meter.age_ms(0) is None
    for index in range(10):
        meter.tick(index * 10_000_000)
    assert meter.rate_hz(10_000_000_000) == 0


def test_percentiles_use_the_newest_samples():
    table = LatencyTable(capacity=100)
    for latency_ms in [1000.0] * 50 + [float(index) for index in range(100)]:
        table.add("detection", latency_ms)
    assert table.percentiles()["detection"].p50 == pytest.approx(50)
    assert table.percentiles()["detection"].p99 == pytest.approx(99)
