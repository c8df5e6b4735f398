import numpy as np
import pytest

from simulation.opendrive.lanes import Cubic, Lane, LaneSection, RoadMark, cubic_value, cubic_values, strokes_for_type


def section() -> LaneSection:
    def lane(lane_id: int, *widths: Cubic) -> Lane:
        return Lane(lane_id, "driving", widths, ())

    widening = Cubic(20.0, 3.0, 0.0, 0.03, -0.001)
    return LaneSection(
        10.0,
        60.0,
        {
            0: lane(0),
            1: lane(1, Cubic(0.0, 3.5)),
            -1: lane(-1, Cubic(0.0, 3.0), widening),
            -2: lane(-2, Cubic(0.0, 2.0)),
        },
    )


def test_borders_add_up_outwards_from_the_centre():
    s_m = np.array([12.0, 40.0])
    width = 3.0 + 0.03 * 10**2 - 0.001 * 10**3  # 10 m into the widening that starts at s = 30
    assert section().border_m(0, (), s_m)[0] == pytest.approx([0, 0])
    assert section().border_m(1, (), s_m)[0] == pytest.approx([3.5, 3.5])
    assert section().border_m(-1, (), s_m)[0] == pytest.approx([-3.0, -width])
    assert section().border_m(-2, (), s_m)[0] == pytest.approx([-5.0, -width - 2.0])
    assert section().border_m(-2, (), s_m)[1] == pytest.approx([0.0, -(0.06 * 10 - 0.003 * 10**2)])


def test_the_lane_offset_shifts_every_border():
    offset = (Cubic(0.0, 0.5, 0.1),)
    t_m, slope = section().border_m(1, offset, np.array([20.0]))
    assert (t_m[0], slope[0]) == pytest.approx((3.5 + 0.5 + 2.0, 0.1))


def test_a_cubic_is_zero_before_its_start():
    value, slope = cubic_values((Cubic(5.0, 1.0, 2.0),), np.array([4.0, 5.0, 6.0]))
    assert value.tolist() == [0.0, 1.0, 3.0]
    assert slope.tolist() == [0.0, 2.0, 2.0]


def test_scalar_and_vectorized_cubics_agree():
    offset = (Cubic(15.0, 0.5, 0.1, -0.002, 1e-5),)
    for s_m in (12.0, 15.0, 40.0):
        at = np.array([s_m])
        assert cubic_value(offset, s_m) == pytest.approx([figure[0] for figure in cubic_values(offset, at)])
        for inner, outer in ((0, 1), (0, -1), (-1, -2)):
            borders_m = [section().border_m(lane_id, offset, at)[0][0] for lane_id in (inner, outer)]
            assert section().span_m(outer, offset, s_m) == pytest.approx(borders_m)


@pytest.mark.parametrize(
    ("kind", "count"),
    [("none", 0), ("curb", 0), ("solid", 1), ("broken", 1), ("solid broken", 2), ("botts dots", 1)],
)
def test_a_mark_type_has_its_strokes(kind, count):
    assert len(strokes_for_type(kind, 0.12)) == count


def test_botts_dots_are_short_with_long_gaps():
    (dots,) = strokes_for_type("botts dots", 0.12)
    assert dots.dash_m == dots.width_m == 0.10
    assert dots.gap_m > 10 * dots.dash_m


def test_a_double_line_names_its_left_stroke_first():
    left, right = strokes_for_type("solid broken", 0.12)
    assert left.t_m > 0 > right.t_m
    assert (left.dash_m, right.dash_m) == (0.0, 3.0)


def test_paint_reaches_to_both_sides_of_its_border():
    double = RoadMark(0.0, "solid solid", False, strokes_for_type("solid solid", 0.10))
    assert (double.reach_left_m, double.reach_right_m) == pytest.approx((0.16, 0.16))
    assert RoadMark(0.0, "none", False, ()).reach_left_m == 0.0


def test_the_valid_mark_is_the_last_one_started():
    marks = tuple(RoadMark(s, kind, False, ()) for s, kind in ((2.0, "solid"), (8.0, "broken")))
    lane = Lane(-1, "driving", (Cubic(0.0, 3.5),), marks)
    assert lane.mark_at(1.0) is None
    assert lane.mark_at(5.0) is marks[0]
    assert lane.mark_at(8.0) is marks[1]
