import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.opendrive.geometry import Curve, cubic_nodes, join_nodes, spiral_nodes

# A straight, a clothoid into a left bend, the bend, a clothoid into a right bend.
PIECES = ((40.0, 0.0, 0.0), (50.0, 0.0, 0.01), (60.0, 0.01, 0.01), (80.0, 0.01, -0.02))


def winding_curve() -> Curve:
    nodes, s_m, pose = [], 0.0, (3.0, -2.0, 0.4)
    for piece in PIECES:
        nodes.append(spiral_nodes(s_m, *pose, *piece))
        s_m += piece[0]
        pose = tuple(float(array[-1]) for array in nodes[-1][1:4])
    return Curve(join_nodes(nodes))


WINDING = winding_curve()


def integrated(start, piece, s_m, steps=40_000):
    """The end of a piece by numeric integration with many small chords."""
    length, first, last = piece
    middle = (np.arange(steps) + 0.5) * s_m / steps
    heading = start[2] + first * middle + (last - first) / length * middle**2 / 2
    return start[0] + np.cos(heading).sum() * s_m / steps, start[1] + np.sin(heading).sum() * s_m / steps


def test_an_arc_is_a_circle():
    curve = Curve(spiral_nodes(0.0, 1.0, 2.0, 0.0, 150.0, 0.008, 0.008))
    for s_m in (0.0, 0.3, 77.7, 150.0):
        x, y, heading, curvature = curve.pose(s_m)
        assert (x, y) == pytest.approx((1 + 125 * math.sin(s_m / 125), 2 + 125 * (1 - math.cos(s_m / 125))), abs=1e-9)
        assert (heading, curvature) == pytest.approx((s_m / 125, 0.008), abs=1e-12)


@pytest.mark.parametrize("s_m", [0.4, 31.0, 59.99])
def test_a_spiral_agrees_with_numeric_integration(s_m):
    start, piece = (5.0, -3.0, 1.1), (60.0, 0.002, -0.05)
    x, y, heading, curvature = Curve(spiral_nodes(0.0, *start, *piece)).pose(s_m)
    assert (x, y) == pytest.approx(integrated(start, piece, s_m), abs=1e-6)
    ramp = (-0.05 - 0.002) / 60
    assert heading == pytest.approx(1.1 + 0.002 * s_m + ramp * s_m**2 / 2)
    assert curvature == pytest.approx(0.002 + ramp * s_m)


def test_a_left_bend_turns_left():
    assert Curve(spiral_nodes(0.0, 0.0, 0.0, 0.0, 50.0, 0.01, 0.01)).pose(50.0)[1] > 10


def test_scalar_and_vectorized_poses_agree():
    curve = winding_curve()
    s_m = np.linspace(0, curve.length_m, 97)
    assert np.column_stack(curve.poses(s_m)) == pytest.approx(np.array([curve.pose(s) for s in s_m]), abs=1e-9)


def test_heading_is_the_direction_of_the_curve():
    curve = winding_curve()
    for s_m in np.linspace(1, curve.length_m - 1, 50):
        (x0, y0, h0, _), (x1, y1, h1, _) = curve.pose(s_m - 1e-3), curve.pose(s_m + 1e-3)
        _, _, heading, curvature = curve.pose(s_m)
        assert math.atan2(y1 - y0, x1 - x0) == pytest.approx(math.remainder(heading, 2 * math.pi), abs=1e-6)
        assert (h1 - h0) / 2e-3 == pytest.approx(curvature, abs=1e-5)


@given(s_m=st.floats(1.0, 229.0), t_m=st.floats(-12.0, 12.0), guess_m=st.floats(-15.0, 15.0))
def test_to_lane_undoes_to_world(s_m, t_m, guess_m):
    curve = WINDING
    found_s, found_t = curve.to_lane(*curve.to_world(s_m, t_m), s_m + guess_m)
    assert (found_s, found_t) == pytest.approx((s_m, t_m), abs=1e-4)


def test_left_of_the_curve_is_positive():
    curve = Curve(spiral_nodes(0.0, 0.0, 0.0, 0.0, 100.0, 0.0, 0.0))
    assert curve.to_lane(30.0, 2.0, 0.0) == pytest.approx((30.0, 2.0))
    assert curve.to_world(30.0, 2.0) == pytest.approx((30.0, 2.0))


def test_an_open_curve_goes_straight_on_beyond_its_ends():
    curve = Curve(spiral_nodes(0.0, 0.0, 0.0, 0.0, 100.0, 0.01, 0.01))
    assert curve.to_world(-5.0, 1.0) == pytest.approx((-5.0, 1.0))
    x, y, heading, curvature = curve.pose(110.0)
    end = curve.pose(100.0)
    assert (x, y) == pytest.approx((end[0] + 10 * math.cos(1.0), end[1] + 10 * math.sin(1.0)))
    assert (heading, curvature) == (pytest.approx(1.0), 0.0)


def test_to_lane_returns_finite_values_far_from_the_road():
    curve = winding_curve()
    for point in ((5000.0, 5000.0), (-5000.0, 0.0), (60.0, 125.0)):
        assert all(math.isfinite(value) for value in curve.to_lane(*point, 100.0))


def test_a_closed_curve_is_periodic():
    circle = Curve(spiral_nodes(0.0, 0.0, 0.0, 0.0, 200 * math.pi, 0.01, 0.01), is_closed=True)
    assert circle.pose(200 * math.pi + 10)[:2] == pytest.approx(circle.pose(10.0)[:2])
    s_m, t_m = circle.to_lane(*circle.to_world(3.0, 1.0), 200 * math.pi - 4)
    assert (s_m, t_m) == pytest.approx((3.0, 1.0), abs=1e-4)


def test_a_cubic_ends_on_its_formula():
    # u = 50 p, v = 20 p² - 8 p³, turned by 90 degrees: u runs along y, v along -x.
    p = (np.arange(100_000) + 0.5) / 100_000
    length_m = float(np.hypot(50, 40 * p - 24 * p**2).mean())
    curve = Curve(cubic_nodes(0.0, 1.0, 2.0, math.pi / 2, length_m, (0, 50, 0, 0), (0, 0, 20, -8), 1.0))
    x, y, heading, _ = curve.pose(curve.length_m)
    assert (x, y) == pytest.approx((1 - 12, 2 + 50), abs=1e-5)
    assert heading == pytest.approx(math.pi / 2 + math.atan2(40 - 24, 50), abs=1e-6)
    assert curve.length_m == pytest.approx(length_m)


def test_between_its_nodes_a_cubic_stays_on_its_formula():
    curve = Curve(cubic_nodes(0.0, 0.0, 0.0, 0.0, 60.0, (0.0, 1.0), (0.0, 0.0, 0.004, -2e-5), None))
    for s_m in np.linspace(0.1, 59.9, 101):
        x, y, _, _ = curve.pose(s_m)
        assert y == pytest.approx(0.004 * x**2 - 2e-5 * x**3, abs=1e-4)
    chords = np.hypot(*np.diff(np.column_stack(curve.poses(np.linspace(0, 60, 6001))[:2]), axis=0).T)
    assert chords.sum() == pytest.approx(60.0, abs=1e-3)
