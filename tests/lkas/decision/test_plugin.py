"""Controller plugins: whatever they do, the car is steered within the limits."""

import sys

import numpy as np
import pytest

from lkas.decision.bicycle import Bicycle
from lkas.decision.broker_requests import active_parameters
from lkas.decision.controllers import create_controller
from lkas.decision.controllers.plugin import TRIAL_LANE, try_controller
from lkas.decision.keeper import LaneKeeper
from lkas.decision.limiter import MAX_LATERAL_JERK_MPS3, MAX_LATERAL_MPS2
from lkas.decision.parameters import CONTROLLERS, DecisionParameters
from lkas.integration.shared_memory.messages import ControlMode
from lkas.integration.zmq.client import ParameterClient
from lkas.integration.zmq.ports import Ports, free_port_base
from lkas.parameters import Parameter, ParameterError
from lkas.plugins.guard import PluginError
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import drive
from tests.lkas.decision.plant import MAX_STEER_RAD, TICK_S
from tests.lkas.decision.road import bend
from tests.support.stack import ROOT

SOURCE = """
import math
from lkas.decision.controllers import SteeringCommand

class Custom:
    models_lag = False

    def __init__(self, parameters, bicycle):
        self.lookahead_s = parameters.lookahead_time_s
        self.steps_s = []

    def reset(self):
        self.steps_s.clear()

    def update(self, lane, speed_mps, dt_s, *, is_limited=False):
        self.steps_s.append(dt_s)
        ahead_m = max(6.0, self.lookahead_s * speed_mps)
        {body}
        curvature = lane.curvature_radpm - 2 * lane.offset_m / ahead_m**2 - 2 * lane.heading_rad / ahead_m
        return SteeringCommand(curvature_radpm=curvature, feedforward_radpm=lane.curvature_radpm,
                               offset_term_radpm=0.0, heading_term_radpm=0.0)
"""
EXAMPLE = f"{ROOT}/examples/own_controller.py:create"
OTHER_TERMS = "feedforward_radpm=0.0, offset_term_radpm=0.0, heading_term_radpm=0.0"


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """A function that writes custom.py with this line in `update` and returns the parameters that name it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(body="pass"):
        (tmp_path / "custom.py").write_text(SOURCE.format(body=body))
        return DecisionParameters(controller="custom.py:Custom", set_speed_mps=15.0)

    return write


def create(parameters):
    return create_controller(parameters, Bicycle(VehicleConfig(), parameters))


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("return 0.1", "custom.py:Custom: update returned 0.1; expected a lkas.decision.controllers.SteeringCommand"),
        (f"return SteeringCommand(curvature_radpm=math.nan, {OTHER_TERMS})", "returned curvature_radpm = nan;"),
        (f"return SteeringCommand(curvature_radpm='left', {OTHER_TERMS})", "curvature_radpm = 'left'; expected"),
        ("return lane.nothing", "custom.py:Custom: update: AttributeError: 'LaneState' object has no attribute "
         "'nothing' (custom.py, line 18, in update)"),
    ],
)  # fmt: skip
def test_a_plugin_that_cannot_steer_is_reported_by_its_trial(plugin, body, expected):
    with pytest.raises(PluginError) as raised:
        try_controller(create(plugin(body)))
    assert expected in str(raised.value)


def test_a_plugin_without_models_lag_is_reported(plugin, tmp_path):
    parameters = plugin()
    (tmp_path / "custom.py").write_text(SOURCE.format(body="pass").replace("models_lag = False", ""))
    with pytest.raises(
        PluginError, match="returned an object of type Custom without models_lag; expected an object with update"
    ):
        create(parameters)


LATE = "if len(self.steps_s) > 200: "


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            "raise RuntimeError(len(self.steps_s))",
            "its fallback steers: update: RuntimeError: 201 (custom.py, line 18, in update)",
        ),
        ("return None", "its fallback steers: update returned None"),
        (f"return SteeringCommand(curvature_radpm=math.inf, {OTHER_TERMS})", "update returned curvature_radpm = inf"),
        (f"return SteeringCommand(curvature_radpm=1e308, {OTHER_TERMS})", None),
        (f"return SteeringCommand(curvature_radpm=(-9) ** (len(self.steps_s) % 9), {OTHER_TERMS})", None),
    ],
)
def test_whatever_a_plugin_does_the_limits_hold_and_a_fallback_is_reported(plugin, caplog, body, expected):
    parameters = plugin(LATE + body)
    driven = drive(bend(200.0, 15.0), 15.0, parameters=parameters, noise=0.0, duration_s=5.0)
    bicycle = Bicycle(VehicleConfig(), parameters)
    lateral_mps2 = np.array([
        speed_mps**2 * bicycle.curvature_radpm(-control.steering * MAX_STEER_RAD, speed_mps)
        for control, speed_mps in zip(driven.controls, driven.speed_mps, strict=True)
    ])  # fmt: skip
    assert np.isfinite(lateral_mps2).all()
    assert np.abs(lateral_mps2).max() < MAX_LATERAL_MPS2 + 0.1  # of the command, at the speed of a tick later
    assert np.abs(np.diff(lateral_mps2)).max() < MAX_LATERAL_JERK_MPS3 * TICK_S + 0.02
    if expected is None:
        assert driven.max_m() > 0.3, "the command was followed as far as the limits allow"
        return
    assert driven.max_m() < 0.3, "lqr keeps the lane"
    (reported,) = (text for text in driven.events if "its fallback steers" in text)
    assert expected in reported
    assert caplog.text.count("custom.py:Custom: update") == 1, "one line and traceback in the log"


def test_a_plugin_steers_and_is_called_for_commands_only(plugin):
    parameters = plugin()
    driven = drive(bend(200.0, 15.0), 15.0, parameters=parameters, noise=0.0, duration_s=6.0)
    assert driven.max_m() < 0.3
    assert [text for text in driven.events if "steer" in text] == []
    controller = driven.keeper._steering._controller._controller
    calls = len(controller.steps_s)
    assert min(controller.steps_s) > 0, "a plugin may divide by dt"
    assert len(driven.keeper.timeline().points) == 31
    assert len(controller.steps_s) == calls, "the timeline does not call it"


def test_after_a_reset_a_failed_plugin_steers_again(plugin):
    parameters = plugin("if 200 < len(self.steps_s) < 240: return 1 / 0")
    controller = create(parameters)
    for _ in range(200):
        assert controller.update(TRIAL_LANE, 15.0, 0.01).fallback_reason is None
    assert controller.models_lag is False
    failed = [controller.update(TRIAL_LANE, 15.0, 0.01) for _ in range(60)]
    assert all("ZeroDivisionError" in command.fallback_reason for command in failed), (
        "a failed plugin is not called again"
    )
    assert controller.models_lag is True
    controller.reset()
    assert controller.update(TRIAL_LANE, 15.0, 0.01).fallback_reason is None


def test_a_plugin_is_created_again_after_a_change_of_a_controller_parameter(plugin):
    keeper = LaneKeeper(plugin(), VehicleConfig(), CameraConfig())
    keeper.update_parameter("lookahead_time_s", 2.0)
    assert keeper._steering._controller._controller.lookahead_s == 2.0
    all_names = set(DecisionParameters.__struct_fields__)
    assert set(active_parameters("custom.py:Custom")) == all_names > set(active_parameters("lqr"))


def test_a_running_keeper_accepts_built_in_controllers_and_the_plugin_it_started_with(plugin, tmp_path):
    keeper = LaneKeeper(plugin(), VehicleConfig(), CameraConfig())
    (tmp_path / "evil.py").write_text("open('loaded', 'w').close()\ncreate = None")
    for name in ("evil.py:create", f"{tmp_path}/custom.py:Custom", "evil:create", "unknown"):
        with pytest.raises(ParameterError, match=f"expected one of {', '.join(CONTROLLERS)}, custom.py:Custom$"):
            keeper.update_parameter("controller", name)
    keeper.update_parameter("controller", "lqr")
    keeper.update_parameter("controller", "custom.py:Custom")
    assert not (tmp_path / "loaded").exists()
    built_in = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
    with pytest.raises(ParameterError, match="expected one of lqr"):
        built_in.update_parameter("controller", "custom.py:Custom")


def test_the_broker_s_parameter_table_allows_no_other_plugin(plugin):
    client = ParameterClient("decision", Ports(free_port_base()), section=plugin())
    received = []
    client.register_callback(lambda name, value: received.append(value))
    try:
        (row,) = (row for row in client._table().parameters if row.name == "controller")
        assert (type(row), row.choices) == (Parameter, (*CONTROLLERS, "custom.py:Custom"))
        assert "expected one of" in client._apply("controller", "evil.py:create")
        assert client._apply("controller", "custom.py:Custom") is None
    finally:
        client.close()
    assert received == ["custom.py:Custom"]


def test_the_example_keeps_the_lane():
    parameters = DecisionParameters(controller=EXAMPLE, set_speed_mps=15.0)
    driven = drive(bend(200.0, 15.0), 15.0, parameters=parameters, duration_s=10.0)
    assert driven.max_m() < 0.35
    assert driven.modes[-1] == ControlMode.LANE_KEEPING
