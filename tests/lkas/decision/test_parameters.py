"""Each parameter has an effect; live ones change a running keeper, and invalid changes raise an error."""

import functools
from typing import Any

import pytest
from msgspec import structs

from lkas.decision.controllers import create_controller
from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import (
    ControlMode,
    DepartureStatus,
    VehicleState,
)
from lkas.parameters import ParameterError, declared
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.road import Road, bend, straight
from tests.lkas.decision.situations import detection_at, make_keeper, settle, vehicle_state


def _mode_with_wrong_yaw_rate(**parameters: Any) -> set[str]:
    def negated(now_s: float, state: VehicleState) -> VehicleState:
        return structs.replace(state, yaw_rate_radps=-(state.yaw_rate_radps or 0.0))

    drive_parameters = DecisionParameters(set_speed_mps=13.9, **parameters)
    driven = drive(bend(125, 13.9), 13.9, duration_s=5.0, vehicle_at=negated, parameters=drive_parameters)
    return {control.state_reason for control in driven.controls}


def _final_speed(**parameters: Any) -> float:
    return drive(
        straight(400), 10.0, duration_s=10.0, noise=0.0, parameters=DecisionParameters(**parameters)
    ).speed_mps[-1]


def _steering(at_s: float = 0.8, speed_mps: float = 20.0, offset_m: float = 0.4, **parameters: Any) -> float:
    return settle(make_keeper(**parameters), to_s=at_s, speed_mps=speed_mps, offset_m=offset_m).steering


def _pursuit(**how: Any) -> float:
    return _steering(controller="pure_pursuit", **how)


def _pedals(at_s: float = 0.8, speed_mps: float = 13.0, **parameters: Any) -> tuple[float, float]:
    control = settle(make_keeper(**parameters), to_s=at_s, speed_mps=speed_mps)
    return control.throttle, control.brake


@functools.cache  # the drive with the defaults runs once
def _bend_steering(**parameters: Any) -> float:
    road = Road([(0.0, 1 / 300), (300.0, 1 / 300)])
    driven = drive(
        road, 20.0, duration_s=3.0, noise=0.0, parameters=DecisionParameters(set_speed_mps=20.0, **parameters)
    )
    return round(driven.controls[-1].steering, 6)


@functools.cache
def _after_loss(**parameters: Any) -> tuple[list[str], float]:
    driven = drive(
        straight(400),
        13.9,
        duration_s=6.0,
        lines_at=lambda t: "both" if t < 2 else "none",
        parameters=DecisionParameters(**parameters),
    )
    return [str(control.mode) for control in driven.controls], float(driven.speed_mps[-1])


def _recovery(**parameters: Any) -> list[str]:
    driven = drive(
        straight(400),
        13.9,
        duration_s=8.0,
        lines_at=lambda t: "none" if 1 < t < 5 else "both",
        parameters=DecisionParameters(**parameters),
    )
    return [str(control.mode) for control in driven.controls]


def _single_outlier(**parameters: Any) -> float | None:
    keeper = make_keeper(**parameters)
    settle(keeper)
    return keeper.decide(1.0, detection_at(1.0, offset_m=0.15), vehicle_state(1.0)).lateral_offset_meters


def _drift(speed_mps: float = 13.9, at_s: float = 0.3, **parameters: Any) -> list[DepartureStatus | None]:
    """Heading slightly to the left all the time, 0.45 m from the line."""
    keeper, statuses = make_keeper(**parameters), []
    for tick in range(round(at_s * 100)):
        now_s = tick / 100
        detection = detection_at(now_s, heading_rad=0.03, offset_m=0.3)
        statuses.append(keeper.decide(now_s, detection, vehicle_state(now_s, speed_mps)).departure_status)
    return statuses


def _rearmed(**parameters: Any) -> ControlMode:
    keeper = make_keeper(**parameters)
    keeper.override(True)
    settle(keeper)
    keeper.override(False)
    return settle(keeper, 1.0, 2.6).mode


# name: (another value, a result that it changes)
EFFECTS = {
    "controller": ("pure_pursuit", _steering),
    "enabled": (False, _pedals),
    "check_steering": (False, _mode_with_wrong_yaw_rate),
    "set_speed_mps": (8.0, _final_speed),
    "curve_lateral_acceleration_mps2": (
        0.5,
        lambda **p: drive(bend(125, 13.9), 13.9, duration_s=9.0, parameters=DecisionParameters(**p)).speed_mps[-1],
    ),
    "acceleration_mps2": (0.4, lambda **p: _pedals(2.5, 8.0, **p)),
    "deceleration_mps2": (0.5, lambda **p: _pedals(2.5, 20.0, **p)),
    "longitudinal_jerk_mps3": (0.5, lambda **p: _pedals(0.7, 8.0, **p)),
    "degraded_deceleration_mps2": (0.3, _after_loss),
    "minimum_risk_deceleration_mps2": (1.0, _after_loss),
    "speed_gain_per_s": (0.05, lambda **p: _pedals(0.8, 13.0, **p)),
    "speed_integral_per_s2": (0.8, lambda **p: _pedals(0.8, 13.0, **p)),
    "full_throttle_mps2": (7.0, lambda **p: _pedals(0.8, 13.0, **p)),
    "full_brake_mps2": (4.0, lambda **p: _pedals(0.8, 20.0, **p)),
    "lookahead_time_s": (2.0, _pursuit),
    "lookahead_min_m": (30.0, lambda **p: _pursuit(speed_mps=10.0, **p)),
    "correction_mps2": (0.2, _steering),
    "lqr_offset_worth_m": (1.0, lambda **p: _steering(offset_m=0.1, **p)),
    "lqr_drift_worth_mps": (0.3, lambda **p: _steering(offset_m=0.1, **p)),
    "lqr_integral_per_s3": (1.0, lambda **p: _steering(offset_m=0.05, **p)),
    "stanley_gain_per_s": (3.0, lambda **p: _steering(offset_m=0.1, controller="stanley", **p)),
    "stanley_softening_mps": (10.0, lambda **p: _steering(offset_m=0.1, controller="stanley", **p)),
    "stanley_heading_time_s": (0.8, lambda **p: _steering(offset_m=0.1, controller="stanley", **p)),
    "stanley_yaw_damping_s": (0.8, lambda **p: _bend_steering(controller="stanley", **p)),
    "pid_proportional_per_s2": (0.5, lambda **p: _steering(offset_m=0.1, controller="pid", **p)),
    "pid_integral_per_s3": (2.0, lambda **p: _steering(offset_m=0.1, controller="pid", **p)),
    "pid_derivative_per_s": (0.5, lambda **p: _bend_steering(controller="pid", **p)),
    "mpc_offset_worth_m": (1.0, lambda **p: _steering(offset_m=0.1, controller="mpc", **p)),
    "mpc_drift_worth_mps": (0.3, lambda **p: _steering(offset_m=0.1, controller="mpc", **p)),
    "mpc_lateral_acceleration_mps2": (1.0, lambda **p: _bend_steering(controller="mpc", **p)),
    "mpc_lateral_jerk_mps3": (1.0, lambda **p: _steering(offset_m=0.4, controller="mpc", **p)),
    "understeer_s2pm": (0.01, _bend_steering),
    "rear_slip_s2pm": (0.015, _bend_steering),
    "yaw_lag_s2pm": (0.015, _bend_steering),
    "steering_trim_mps2": (0.0, _bend_steering),
    "measurement_sigma_ratio": (8.0, _single_outlier),
    "hold_offset_m": (0.15, _after_loss),
    "engage_time_s": (2.0, lambda **p: settle(make_keeper(**p)).mode),
    "degraded_time_s": (9.0, _after_loss),
    "recovery_time_s": (2.5, _recovery),
    "rearm_time_s": (5.0, _rearmed),
    "drift_ttlc_s": (0.2, _drift),
    "warning_earliest_m": (0.1, lambda **p: _drift(drift_ttlc_s=5.0, speed_mps=6.0, **p)),
    "warning_confirm_s": (0.0, _drift),
    "warning_least_speed_mps": (30.0, _drift),
}


def test_the_list_of_effects_is_complete():
    assert set(EFFECTS) == set(declared("decision", DecisionParameters))


@pytest.mark.parametrize("name", EFFECTS)
def test_every_parameter_has_an_effect(name):
    value, result = EFFECTS[name]
    assert result(**{name: value}) != result()


def test_a_live_parameter_changes_a_running_keeper():
    keeper = make_keeper()
    fast = settle(keeper, speed_mps=13.0)
    keeper.update_parameter("set_speed_mps", 5)
    slow = settle(keeper, 1.0, 2.0, speed_mps=13.0)
    assert fast.throttle > 0
    assert slow.brake > 0


@pytest.mark.parametrize(("name", "value"), [("nonsense", 1.0), ("set_speed_mps", 500.0), ("hold_offset_m", 0.5)])
def test_an_invalid_change_raises_an_error(name, value):
    with pytest.raises(ParameterError, match=name):
        make_keeper().update_parameter(name, value)


def test_an_unknown_controller_names_the_known_ones():
    with pytest.raises(ValueError, match="pure_pursuit"):
        create_controller(structs.replace(DecisionParameters(), controller="unknown"), None)
