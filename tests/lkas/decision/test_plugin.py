"""A steering law of the user's own: whatever it does, the car is steered within the limits."""

import sys

import numpy as np
import pytest

from lkas.decision.bicycle import Bicycle
from lkas.decision.broker_requests import active_parameters
from lkas.decision.controllers import create_controller
from lkas.decision.controllers.plugin import STRAIGHT, try_controller
from lkas.decision.keeper import LaneKeeper
from lkas.decision.limiter import MAX_LATERAL_JERK_MPS3, MAX_LATERAL_MPS2
from lkas.decision.parameters import CONTROLLERS, DecisionParameters
from lkas.integration.shared_memory.messages import ControlMode
from lkas.integration.zmq.client import ParameterClient
from lkas.integration.zmq.ports import Ports, free_port_base
from lkas.parameters import Parameter, ParameterError
from lkas.plugins.guard import PluginError
from lkas.vehicle import CameraConfig, VehicleConfig
from tests.lkas.decision.closed_loop import MAX_STEER_RAD, TICK_S, bend, drive
from tests.support.stack import ROOT

SOURCE = """
import math
from lkas.decision.controllers import SteeringCommand

class Law:
    models_lag = False

    def __init__(self, parameters, bicycle):
        self.lookahead_s = parameters.lookahead_time_s
        self.seen = []

    def reset(self):
        self.seen.clear()

    def update(self, lane, speed_mps, dt_s, *, is_limited=False):
        self.seen.append(dt_s)
        ahead_m = max(6.0, self.lookahead_s * speed_mps)
        {body}
        curvature = lane.curvature_radpm - 2 * lane.offset_m / ahead_m**2 - 2 * lane.heading_rad / ahead_m
        return SteeringCommand(curvature_radpm=curvature, feedforward_radpm=lane.curvature_radpm,
                               offset_term_radpm=0.0, heading_term_radpm=0.0)
"""
EXAMPLE = f"{ROOT}/examples/own_controller.py:create"
NOTHING_FINITE = "feedforward_radpm=0.0, offset_term_radpm=0.0, heading_term_radpm=0.0"


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Writes law.py with this line in `update`; gives the parameters that name it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(body="pass"):
        (tmp_path / "law.py").write_text(SOURCE.format(body=body))
        return DecisionParameters(controller="law.py:Law", set_speed_mps=15.0)

    return write


def created(parameters):
    return create_controller(parameters, Bicycle(VehicleConfig(), parameters))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return 0.1", "law.py:Law: update gave 0.1; expected a lkas.decision.controllers.SteeringCommand"),
        (f"return SteeringCommand(curvature_radpm=math.nan, {NOTHING_FINITE})", "gave curvature_radpm = nan; expected"),
        (f"return SteeringCommand(curvature_radpm='left', {NOTHING_FINITE})", "curvature_radpm = 'left'; expected"),
        ("return lane.nothing", "law.py:Law: update: AttributeError: 'LaneState' object has no attribute 'nothing' "
         "(law.py, line 18, in update)"),
    ],
)  # fmt: skip
def test_one_that_can_not_steer_is_told_before_it_has_to(own, body, words):
    with pytest.raises(PluginError) as raised:
        try_controller(created(own(body)))
    assert words in str(raised.value)


def test_one_without_models_lag_is_told(own, tmp_path):
    parameters = own()
    (tmp_path / "law.py").write_text(SOURCE.format(body="pass").replace("models_lag = False", ""))
    with pytest.raises(
        PluginError, match="returned an object of type Law without models_lag; expected an object with update"
    ):
        created(parameters)


LATE = "if len(self.seen) > 200: "


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "raise RuntimeError(len(self.seen))",
            "its fallback does: update: RuntimeError: 201 (law.py, line 18, in update)",
        ),
        ("return None", "its fallback does: update gave None"),
        (f"return SteeringCommand(curvature_radpm=math.inf, {NOTHING_FINITE})", "update gave curvature_radpm = inf"),
        (f"return SteeringCommand(curvature_radpm=1e308, {NOTHING_FINITE})", None),
        (f"return SteeringCommand(curvature_radpm=(-9) ** (len(self.seen) % 9), {NOTHING_FINITE})", None),
    ],
)
def test_whatever_it_does_the_limits_hold_and_who_steers_is_told(own, caplog, body, words):
    parameters = own(LATE + body)
    driven = drive(bend(200.0, 15.0), 15.0, parameters=parameters, noise=0.0, duration_s=5.0)
    bicycle = Bicycle(VehicleConfig(), parameters)
    lateral_mps2 = np.array([
        speed_mps**2 * bicycle.curvature_radpm(-control.steering * MAX_STEER_RAD, speed_mps)
        for control, speed_mps in zip(driven.controls, driven.speed_mps, strict=True)
    ])  # fmt: skip
    assert np.isfinite(lateral_mps2).all()
    assert np.abs(lateral_mps2).max() < MAX_LATERAL_MPS2 + 0.1  # of the command, at the speed of a tick later
    assert np.abs(np.diff(lateral_mps2)).max() < MAX_LATERAL_JERK_MPS3 * TICK_S + 0.02
    if words is None:
        assert driven.max_m() > 0.3, "it was followed as far as the limits let it"
        return
    assert driven.max_m() < 0.3, "the regulator keeps the lane"
    (told,) = (text for text in driven.events if "does not steer" in text)
    assert words in told
    assert caplog.text.count("law.py:Law: update") == 1, "one line and traceback in the log"


def test_it_steers_and_is_asked_only_for_what_is_steered(own):
    parameters = own()
    driven = drive(bend(200.0, 15.0), 15.0, parameters=parameters, noise=0.0, duration_s=6.0)
    assert driven.max_m() < 0.3
    assert [text for text in driven.events if "steer" in text] == []
    law = driven.keeper._steering.controller._law
    asked = len(law.seen)
    assert min(law.seen) > 0, "nobody has to divide by zero"
    assert len(driven.keeper.timeline().points) == 31
    assert len(law.seen) == asked, "the forecast leaves its memory alone"


def test_after_a_loss_of_the_lane_it_gets_another_chance(own):
    parameters = own("if 200 < len(self.seen) < 240: return 1 / 0")
    law = created(parameters)
    for _ in range(200):
        assert law.update(STRAIGHT, 15.0, 0.01).trouble is None
    assert law.models_lag is False
    failed = [law.update(STRAIGHT, 15.0, 0.01) for _ in range(60)]
    assert all("ZeroDivisionError" in command.trouble for command in failed), "it is not asked again at each step"
    assert law.models_lag is True
    law.reset()
    assert law.update(STRAIGHT, 15.0, 0.01).trouble is None


def test_a_law_is_made_anew_with_changed_parameters_of_laws(own):
    keeper = LaneKeeper(own(), VehicleConfig(), CameraConfig())
    keeper.update_parameter("lookahead_time_s", 2.0)
    assert keeper._steering.controller._law.lookahead_s == 2.0
    every = set(DecisionParameters.__struct_fields__)
    assert set(active_parameters("law.py:Law")) == every > set(active_parameters("lqr"))


def test_while_driving_only_built_in_laws_and_the_one_given_at_the_start_can_be_chosen(own, tmp_path):
    keeper = LaneKeeper(own(), VehicleConfig(), CameraConfig())
    (tmp_path / "evil.py").write_text("open('loaded', 'w').close()\ncreate = None")
    for name in ("evil.py:create", f"{tmp_path}/law.py:Law", "evil:create", "fuzzy"):
        with pytest.raises(ParameterError, match=f"expected one of {', '.join(CONTROLLERS)}, law.py:Law$"):
            keeper.update_parameter("controller", name)
    keeper.update_parameter("controller", "lqr")
    keeper.update_parameter("controller", "law.py:Law")
    assert not (tmp_path / "loaded").exists()
    of_ours = LaneKeeper(DecisionParameters(), VehicleConfig(), CameraConfig())
    with pytest.raises(ParameterError, match="expected one of lqr"):
        of_ours.update_parameter("controller", "law.py:Law")


def test_what_the_broker_is_told_has_no_room_for_other_names(own):
    client = ParameterClient("decision", Ports(free_port_base()), section=own())
    taken = []
    client.register_callback(lambda name, value: taken.append(value))
    try:
        (row,) = (row for row in client._table().parameters if row.name == "controller")
        assert (type(row), row.choices) == (Parameter, (*CONTROLLERS, "law.py:Law"))
        assert "expected one of" in client._apply("controller", "evil.py:create")
        assert client._apply("controller", "law.py:Law") is None
    finally:
        client.close()
    assert taken == ["law.py:Law"]


def test_the_example_keeps_the_lane():
    parameters = DecisionParameters(controller=EXAMPLE, set_speed_mps=15.0)
    driven = drive(bend(200.0, 15.0), 15.0, parameters=parameters, duration_s=10.0)
    assert driven.max_m() < 0.35
    assert driven.modes[-1] == ControlMode.LANE_KEEPING
