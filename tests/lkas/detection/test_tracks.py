"""Lines followed over time."""

import pytest

from lkas.detection.tracks import COAST_S, CONFIRMED_AGE, LineTracks
from lkas.integration.shared_memory.messages import LaneLine, TrackState, VehicleState

FRAME_S = 0.04


def line(c0, c1=0.0, c2=0.0, confidence=0.9):
    sigmas = {"sigma_c0": 0.02, "sigma_c1": 0.002, "sigma_c2": 1e-4, "sigma_c3": 1e-5}
    return LaneLine(c0=c0, c1=c1, c2=c2, x_min_m=4.0, x_max_m=40.0, confidence=confidence, **sigmas)


def test_lines_keep_their_ids_and_are_confirmed():
    tracks = LineTracks()
    for k in range(CONFIRMED_AGE + 1):
        found = tracks.update(k * FRAME_S, [line(-1.8 + 0.05 * k), line(1.8), line(5.3)], None)
        assert [track.id for track in found] == [3, 2, 1]  # leftmost first
    assert {track.state for track in found} == {TrackState.CONFIRMED}
    assert [track.age for track in found] == [CONFIRMED_AGE] * 3
    assert found[2].c0 == pytest.approx(-1.65)


def test_an_unseen_line_coasts_with_the_car_and_is_then_dropped():
    """30 m/s straight ahead along a line with a slope of 0.01 to the left: 0.3 m per second."""
    tracks = LineTracks()
    vehicle = VehicleState(speed_mps=30.0, yaw_rate_radps=0.0)
    tracks.update(0.0, [line(1.8, c1=0.01)], vehicle)
    coasting = tracks.update(0.4, [], vehicle)[0]
    assert coasting.state == TrackState.COASTING
    assert coasting.c0 == pytest.approx(1.8 + 0.4 * 0.3)
    assert coasting.covariance[0] > 0.02**2
    assert coasting.confidence < 0.9
    assert tracks.update(0.4 + COAST_S, [], vehicle) == ()


def test_turning_left_moves_lines_to_the_right():
    tracks = LineTracks()
    vehicle = VehicleState(speed_mps=10.0, yaw_rate_radps=0.2)
    tracks.update(0.0, [line(1.8)], vehicle)
    turned = tracks.update(0.1, [], vehicle)[0]
    assert turned.c1 == pytest.approx(-0.02)
    assert turned.c0 < 1.8


def test_another_line_is_not_mistaken_for_an_old_one():
    tracks = LineTracks()
    first = tracks.update(0.0, [line(1.8)], None)[0]
    found = tracks.update(FRAME_S, [line(3.0)], None)
    assert {track.state for track in found} == {TrackState.TENTATIVE, TrackState.COASTING}
    assert first.id in [track.id for track in found]


def test_a_jump_in_time_drops_all_tracks():
    tracks = LineTracks()
    first = tracks.update(5.0, [line(1.8)], None)[0]
    assert tracks.update(0.0, [line(1.8)], None)[0].id != first.id


def test_at_most_eight_tracks_are_returned():
    lines = [line(0.8 * k, confidence=0.1 * k) for k in range(1, 10)]
    assert len(LineTracks().update(0.0, lines, None)) == 8
