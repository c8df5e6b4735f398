"""The contract of every steering controller, and details of `lqr` and `mpc`."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.broker_requests import active_parameters
from lkas.decision.controllers import Controller, create_controller
from lkas.decision.controllers.lqr import INTEGRAL_LIMIT_MPS2
from lkas.decision.controllers.mpc import MIN_MARGIN_MPS2, QuadraticProgram
from lkas.decision.keeper import LaneKeeper
from lkas.decision.lane import LaneState
from lkas.decision.limiter import ControlRequest, Limiter
from lkas.decision.parameters import CONTROLLERS, DecisionParameters
from lkas.parameters import ParameterError
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.noisy_camera import NoisyCamera
from tests.lkas.decision.plant import MAX_STEER_RAD, Plant
from tests.lkas.decision.road import bend, straight

DT_S = 0.01
BICYCLE = Bicycle(VehicleConfig(), DecisionParameters())
CENTERED = LaneState(**(dict.fromkeys(LaneState.__struct_fields__, 0.0) | {"width_m": 3.5}))


def make(name: str, **parameters: float) -> Controller:
    return create_controller(DecisionParameters(controller=name, **parameters), BICYCLE)


def lanes() -> st.SearchStrategy[LaneState]:
    return st.builds(
        lambda offset_m, heading_rad, curvature, rate, yaw: structs.replace(
            CENTERED,
            offset_m=offset_m,
            heading_rad=heading_rad,
            curvature_radpm=curvature,
            curvature_rate_radpm2=rate,
            yaw_rate_radps=yaw,
        ),
        st.floats(-2, 2),
        st.floats(-0.5, 0.5),
        st.floats(-0.05, 0.05),
        st.floats(-1e-3, 1e-3),
        st.floats(-0.5, 0.5),
    )


every_controller = pytest.mark.parametrize("name", CONTROLLERS)


@every_controller
@pytest.mark.parametrize("speed_mps", [0.0, 1.0, 13.9, 45.0])
def test_zero_stays_zero(name, speed_mps):
    controller = make(name)
    assert {controller.update(CENTERED, speed_mps, DT_S).curvature_radpm for _ in range(50)} == {0.0}


@every_controller
@settings(max_examples=50)
@given(sequence=st.lists(lanes(), min_size=1, max_size=5), speed_mps=st.floats(0, 60))
def test_a_mirrored_lane_gives_mirrored_steering(name, sequence, speed_mps):
    left, right = make(name), make(name)
    for lane in sequence:
        a, b = left.update(lane, speed_mps, DT_S), right.update(lane.mirrored(), speed_mps, DT_S)
        assert a.curvature_radpm == pytest.approx(-b.curvature_radpm, abs=1e-12)
        terms = (a.feedforward_radpm, a.offset_term_radpm, a.heading_term_radpm, a.integral_term_radpm)
        assert a.curvature_radpm == pytest.approx(sum(terms))
        assert all(map(math.isfinite, terms))


@every_controller
def test_left_of_the_centre_it_steers_right_and_into_a_left_bend_left(name):
    offset, curvature = structs.replace(CENTERED, offset_m=0.3), structs.replace(CENTERED, curvature_radpm=0.002)
    assert make(name).update(offset, 13.9, DT_S).curvature_radpm < 0
    assert make(name).update(curvature, 13.9, DT_S).feedforward_radpm == pytest.approx(0.002)


@every_controller
@pytest.mark.parametrize("field", ["offset_m", "heading_rad", "curvature_radpm", "curvature_rate_radpm2"])
def test_nan_neither_passes_the_limiter_nor_stays_in_the_controller(name, field):
    controller, limiter = make(name), Limiter(BICYCLE, DecisionParameters())
    lane = structs.replace(CENTERED, offset_m=0.05)
    broken = controller.update(structs.replace(lane, **{field: math.nan}), 13.9, DT_S)
    request = ControlRequest(steer_rad=BICYCLE.steer_rad(broken.curvature_radpm, 13.9), throttle=0.0, brake=0.0)
    assert math.isfinite(limiter.apply(request, DT_S, 13.9, 0.0, MAX_STEER_RAD).steering)
    expected = make(name).update(lane, 13.9, DT_S).curvature_radpm
    assert controller.update(lane, 13.9, DT_S).curvature_radpm == pytest.approx(expected, rel=0.05)


@every_controller
@pytest.mark.parametrize("speed_mps", [3.0, 8.0, 16.0, 36.0])
def test_a_disturbance_decays_without_much_overshoot(name, speed_mps):
    parameters = DecisionParameters(controller=name, set_speed_mps=speed_mps)
    driven = drive(straight(2000), speed_mps, duration_s=12.0, noise=0.0, offset_m=0.6, parameters=parameters)
    assert driven.max_m(from_s=9.0) < 0.06
    assert driven.offset_m.min() > -0.12
    assert driven.max_lateral_mps2 < 1.6
    assert driven.max_jerk_mps3 < 3.0


@every_controller
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_it_drives_bends_to_both_sides(name, sign):
    driven = drive(bend(250, 22.2, sign), 22.2, parameters=DecisionParameters(controller=name, set_speed_mps=22.2))
    assert driven.modes == ["standby", "lane_keeping"]
    assert driven.rms_m() < 0.15
    assert driven.max_m() < 0.4


@every_controller
def test_at_walking_pace_an_offset_decays_without_overshoot(name):
    parameters = DecisionParameters(controller=name, set_speed_mps=1.5)
    driven = drive(straight(200), 1.0, duration_s=36.0, noise=0.0, offset_m=0.4, parameters=parameters)
    assert driven.max_m(from_s=32.0) < 0.05
    assert driven.offset_m.min() > -0.06  # 15 % of the initial offset
    steers = np.array([control.steering for control in driven.controls]) * MAX_STEER_RAD
    assert np.abs(np.diff(steers)).max() / DT_S <= 0.5 + 1e-9


@pytest.mark.parametrize("name", CONTROLLERS)
@pytest.mark.parametrize("other", CONTROLLERS)
def test_changing_the_controller_while_driving_is_bumpless(name, other):
    """Off the centre in a bend, where the controllers differ."""
    plant, camera = Plant(road=bend(125, 13.9), speed_mps=13.9, offset_m=0.3), NoisyCamera(3, 0.0)
    keeper = LaneKeeper(DecisionParameters(controller=name), VehicleConfig(), CameraConfig())
    control, angles = None, []
    for tick in range(650):
        plant.tick(control)
        detection = camera.expose(plant, tick * DT_S, tick) if tick % 3 == 0 else None
        if tick in (500, 560):
            keeper.update_parameter("controller", other if tick == 500 else name)
        control = keeper.decide(tick * DT_S, detection, plant.state(tick * DT_S))
        angles.append(control.steering * MAX_STEER_RAD)
    steps = [abs(b - a) for a, b in pairwise(angles)]
    limit_rad = BICYCLE.steer_rad(3.0 / 13.9**2 * DT_S, 13.9)  # m/s³; the limits allow 5
    assert max(steps[495:570]) <= max(limit_rad, 1.5 * max(steps[400:490]))
    assert abs(plant.offset_m) < 0.2


def test_a_controller_without_its_package_is_rejected_and_the_active_one_continues(monkeypatch):
    monkeypatch.setattr("lkas.decision.parameters.find_spec", lambda name: None)
    keeper = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
    with pytest.raises(ParameterError, match=r"osqp.*pip install 'lkas\[mpc\]'.*pure_pursuit"):
        keeper.update_parameter("controller", "mpc")
    keeper.update_parameter("lqr_offset_worth_m", 0.5)  # lqr is still active
    with pytest.raises(ParameterError, match="osqp"):
        make("mpc")


def test_when_the_solver_fails_lqr_steers_and_an_event_reports_it(monkeypatch):
    """There is no plan from 3 to 5 s; the car stays in the lane."""
    solve, now = QuadraticProgram.solve, [0.0]
    monkeypatch.setattr(
        QuadraticProgram,
        "solve",
        lambda *a: (None, "OSQP: maximum iterations reached") if 3 < now[0] < 5 else solve(*a),
    )

    def lines_at(now_s: float) -> str:
        now[0] = now_s
        return "both"

    driven = drive(
        bend(250, 22.2), 22.2, parameters=DecisionParameters(controller="mpc", set_speed_mps=22.2), lines_at=lines_at
    )
    reported = [text for text in driven.events if "mpc" in text]
    assert reported == [
        "mpc failed, its fallback steers: OSQP: maximum iterations reached",
        "mpc steers again",
    ]
    assert driven.max_m() < 0.4
    assert driven.max_jerk_mps3 < 3.0


def test_the_plan_keeps_its_limits_where_the_bend_is_sharp():
    """The plan starts beyond the limit, with the command of lqr, and returns to it."""
    controller = make("mpc", mpc_lateral_acceleration_mps2=2.0)
    lane = structs.replace(CENTERED, curvature_radpm=1 / 110, yaw_rate_radps=14 / 110, offset_m=-0.5)
    commands = [controller.update(lane, 14.0, DT_S).curvature_radpm * 14**2 for _ in range(100)]
    assert commands[0] > 2.5
    assert max(commands[40:]) < 2.0 + MIN_MARGIN_MPS2


def test_the_active_parameters_follow_the_controller():
    assert "lqr_offset_worth_m" in active_parameters("lqr")
    assert "lqr_offset_worth_m" not in active_parameters("pure_pursuit")
    assert "lookahead_time_s" in active_parameters("pure_pursuit")


def test_the_integral_of_lqr_is_bounded_and_stops_while_the_limiter_acts():
    lane = structs.replace(CENTERED, offset_m=0.09)
    free, limited = make("lqr", lqr_integral_per_s3=1.0), make("lqr", lqr_integral_per_s3=1.0)
    first = free.update(lane, 20.0, DT_S).integral_term_radpm
    for _ in range(2000):
        last = free.update(lane, 20.0, DT_S).integral_term_radpm
        stopped = limited.update(lane, 20.0, DT_S, is_limited=True).integral_term_radpm
    assert last == pytest.approx(-INTEGRAL_LIMIT_MPS2 / 400)
    assert stopped == 0
    free.reset()
    assert free.update(lane, 20.0, DT_S).integral_term_radpm == pytest.approx(first)


@pytest.mark.parametrize("speed_mps", [1.0, 5.0, 13.9, 36.0])
def test_the_gains_of_lqr_solve_the_riccati_equation(speed_mps):
    """Any other gain has a higher cost, on the model of the gains."""

    def cost(scale: np.ndarray) -> float:
        gains = _feedback(speed_mps) * scale
        tau, v, total = BICYCLE.lag_s(speed_mps), speed_mps, 0.0
        slip_m = BICYCLE.slip_per_curvature_m(v)
        state = np.array([0.1, 0.1 / max(v, 7.0), 0.05])
        for _ in range(4000):
            u = -float(gains @ state)
            total += (state[0] / 0.25) ** 2 + (v * state[1] / 2.0) ** 2 + ((v**2 + 49) * u) ** 2
            _, c, w = state
            state = state + DT_S * np.array([v * c + slip_m * w, w, (v * u - w) / tau])
        return total

    best = cost(np.ones(3))
    for index in range(3):
        for factor in (0.8, 1.25):
            scale = np.ones(3)
            scale[index] = factor
            assert cost(scale) > best * 0.999


def _feedback(speed_mps: float) -> np.ndarray:
    """(3,) gains of offset, course and yaw rate, computed from the commands for small states."""
    controller, small = make("lqr", lqr_integral_per_s3=0.0, lqr_offset_worth_m=0.25, lqr_drift_worth_mps=2.0), 1e-4
    return np.array(
        [
            -controller.update(structs.replace(CENTERED, **{field: small}), speed_mps, DT_S).curvature_radpm / small
            for field in ("offset_m", "heading_rad", "yaw_rate_radps")
        ]
    )
