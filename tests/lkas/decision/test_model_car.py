"""The limits of decision follow the size of the car."""

import math

import pytest
from msgspec import structs

from lkas.decision.bicycle import Bicycle
from lkas.decision.estimator import LaneEstimator
from lkas.decision.limiter import ControlRequest, Limiter
from lkas.decision.measurement import LEFT, RIGHT, LineMeasurement
from lkas.decision.model_car import SCALED, tuned_for
from lkas.decision.parameters import DecisionParameters
from lkas.decision.speed import SpeedController
from lkas.decision.state_machine import StateMachine
from lkas.integration.shared_memory.messages import ControlMode, LimiterFlag
from lkas.scale import FULL_SIZE, Scale, scale_of_car
from lkas.vehicle import VehicleConfig
from tests.lkas.decision.test_state_machine import situation

PARAMETERS = DecisionParameters()
MODEL = VehicleConfig(wheelbase_m=0.27, cg_to_rear_axle_m=0.145, width_m=0.19)
SCALE = scale_of_car(MODEL.wheelbase_m)


def bicycle(vehicle=MODEL):
    return Bicycle(vehicle, PARAMETERS)


def test_a_full_size_car_keeps_its_parameters():
    assert tuned_for(PARAMETERS, FULL_SIZE) is PARAMETERS


def test_control_laws_are_scaled_by_their_units_and_the_drive_is_not():
    tuned = tuned_for(PARAMETERS, Scale(0.01))
    assert tuned.lookahead_min_m == pytest.approx(0.01 * PARAMETERS.lookahead_min_m)
    assert tuned.lookahead_time_s == pytest.approx(0.1 * PARAMETERS.lookahead_time_s)
    assert tuned.lqr_drift_worth_mps == pytest.approx(0.1 * PARAMETERS.lqr_drift_worth_mps)
    assert tuned.pid_proportional_per_s2 == pytest.approx(100 * PARAMETERS.pid_proportional_per_s2)
    assert tuned.correction_mps2 == PARAMETERS.correction_mps2
    kept = {name for name in structs.asdict(PARAMETERS) if name not in SCALED}
    assert {"set_speed_mps", "acceleration_mps2", "curve_lateral_acceleration_mps2", "engage_time_s"} <= kept
    assert all(getattr(tuned, name) == getattr(PARAMETERS, name) for name in kept)


def test_a_model_car_at_walking_pace_is_not_standing():
    """0.2 m/s: a car of 2.7 m stands, one of 0.27 m drives."""
    slow_mps = 0.2
    for vehicle, throttle_while_stopping in ((VehicleConfig(), 0.3), (MODEL, 0.0)):
        controller = SpeedController(PARAMETERS, bicycle(vehicle))
        _, brake = controller.brake(0.5, slow_mps, 0.01)
        assert (brake >= 0.3) == (throttle_while_stopping > 0)
    for scale, mode in ((FULL_SIZE, ControlMode.STANDBY), (SCALE, ControlMode.MINIMUM_RISK)):
        machine = StateMachine(PARAMETERS, scale)
        machine.mode = ControlMode.MINIMUM_RISK
        machine.resume()
        assert machine.update(situation(speed_mps=slow_mps, is_left_visible=False, is_right_visible=False)) is mode


@pytest.mark.parametrize("width_m", [0.25, 0.5])
def test_a_narrow_lane_is_measured_as_it_is(width_m):
    estimator = LaneEstimator(bicycle(), PARAMETERS)
    sigmas = (0.002, 0.005, 0.05, 1.0)
    for tick in range(10):
        estimator.predict(0.03 * tick, 1.0, 0.0)
        estimator.measure(
            0.03 * tick,
            tuple(LineMeasurement(side, (side * width_m / 2, 0.0, 0.0, 0.0), sigmas) for side in (LEFT, RIGHT)),
        )
    lane = estimator.state()
    assert lane is not None
    assert lane.width_m == pytest.approx(width_m, abs=0.01)


def test_the_curvature_is_that_of_the_path_between_the_lines():
    """On a circle of R = 1 m the lines bend with 0.75 m and 1.25 m."""
    estimator = LaneEstimator(bicycle(), PARAMETERS)
    sigmas = (0.002, 0.005, 0.02, 0.1)
    for tick in range(30):
        estimator.predict(0.03 * tick, 1.0, 1.0)
        lines = [(side, 1 / (1 - side * 0.25)) for side in (LEFT, RIGHT)]
        estimator.measure(
            0.03 * tick, tuple(LineMeasurement(side, (side * 0.25, 0.0, c2, 0.0), sigmas) for side, c2 in lines)
        )
    lane = estimator.state()
    assert lane is not None
    assert lane.curvature_radpm == pytest.approx(1.0, abs=0.01)


def test_the_limiter_allows_the_same_lateral_acceleration_at_every_size():
    for vehicle, speed_mps in ((VehicleConfig(), 10.0), (MODEL, 10.0 * SCALE.speed)):
        car = Bicycle(vehicle, structs.replace(PARAMETERS, understeer_s2pm=0.0))
        limiter = Limiter(car, PARAMETERS)
        for _ in range(400):
            output = limiter.apply(
                ControlRequest(steer_rad=0.6, throttle=0.0, brake=0.0), 0.01, speed_mps, 0.0, math.radians(35)
            )
        assert speed_mps**2 * car.curvature_radpm(output.steer_rad, speed_mps) == pytest.approx(3.0)
        assert LimiterFlag.LATERAL_ACCELERATION in output.flags


def test_the_limiter_moves_the_wheels_of_a_model_as_much_faster_as_its_time_is_shorter():
    angles = []
    for vehicle in (VehicleConfig(), MODEL):
        limiter = Limiter(bicycle(vehicle), PARAMETERS)
        request = ControlRequest(steer_rad=0.5, throttle=0.0, brake=0.0)
        speed_mps = 0.5 * bicycle(vehicle).scale.speed
        angles.append(limiter.apply(request, 0.01, speed_mps, 0.0, math.radians(35)).steer_rad)
    assert angles[1] / angles[0] == pytest.approx(1 / SCALE.time)
