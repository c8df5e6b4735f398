"""A keeper whose car reports or steers with the wrong sign: it stops, and tries again at standstill only."""

from msgspec import structs

from lkas.decision.parameters import DecisionParameters
from lkas.decision.steering_side import SteeringFault
from lkas.integration.shared_memory.messages import ControlMode
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.road import bend
from tests.lkas.decision.situations import vehicle_state


def with_wrong_yaw_rate(now_s, state):
    return structs.replace(state, yaw_rate_radps=-state.yaw_rate_radps)


def stopped():
    """A keeper that has just begun to stop, because the sign of the yaw rate is wrong; and when."""
    driven = drive(bend(125, 13.9), 13.9, duration_s=9.0, vehicle_at=with_wrong_yaw_rate)
    assert driven.controls[-1].mode is ControlMode.MINIMUM_RISK
    assert driven.controls[-1].state_reason == SteeringFault.YAW_RATE.value
    assert any(text.startswith(SteeringFault.YAW_RATE.value) for text in driven.events)
    return driven.keeper, driven.controls[-1].timestamp


def test_a_resume_while_rolling_changes_nothing():
    keeper, now_s = stopped()
    keeper.resume()
    for tick in range(1, 200):
        control = keeper.decide(now_s + tick / 100, None, vehicle_state(now_s + tick / 100, 8.0))
    assert control.mode is ControlMode.MINIMUM_RISK
    assert control.state_reason == SteeringFault.YAW_RATE.value


def test_a_resume_at_standstill_tries_again():
    keeper, now_s = stopped()
    for tick in range(1, 100):
        keeper.decide(now_s + tick / 100, None, vehicle_state(now_s + tick / 100, 0.0))
    keeper.resume()
    control = keeper.decide(now_s + 1.0, None, vehicle_state(now_s + 1.0, 0.0))
    assert (control.mode, control.state_reason) == (ControlMode.STANDBY, "resumed")


def test_without_the_check_it_drives_on():
    parameters = DecisionParameters(set_speed_mps=13.9, check_steering=False)
    driven = drive(bend(125, 13.9), 13.9, duration_s=4.0, vehicle_at=with_wrong_yaw_rate, parameters=parameters)
    assert SteeringFault.YAW_RATE.value not in {control.state_reason for control in driven.controls}
