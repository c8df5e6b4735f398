import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulation.embedded.dynamics import CarParameters
from simulation.embedded.plant import STEP_S, Car, Command

PARAMETERS = CarParameters()
MAX_STEER_RAD = math.radians(35)


def car(speed_mps: float = 0.0, parameters: CarParameters = PARAMETERS) -> Car:
    made = Car(parameters, MAX_STEER_RAD)
    made.place(0.0, 0.0, 0.0, speed_mps)
    return made


def holding(made: Car, speed_mps: float, steer_rad: float) -> Command:
    """Pedals that keep the speed approximately constant."""
    acceleration_mps2 = 2.0 * (speed_mps - made.state.speed_mps) + 0.3
    throttle, brake = (
        max(0.0, acceleration_mps2) / PARAMETERS.drive_mps2,
        max(0.0, -acceleration_mps2) / PARAMETERS.brake_mps2,
    )
    return Command(steer_rad, min(1.0, throttle), min(1.0, brake))


def drive(made: Car, speed_mps: float, steer_rad: float, duration_s: float) -> None:
    for _ in range(round(duration_s / 0.01)):
        made.step(holding(made, speed_mps, steer_rad), 0.01)


def test_without_resistance_20_mps_for_2_s_is_40_m():
    frictionless = CarParameters(rolling_mps2=0.0, drag_per_m=0.0)
    made = car(20.0, frictionless)
    made.step(Command(), 2.0)
    assert (made.state.x_m, made.state.y_m, made.state.yaw_rad) == pytest.approx((40.0, 0.0, 0.0), abs=1e-9)
    assert made.state.speed_mps == pytest.approx(20.0)


def test_a_standing_car_keeps_its_exact_state():
    made = car()
    for steer_rad in (0.0, 0.3, -0.5):
        made.step(Command(steer_rad, 0.0, 0.5), 5.0)
        made.step(Command(steer_rad, 0.0, 0.0), 5.0)
    state = made.state
    assert (state.x_m, state.y_m, state.yaw_rad, state.speed_mps, state.yaw_rate_radps) == (0.0, 0.0, 0.0, 0.0, 0.0)
    assert (state.acceleration_mps2, state.lateral_acceleration_mps2) == (0.0, 0.0)


@pytest.mark.parametrize("speed_mps", [1.0, 3.0, 8.0, 14.0, 25.0])
def test_steady_cornering_has_the_yaw_rate_of_the_closed_form(speed_mps):
    made = car(speed_mps)
    steer_rad = min(0.1, 2.0 / speed_mps**2 * PARAMETERS.wheelbase_m)
    drive(made, speed_mps, steer_rad, 8.0)
    speed = made.state.speed_mps
    slow_share = 1.0 if speed_mps < 2 else 0.0
    understeer = PARAMETERS.understeer_s2pm * (1 - slow_share)
    expected = speed * steer_rad / (PARAMETERS.wheelbase_m + understeer * speed**2)
    assert made.state.yaw_rate_radps == pytest.approx(expected, rel=0.03)
    assert made.state.lateral_acceleration_mps2 == pytest.approx(speed * expected, rel=0.05)
    held = made.steer_for_curvature(made.curvature_of_steer(steer_rad, speed), speed)
    assert held == pytest.approx(steer_rad)


def test_the_understeer_gradient_equals_the_textbook_formula():
    p = PARAMETERS
    # K = m / L (b / Cf - a / Cr), per L: Rajamani, Vehicle Dynamics and Control, 3.1.
    gradient = p.mass_kg / 2.7 * (1.45 / p.front_cornering_n_per_rad - 1.25 / p.rear_cornering_n_per_rad)
    assert p.understeer_s2pm == pytest.approx(gradient)
    assert p.understeer_s2pm > 0


def test_steering_left_turns_left():
    made = car(10.0)
    drive(made, 10.0, 0.05, 2.0)
    assert made.state.y_m > 0.5
    assert made.state.yaw_rad > 0
    assert made.state.lateral_acceleration_mps2 > 0


@given(
    speed_mps=st.floats(0.5, 30.0),
    commands=st.lists(st.tuples(st.floats(-0.6, 0.6), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8),
)
def test_mirrored_steering_gives_the_mirrored_path(speed_mps, commands):
    left, right = car(speed_mps), car(speed_mps)
    for steer_rad, throttle, brake in commands:
        left.step(Command(steer_rad, throttle, brake), 0.1)
        right.step(Command(-steer_rad, throttle, brake), 0.1)
    assert left.state.x_m == pytest.approx(right.state.x_m, abs=1e-9)
    assert left.state.y_m == pytest.approx(-right.state.y_m, abs=1e-9)
    assert left.state.yaw_rad == pytest.approx(-right.state.yaw_rad, abs=1e-9)


@given(
    steps=st.lists(st.tuples(st.floats(-9, 9), st.floats(-1, 2), st.floats(-1, 2)), min_size=1, max_size=10),
    speed_mps=st.floats(0, 60),
)
def test_any_command_leaves_finite_states_and_never_drives_backwards(steps, speed_mps):
    made = car(speed_mps)
    for steer_rad, throttle, brake in steps:
        made.step(Command(steer_rad, throttle, brake), 0.2)
        assert made.state.speed_mps >= 0
        assert abs(made.state.steer_rad) <= MAX_STEER_RAD
        assert abs(made.state.lateral_acceleration_mps2) < 12
        assert math.isfinite(made.state.x_m + made.state.y_m + made.state.yaw_rad)


def test_steering_has_dead_time_then_limited_rate():
    made = car(10.0)
    made.step(Command(0.3), PARAMETERS.steering_dead_time_s)
    assert made.state.steer_rad == 0.0
    made.step(Command(0.3), 0.1)
    assert made.state.steer_rad == pytest.approx(PARAMETERS.steering_rate_radps * 0.1, rel=0.02)
    made.step(Command(0.3), 2.0)
    assert made.state.steer_rad == pytest.approx(0.3, abs=1e-4)


def test_a_small_steering_step_is_a_first_order_lag():
    made = car(10.0)
    made.step(Command(0.01), PARAMETERS.steering_dead_time_s + PARAMETERS.steering_lag_s)
    assert made.state.steer_rad == pytest.approx(0.01 * (1 - math.exp(-1)), rel=0.02)


def test_tyres_saturate():
    made = car(25.0)
    drive(made, 25.0, 0.5, 3.0)
    assert abs(made.state.lateral_acceleration_mps2) < PARAMETERS.friction * 9.81 * 1.02


def test_full_braking_from_20_mps_has_the_expected_distance():
    made = car(20.0)
    made.step(Command(brake=1.0), 5.0)
    assert made.state.speed_mps == 0.0
    free_roll_m = 20.0 * PARAMETERS.pedal_lag_s
    assert made.state.x_m == pytest.approx(20.0**2 / 2 / 8.2 + free_roll_m, rel=0.03)


def test_the_brake_for_a_deceleration_accounts_for_drag():
    made = car(20.0)
    for _ in range(300):
        made.step(Command(brake=made.brake_for(3.0, made.state.speed_mps)), 0.01)
    before = made.state.speed_mps
    made.step(Command(brake=made.brake_for(3.0, before)), 0.1)
    assert (before - made.state.speed_mps) / 0.1 == pytest.approx(3.0, rel=0.02)


def test_full_throttle_reaches_50_kmh_in_a_plausible_time():
    made, time_s = car(), 0.0
    while made.state.speed_mps < 50 / 3.6:
        made.step(Command(throttle=1.0), STEP_S)
        time_s += STEP_S
    assert 3.5 < time_s < 6.0


@given(speed_mps=st.floats(1.9, 4.1), steer_rad=st.floats(-0.2, 0.2))
def test_the_transition_to_the_kinematic_model_is_smooth(speed_mps, steer_rad):
    made = car(speed_mps)
    for _ in range(200):
        before = made.state.yaw_rate_radps
        made.step(Command(steer_rad, 0.2), STEP_S)
        assert abs(made.state.yaw_rate_radps - before) < 0.05
