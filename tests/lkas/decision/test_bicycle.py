"""Vehicle and steering model: inverse pairs, closed-form predictions, and the estimated trim."""

import math

import pytest

from lkas.decision.bicycle import Bicycle
from lkas.decision.lane import LaneState
from lkas.decision.parameters import DecisionParameters
from lkas.decision.steering_model import SteeringModel
from lkas.vehicle import VehicleConfig

BICYCLE = Bicycle(VehicleConfig(), DecisionParameters())
DELAY_S, LAG_S = 0.06, VehicleConfig().steering_lag_s


def lane(**changes: float) -> LaneState:
    values = dict.fromkeys(LaneState.__struct_fields__, 0.0) | {"width_m": 3.5} | changes
    return LaneState(**values)


@pytest.mark.parametrize("speed_mps", [0.0, 2.0, 10.0, 36.0])
@pytest.mark.parametrize("curvature_radpm", [-0.05, 0.0, 0.002])
def test_steer_and_curvature_are_inverse(speed_mps, curvature_radpm):
    steer_rad = BICYCLE.steer_rad(curvature_radpm, speed_mps)
    assert BICYCLE.curvature_radpm(steer_rad, speed_mps) == pytest.approx(curvature_radpm, abs=1e-12)


def test_below_three_metres_per_second_it_is_kinematic():
    assert BICYCLE.curvature_radpm(0.2, 2.9) == pytest.approx(math.tan(0.2) / 2.7)
    assert BICYCLE.slip_per_curvature_m(2.9) == 1.45


def test_an_understeering_car_needs_more_angle_at_high_speed():
    assert BICYCLE.steer_rad(0.002, 30.0) > 1.3 * BICYCLE.steer_rad(0.002, 5.0)


def test_prediction_of_straight_motion_is_closed_form():
    model = SteeringModel(BICYCLE, DELAY_S, LAG_S, trim_mps2=0.5)
    ahead = model.predict(lane(offset_m=0.2, heading_rad=0.01), now_s=0.0, speed_mps=20.0, past_lag=True)
    assert ahead.offset_m == pytest.approx(0.2 + 20.0 * 0.01 * (0.06 + 0.15 + BICYCLE.yaw_lag_s(20.0)), abs=1e-9)


def test_a_command_in_transit_turns_the_predicted_car():
    model = SteeringModel(BICYCLE, DELAY_S, LAG_S, trim_mps2=0.5)
    model.add_command(0.0, 0.02)
    assert model.predict(lane(), now_s=0.01, speed_mps=20.0, past_lag=True).heading_rad > 0
    early = model.predict(lane(), now_s=0.0, speed_mps=20.0, past_lag=True)
    late = model.predict(lane(), now_s=0.05, speed_mps=20.0, past_lag=True)
    assert late.heading_rad > early.heading_rad  # less dead time remains


@pytest.mark.parametrize("yaw_error_radps", [0.03, -0.03])
def test_a_lasting_yaw_error_is_estimated_up_to_its_bound(yaw_error_radps):
    model = SteeringModel(BICYCLE, DELAY_S, LAG_S, trim_mps2=0.3)
    for tick in range(500):
        model.advance(tick * 0.01, 0.01, 20.0, yaw_error_radps, wheel_rad=0.0)
    assert model.trim_radpm == pytest.approx(math.copysign(0.3 / 400, yaw_error_radps), rel=1e-6)
