"""Worlds for tests, and a driver: pure pursuit on the ground truth, with pedals that keep a speed."""

import math

import msgspec

from lkas.frames import steering_from_left_rad
from lkas.integration.shared_memory.messages import ControlMessage
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.embedded.world import EmbeddedWorld
from simulation.world import Tick, Truth

SMALL = CameraConfig(width_px=160, height_px=120)
KMH50 = 50 / 3.6


def make(camera: CameraConfig = SMALL, **changes) -> EmbeddedWorld:
    return EmbeddedWorld(SimulationConfig(**changes), camera, VehicleConfig())


def straight_on(world: EmbeddedWorld, tick: Tick | None = None, **changes) -> ControlMessage:
    now_s = tick.state.timestamp if tick else 0.0
    control = ControlMessage(
        session=world.session, timestamp=now_s, valid_until=now_s + 0.2, steering=0.0, throttle=0.0, brake=0.0
    )
    return msgspec.structs.replace(control, **changes)


def truth_of(tick: Tick) -> Truth:
    assert tick.truth is not None
    return tick.truth


def run(world: EmbeddedWorld, ticks: int, control: ControlMessage | None = None) -> Tick:
    tick = world.tick(control)
    for _ in range(ticks - 1):
        tick = world.tick(control)
    return tick


def follow_lane(world: EmbeddedWorld, tick: Tick, speed_mps: float, t_m: float = 0.0) -> ControlMessage:
    """A control for the next tick that steers to a point of the lane about a second ahead."""
    state, truth = tick.state, tick.truth
    assert state.pose is not None
    assert truth is not None
    assert state.max_steer_rad is not None
    s_m, _ = world.route.curve.to_lane(
        state.pose.x_m, state.pose.y_m, world.route.curve.nearest_s_m(state.pose.x_m, state.pose.y_m)
    )
    ahead_m = max(5.0, 0.9 * truth.speed_mps)
    x, y = world.route.curve.to_world(s_m + ahead_m, t_m)
    dx, dy = x - state.pose.x_m, y - state.pose.y_m
    left_m = -math.sin(state.pose.yaw_rad) * dx + math.cos(state.pose.yaw_rad) * dy
    curvature = 2 * left_m / (dx * dx + dy * dy)
    steer_rad = curvature * (2.7 + 0.0024 * truth.speed_mps**2)
    wanted_mps2 = 1.5 * (speed_mps - truth.speed_mps) + 0.2
    return ControlMessage(
        session=world.session,
        timestamp=state.timestamp,
        valid_until=state.timestamp + 0.2,
        steering=steering_from_left_rad(steer_rad, state.max_steer_rad),
        throttle=min(1.0, max(0.0, wanted_mps2 / 3.5)),
        brake=min(1.0, max(0.0, -wanted_mps2 / 8.0)),
    )
