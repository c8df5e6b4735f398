"""Roads in space against closed forms."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulation.opendrive.geometry import Curve, spiral_nodes
from simulation.opendrive.lanes import Cubic
from simulation.opendrive.parser import read_map
from simulation.opendrive.surface import CrossSection, Profiles, Surface
from tests.simulation.opendrive import roads

STRAIGHT = Curve(spiral_nodes(0.0, 0.0, 0.0, 0.0, 200.0, 0.0, 0.0))
BEND = Curve(spiral_nodes(0.0, 3.0, -7.0, 0.8, 200.0, 0.0, 0.012))
HILLY = Profiles(
    elevation=(Cubic(0.0, 12.0, 0.05, -4e-4, 1e-6), Cubic(120.0, 13.968, -0.0028)),
    superelevation=(Cubic(0.0, 0.0), Cubic(30.0, 0.0, 0.002), Cubic(70.0, 0.08)),
    shape=(CrossSection(0.0, (Cubic(-10.0, 0.0),)), CrossSection(200.0, (Cubic(-10.0, 0.3, -0.05), Cubic(0.0, -0.2)))),
)
LANDSCAPE = Surface(BEND, HILLY)


def test_a_flat_road_lies_in_the_plane_of_its_curve():
    surface = Surface(BEND, Profiles())
    assert surface.to_world(50.0, -2.0) == pytest.approx((*BEND.to_world(50.0, -2.0), 0.0))


def test_elevation_raises_the_reference_line_by_its_cubic():
    surface = Surface(STRAIGHT, Profiles(elevation=(Cubic(0.0, 1.0, 0.1), Cubic(50.0, 6.0, 0.1, -2e-3, 1e-5))))
    assert surface.to_world(20.0, 0.0) == pytest.approx((20.0, 0.0, 3.0))
    assert surface.to_world(80.0, 4.0) == pytest.approx((80.0, 4.0, 6.0 + 3.0 - 2e-3 * 900 + 1e-5 * 27_000))


def test_positive_superelevation_raises_the_left_side():
    bank_rad = 0.1
    surface = Surface(STRAIGHT, Profiles(superelevation=(Cubic(0.0, bank_rad),)))
    cos, sin = math.cos(bank_rad), math.sin(bank_rad)
    assert surface.to_world(10.0, 3.0) == pytest.approx((10.0, 3.0 * cos, 3.0 * sin))
    assert surface.to_world(10.0, -3.0) == pytest.approx((10.0, -3.0 * cos, -3.0 * sin))
    assert surface.to_world(10.0, 0.0, 2.0) == pytest.approx((10.0, -2.0 * sin, 2.0 * cos))


def test_superelevation_in_a_bend_is_a_cone():
    """R = 100 m to the left, banked inwards (right side up): every lane is a level circle."""
    bank_rad, radius_m = -0.06, 100.0
    curve = Curve(spiral_nodes(0.0, 0.0, 0.0, 0.0, 150.0, 1 / radius_m, 1 / radius_m))
    surface = Surface(curve, Profiles(superelevation=(Cubic(0.0, bank_rad),)))
    for s_m in (0.0, 40.0, 149.0):
        x, y, z = surface.to_world(s_m, -3.5)
        assert math.hypot(x, y - radius_m) == pytest.approx(radius_m + 3.5 * math.cos(bank_rad))
        assert z == pytest.approx(3.5 * math.sin(0.06))


def test_on_a_banked_slope_the_axes_are_orthogonal():
    slope, bank_rad = 0.2, 0.3
    surface = Surface(STRAIGHT, Profiles((Cubic(0.0, 0.0, slope),), (Cubic(0.0, bank_rad),)))
    pitch_rad = math.atan(slope)
    # The raised left side is tilted back by the pitch of the slope.
    expected = (
        50.0 - 4.0 * math.sin(bank_rad) * math.sin(pitch_rad),
        4.0 * math.cos(bank_rad),
        10.0 + 4.0 * math.sin(bank_rad) * math.cos(pitch_rad),
    )
    assert surface.to_world(50.0, 4.0) == pytest.approx(expected)
    _, axes = surface.frames([0.0, 50.0])
    assert axes @ axes.transpose(0, 2, 1) == pytest.approx(np.stack([np.eye(3)] * 2), abs=1e-12)


def test_a_lateral_shape_is_interpolated_between_cross_sections():
    shape = (CrossSection(0.0, (Cubic(-5.0, 0.1),)), CrossSection(100.0, (Cubic(-5.0, 0.5, -0.1), Cubic(0.0, 0.0))))
    surface = Surface(STRAIGHT, Profiles(shape=shape))
    assert surface.to_world(0.0, -3.0)[2] == pytest.approx(0.1)
    assert surface.to_world(100.0, -3.0)[2] == pytest.approx(0.3)
    assert surface.to_world(25.0, -3.0)[2] == pytest.approx(0.75 * 0.1 + 0.25 * 0.3)
    assert surface.to_world(150.0, -9.0)[2] == pytest.approx(0.5)  # constant beyond the last section and t = -5
    assert surface.to_world(100.0, 2.0)[2] == 0.0


@given(s_m=st.floats(0.5, 199.5), t_m=st.floats(-12.0, 12.0), h_m=st.floats(-2.0, 5.0), guess_m=st.floats(-15.0, 15.0))
def test_to_lane_undoes_to_world(s_m, t_m, h_m, guess_m):
    found = LANDSCAPE.to_lane(*LANDSCAPE.to_world(s_m, t_m, h_m), s_m + guess_m)
    assert found == pytest.approx((s_m, t_m, h_m), abs=1e-6)


@given(x_m=st.floats(20.0, 60.0), y_m=st.floats(20.0, 60.0), z_m=st.floats(10.0, 16.0))
def test_to_world_undoes_to_lane(x_m, y_m, z_m):
    near_s_m = BEND.nearest_s_m(x_m, y_m)
    s_m, t_m, h_m = LANDSCAPE.to_lane(x_m, y_m, z_m, near_s_m)
    assert LANDSCAPE.to_world(s_m, t_m, h_m) == pytest.approx((x_m, y_m, z_m), abs=1e-6)


def test_profiles_are_read_from_a_file(tmp_path):
    profiles = (
        '<elevationProfile><elevation s="0" a="5" b="0.08" c="0" d="0"/></elevationProfile><lateralProfile>'
        '<superelevation s="0" a="0.05" b="0" c="0" d="0"/>'
        '<shape s="0" t="0" a="0" b="0.02" c="0" d="0"/><shape s="0" t="-5" a="0.1" b="-0.02" c="0" d="0"/>'
        "</lateralProfile><lanes>"
    )
    road_map = read_map(roads.write(tmp_path, roads.road().replace("<lanes>", profiles, 1)))
    road = road_map.roads["1"]
    assert road.profiles.elevation == (Cubic(0.0, 5.0, 0.08),)
    assert road.profiles.superelevation == (Cubic(0.0, 0.05),)
    assert [piece.s_m for piece in road.profiles.shape[0].pieces] == [-5.0, 0.0]


@given(s_m=st.floats(-30.0, 230.0))
@settings(max_examples=60)
def test_scalar_and_vectorized_frames_agree(s_m):
    origins, axes = LANDSCAPE.frames([s_m])
    frame = LANDSCAPE.frame(s_m)
    assert frame.origin == pytest.approx(tuple(origins[0]), abs=1e-9)
    assert np.array(frame[1:]) == pytest.approx(axes[0], abs=1e-12)
