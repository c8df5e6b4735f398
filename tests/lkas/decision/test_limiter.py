"""The limiter: no command exceeds the limits, whatever is requested."""

import math

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from lkas.decision.bicycle import Bicycle
from lkas.decision.limiter import ControlRequest, Limiter
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import LimiterFlag
from lkas.vehicle import VehicleConfig

DT_S = 0.01
MAX_STEER_RAD = 0.6
BICYCLE = Bicycle(VehicleConfig(), DecisionParameters())

anything = st.floats(allow_nan=True, allow_infinity=True)
requests = st.builds(
    ControlRequest, steer_rad=anything, throttle=anything, brake=anything, needed_curvature_radpm=anything
) | st.builds(
    ControlRequest,
    steer_rad=st.floats(-1, 1),
    throttle=st.floats(0, 1),
    brake=st.floats(0, 1),
    needed_curvature_radpm=st.floats(-0.2, 0.2),
)
speeds = st.one_of(st.none(), anything, st.floats(0, 60))
ages = st.one_of(anything, st.floats(0, 0.1))


def make_limiter(steer_rad: float = 0.0) -> Limiter:
    limiter = Limiter(BICYCLE, DecisionParameters(full_brake_mps2=8.0))
    limiter.restore(steer_rad)
    return limiter


@pytest.mark.parametrize("side", [1, -1])
@pytest.mark.parametrize("speed_mps", [5.0, 13.9, 30.0])
def test_full_lock_reaches_three_metres_per_second_squared(speed_mps, side):
    limiter = make_limiter()
    for _ in range(400):
        out = limiter.apply(
            ControlRequest(steer_rad=side * 1.0, throttle=0.3, brake=0.0), DT_S, speed_mps, 0.0, MAX_STEER_RAD
        )
    lateral_mps2 = side * speed_mps**2 * BICYCLE.curvature_radpm(out.steer_rad, speed_mps)
    assert lateral_mps2 == pytest.approx(min(3.0, speed_mps**2 * BICYCLE.curvature_radpm(0.6, speed_mps)), rel=1e-6)
    assert LimiterFlag.STEERING_ANGLE in out.flags


@pytest.mark.parametrize("side", [1, -1])
def test_one_step_at_speed_is_limited_by_jerk(side):
    out = make_limiter().apply(
        ControlRequest(steer_rad=side * 0.3, throttle=0, brake=0), DT_S, 20.0, 0.0, MAX_STEER_RAD
    )
    assert side * 400 * BICYCLE.curvature_radpm(out.steer_rad, 20.0) == pytest.approx(5.0 * DT_S)
    assert LimiterFlag.LATERAL_JERK in out.flags


@pytest.mark.parametrize("side", [1, -1])
def test_one_step_at_walking_pace_is_limited_by_the_steering_rate(side):
    out = make_limiter().apply(ControlRequest(steer_rad=side * 0.3, throttle=0, brake=0), DT_S, 1.0, 0.0, MAX_STEER_RAD)
    assert out.steer_rad == pytest.approx(side * 0.5 * DT_S)
    assert LimiterFlag.STEERING_RATE in out.flags


@pytest.mark.parametrize(("dt_s", "counted_s"), [(3.0, 0.05), (math.inf, 0.0), (math.nan, 0.0), (-1.0, 0.0)])
def test_a_long_pause_between_commands_allows_no_jump(dt_s, counted_s):
    out = make_limiter().apply(ControlRequest(steer_rad=0.3, throttle=0, brake=0), dt_s, 1.0, 0.0, MAX_STEER_RAD)
    assert out.steer_rad == pytest.approx(0.5 * counted_s)


def test_each_change_starts_from_the_sent_command():
    limiter = make_limiter()
    for tick in range(1, 6):
        out = limiter.apply(ControlRequest(steer_rad=0.3, throttle=0, brake=0), DT_S, 1.0, 0.0, MAX_STEER_RAD)
        assert out.steer_rad == pytest.approx(tick * 0.5 * DT_S)


def test_a_restored_angle_that_is_not_finite_counts_as_straight_ahead():
    assert make_limiter(math.nan).steer_rad == make_limiter(math.inf).steer_rad == 0.0


@pytest.mark.parametrize(
    ("throttle", "brake", "sent"),
    [
        (3.0, 0.0, (1.0, 0.0)),
        (-1.0, 0.0, (0.0, 0.0)),
        (0.0, 3.0, (0.0, 1.0)),
        (0.4, -1.0, (0.4, 0.0)),
        (0.5, 0.2, (0.0, 0.2)),
        (0.5, math.nan, (0.0, 0.0)),
        (0.5, math.inf, (0.0, 0.0)),
        (math.inf, 0.0, (0.0, 0.0)),
    ],
)
def test_pedals_are_within_their_range_and_exclude_each_other(throttle, brake, sent):
    out = make_limiter().apply(
        ControlRequest(steer_rad=0, throttle=throttle, brake=brake), DT_S, 10.0, 0.0, MAX_STEER_RAD
    )
    assert (out.throttle, out.brake) == sent
    assert (LimiterFlag.NOT_FINITE in out.flags) is not (math.isfinite(throttle) and math.isfinite(brake))


def test_a_command_within_all_limits_passes_unchanged():
    out = make_limiter().apply(
        ControlRequest(steer_rad=0.0005, throttle=0.2, brake=0.0), DT_S, 10.0, 0.0, MAX_STEER_RAD
    )
    assert (out.steer_rad, out.throttle, out.brake, out.flags) == (0.0005, 0.2, 0.0, LimiterFlag(0))


def test_steering_to_the_left_is_a_negative_command():
    assert (
        make_limiter()
        .apply(ControlRequest(steer_rad=0.001, throttle=0, brake=0), DT_S, 10.0, 0.0, MAX_STEER_RAD)
        .steering
        < 0
    )


def test_nan_holds_the_last_angle_and_releases_the_pedals():
    out = make_limiter(0.02).apply(
        ControlRequest(steer_rad=math.nan, throttle=math.nan, brake=math.nan), DT_S, 10.0, 0.0, MAX_STEER_RAD
    )
    assert (out.steer_rad, out.throttle, out.brake) == (0.02, 0.0, 0.0)
    assert LimiterFlag.NOT_FINITE in out.flags


def test_a_missing_speed_counts_as_the_last_known_one_and_more_with_age():
    limiter = make_limiter()
    assert limiter.speed_bound_mps(None, 0.0) > 30  # never known: a fast car is assumed
    limiter.apply(ControlRequest(steer_rad=0.0, throttle=0, brake=0), DT_S, 20.0, 0.0, MAX_STEER_RAD)
    assert limiter.speed_bound_mps(None, 2.0) == pytest.approx(26.0)
    out = limiter.apply(ControlRequest(steer_rad=0.0, throttle=0, brake=0), DT_S, None, 2.0, MAX_STEER_RAD)
    assert LimiterFlag.STALE_SPEED in out.flags


def test_a_speed_is_stale_after_a_tenth_of_a_second():
    limiter = make_limiter()
    assert limiter.speed_bound_mps(20.0, 0.0) == 20.0
    assert limiter.speed_bound_mps(math.nan, 1.0) == 23.0
    assert limiter.speed_bound_mps(None, -5.0) == 20.0
    assert limiter.speed_bound_mps(None, math.nan) == limiter.speed_bound_mps(20.0, 1e9) == 100.0
    for age_s, is_stale in ((0.09, False), (0.11, True), (math.nan, True)):
        out = make_limiter().apply(ControlRequest(steer_rad=0, throttle=0, brake=0), DT_S, 20.0, age_s, MAX_STEER_RAD)
        assert (LimiterFlag.STALE_SPEED in out.flags) is is_stale


def test_a_speed_that_the_car_may_have_reached_by_braking_is_plausible():
    limiter = make_limiter()
    limiter.apply(ControlRequest(steer_rad=0, throttle=0, brake=0.5), DT_S, 20.0, 0.0, MAX_STEER_RAD)
    for tick in range(400):
        limiter.apply(ControlRequest(steer_rad=0, throttle=0, brake=0.5), DT_S, None, tick * DT_S, MAX_STEER_RAD)
    out = limiter.apply(ControlRequest(steer_rad=0, throttle=0, brake=0.5), DT_S, 1.0, 0.0, MAX_STEER_RAD)
    assert LimiterFlag.STALE_SPEED not in out.flags
    assert limiter.speed_bound_mps(1.0, 0.0) == 1.0


def test_a_speed_that_falls_faster_than_the_brakes_is_implausible():
    """It freezes at 5 m/s while the car drives 30 m/s: the bound falls no faster than drag and hills allow."""
    limiter = make_limiter()
    limiter.apply(ControlRequest(steer_rad=0.0, throttle=0, brake=0), DT_S, 30.0, 0.0, MAX_STEER_RAD)
    for tick in range(1, 201):
        last_rad = limiter.steer_rad
        out = limiter.apply(ControlRequest(steer_rad=0.5, throttle=0, brake=0), DT_S, 5.0, 0.0, MAX_STEER_RAD)
        slowest_mps = 30.0 - 1.5 * tick * DT_S
        assert limiter.speed_bound_mps(5.0, 0.0) == pytest.approx(slowest_mps)
        assert slowest_mps**2 * BICYCLE.curvature_radpm(out.steer_rad, slowest_mps) <= 3.0 + 1e-6
        assert out.steer_rad >= last_rad
        assert LimiterFlag.STALE_SPEED in out.flags
        assert limiter.is_speed_implausible


def test_a_speed_that_falls_by_the_brakes_is_plausible():
    limiter, speed_mps = make_limiter(), 30.0
    for _ in range(200):
        out = limiter.apply(ControlRequest(steer_rad=0.0, throttle=0, brake=0.5), DT_S, speed_mps, 0.0, MAX_STEER_RAD)
        speed_mps -= (0.5 * 8.0 + 0.5) * DT_S
        assert LimiterFlag.STALE_SPEED not in out.flags
    assert limiter.speed_bound_mps(speed_mps, 0.0) == pytest.approx(speed_mps, abs=0.1)


def test_after_a_reset_any_speed_is_plausible():
    limiter = make_limiter()
    limiter.apply(ControlRequest(steer_rad=0.0, throttle=0, brake=0), DT_S, 30.0, 0.0, MAX_STEER_RAD)
    limiter.reset_speed()
    out = limiter.apply(ControlRequest(steer_rad=0.0, throttle=0, brake=0), DT_S, 2.0, 0.0, MAX_STEER_RAD)
    assert limiter.speed_bound_mps(2.0, 0.0) == 2.0
    assert LimiterFlag.STALE_SPEED not in out.flags


def test_standstill_holds_the_angle():
    out = make_limiter(0.1).apply(ControlRequest(steer_rad=-0.3, throttle=0, brake=0.3), DT_S, 0.0, 0.0, MAX_STEER_RAD)
    assert out.steer_rad == 0.1


def test_it_brakes_for_a_bend_too_sharp_for_the_speed():
    request = ControlRequest(steer_rad=0.1, throttle=0.5, brake=0.0, needed_curvature_radpm=1 / 50)
    out = make_limiter().apply(request, DT_S, 20.0, 0.0, MAX_STEER_RAD)  # 8 m/s² at this speed
    assert LimiterFlag.BRAKING_FOR_BEND in out.flags
    assert out.throttle == 0
    assert out.brake == pytest.approx(3.0 / 8.0)
    assert LimiterFlag.BRAKING_FOR_BEND not in make_limiter().apply(request, DT_S, 12.0, 0.0, MAX_STEER_RAD).flags


def test_it_brakes_for_a_bend_beyond_the_steering_range():
    """A radius of 1.2 m means 2.1 m/s² at walking pace and needs more than this steering range."""
    request = ControlRequest(steer_rad=0.6, throttle=0.3, brake=0.0, needed_curvature_radpm=1 / 1.2)
    out = make_limiter(0.6).apply(request, DT_S, 1.6, 0.0, MAX_STEER_RAD)
    assert LimiterFlag.BRAKING_FOR_BEND in out.flags
    assert out.throttle == 0
    request = ControlRequest(steer_rad=0.6, throttle=0.3, brake=0.0, needed_curvature_radpm=math.inf)
    assert make_limiter(0.6).apply(request, DT_S, 1.6, 0.0, MAX_STEER_RAD).brake == 0  # not finite: ignored


def test_a_held_angle_in_a_faster_car_is_reduced_at_the_jerk_limit():
    limiter = make_limiter(BICYCLE.steer_rad(3.0 / 15**2, 15.0))
    last = limiter.steer_rad
    for _ in range(50):
        out = limiter.apply(ControlRequest(steer_rad=last, throttle=0, brake=0), DT_S, 20.0, 0.0, MAX_STEER_RAD)
        was, now = (BICYCLE.curvature_radpm(a, 20.0) for a in (last, out.steer_rad))
        assert 400 * abs(now - was) <= 5.0 * DT_S + 1e-9
        last = out.steer_rad
    assert 400 * BICYCLE.curvature_radpm(last, 20.0) == pytest.approx(3.0, abs=1e-6)


@pytest.mark.parametrize("max_steer_rad", [None, 0.0, -0.5, math.nan, math.inf])
def test_without_a_steering_range_it_does_not_steer(max_steer_rad):
    out = make_limiter(0.1).apply(
        ControlRequest(steer_rad=0.1, throttle=0.2, brake=0.0), DT_S, 10.0, 0.0, max_steer_rad
    )
    assert (out.steering, out.steer_rad, out.throttle) == (0.0, 0.0, 0.2)
    assert LimiterFlag.NO_STEERING_RANGE in out.flags


@settings(max_examples=150, phases=[Phase.generate])
@given(
    steps=st.lists(
        st.tuples(requests, st.one_of(anything, st.floats(0, 0.05)), speeds, ages, st.one_of(st.none(), st.just(0.6))),
        min_size=1,
        max_size=12,
    )
)
def test_any_input_gives_a_command_within_the_limits(steps):
    """Finite, in range, never both pedals, and each change within rate and jerk at the bounding speed."""
    limiter = make_limiter()
    for request, dt_s, speed_mps, age_s, max_steer_rad in steps:
        last_rad = limiter.steer_rad
        out = limiter.apply(request, dt_s, speed_mps, age_s, max_steer_rad)
        assert -1 <= out.steering <= 1
        assert 0 <= out.throttle <= 1
        assert 0 <= out.brake <= 1
        assert not (out.throttle > 0 and out.brake > 0)
        if max_steer_rad is None:
            assert out.steering == 0
            assert LimiterFlag.NO_STEERING_RANGE in out.flags
            continue
        dt_s = min(0.05, max(0.0, dt_s)) if math.isfinite(dt_s) else 0.0
        bound_mps = limiter.speed_bound_mps(speed_mps, age_s)
        was, now = (BICYCLE.curvature_radpm(a, bound_mps) for a in (last_rad, out.steer_rad))
        assert abs(out.steer_rad - last_rad) <= 0.5 * dt_s + 1e-9
        assert bound_mps**2 * abs(now - was) <= 5.0 * dt_s + 1e-6
        assert bound_mps**2 * abs(now) <= 3.0 + 1e-6 or abs(now) <= abs(was) + 1e-12
