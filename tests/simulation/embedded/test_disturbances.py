"""Effects of slope, bank, wind, grip and steering offset on the car."""

import math

import pytest

from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.config import SimulationConfig
from simulation.embedded.disturbance import Gusts
from simulation.embedded.dynamics import AIR_KGPM3, GRAVITY_MPS2, CarParameters, ExternalInputs, SingleTrack
from simulation.embedded.plant import Car, Command
from simulation.embedded.road_gravity import RoadGravity
from simulation.embedded.world import EmbeddedWorld
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import find_route
from simulation.opendrive.writer import road_xml, straight
from tests.simulation.embedded.driver import straight_on
from tests.simulation.opendrive import roads

P = CarParameters()


def rates(inputs, *, speed_mps=20.0, steer_rad=0.0, pedal_mps2=0.0, parameters=P):
    return SingleTrack(parameters).rates((0.0, 0.0, 0.0, speed_mps, 0.0, 0.0), steer_rad, pedal_mps2, inputs)


def gravity_of(folder, climb_ratio=0.0, bank_deg=0.0):
    path = folder / "tilted.xodr"
    path.write_text(
        road_xml(
            "tilted",
            [straight(200.0)],
            lane_width_m=3.5,
            is_closed=False,
            note="",
            climb_ratio=climb_ratio,
            bank_deg=bank_deg,
        )
    )
    return RoadGravity(find_route(read_map(path)))


def test_gravity_pulls_back_on_a_climb_and_right_where_the_left_side_is_higher(tmp_path):
    angle = math.atan(0.08)
    forward, left, normal = gravity_of(tmp_path, climb_ratio=0.08).gravity_mps2(50.0, 0.0)
    assert forward == pytest.approx(-GRAVITY_MPS2 * math.sin(angle) * math.cos(angle))
    assert (left, normal) == pytest.approx((0.0, GRAVITY_MPS2 * math.cos(angle)))
    bank_rad = math.radians(4)
    forward, left, _ = gravity_of(tmp_path, bank_deg=4).gravity_mps2(50.0, 0.0)
    assert (forward, left) == pytest.approx((0.0, -GRAVITY_MPS2 * math.sin(bank_rad) * math.cos(bank_rad)))
    turned = gravity_of(tmp_path, climb_ratio=0.08).gravity_mps2(50.0, math.pi)
    assert turned[0] > 0  # downhill in the opposite direction


def test_a_level_map_has_constant_gravity(tmp_path):
    assert not gravity_of(tmp_path, climb_ratio=0.05).is_level
    level = RoadGravity(find_route(read_map(roads.write(tmp_path, roads.road()))))
    assert level.is_level
    assert level.gravity_mps2(10.0, 1.0) == (0.0, 0.0, GRAVITY_MPS2)


def test_on_a_bank_the_car_drifts_down_until_tyre_forces_balance_gravity():
    assert rates(ExternalInputs(gravity_left_mps2=-0.3))[4] == pytest.approx(-0.3)
    car = Car(P, 0.6)
    car.place(0.0, 0.0, 0.0, 20.0)
    car.step(Command(throttle=0.1), 2.0, ExternalInputs(gravity_left_mps2=-0.3))
    assert car.state.y_m < -0.1
    assert abs(car.state.lateral_acceleration_mps2) < 0.15


def test_a_standing_car_rolls_downhill_only_without_brakes():
    downhill = ExternalInputs(gravity_forward_mps2=0.8)
    car = Car(P, 0.6)
    car.step(Command(brake=0.3), 3.0, downhill)
    assert (car.state.x_m, car.state.speed_mps) == (0.0, 0.0)
    car.step(Command(), 2.0, downhill)
    assert car.state.speed_mps == pytest.approx(2.0 * (0.8 - P.rolling_mps2), rel=0.1)
    car.place(0.0, 0.0, 0.0, 0.0)
    car.step(Command(), 2.0, ExternalInputs(gravity_forward_mps2=-0.8))
    assert car.state.x_m == 0.0  # driving backwards is not simulated


def test_braking_shifts_load_to_the_front_and_makes_the_rear_lighter():
    steady = rates(ExternalInputs(), steer_rad=0.02, parameters=P)
    braked = rates(ExternalInputs(), steer_rad=0.02, pedal_mps2=-3.0, parameters=P)
    assert braked[5] > steady[5] * 1.03  # the front axle turns the car in


def test_full_braking_leaves_little_grip_to_steer_with():
    steady, braked = (rates(ExternalInputs(), steer_rad=0.1, pedal_mps2=pedal)[4] for pedal in (0.0, -9.2))
    assert abs(braked) < 0.5 * abs(steady)


def test_on_ice_the_grip_limits_braking_and_lateral_forces():
    ice = ExternalInputs(friction_ratio=0.2)
    limit_mps2 = 0.2 * P.friction * GRAVITY_MPS2
    assert rates(ice, pedal_mps2=-8.0)[3] == pytest.approx(-limit_mps2, rel=0.15)
    assert rates(ice, steer_rad=0.3)[4] < limit_mps2


def test_side_wind_is_the_textbook_force_and_turns_the_car_away_from_it():
    out = rates(ExternalInputs(side_wind_mps=10.0), speed_mps=30.0)
    flow_mps = math.hypot(30.0, 10.0)
    force_n = AIR_KGPM3 / 2 * P.frontal_area_m2 * flow_mps**2 * P.side_force_per_rad * (10.0 / flow_mps)
    assert out[4] == pytest.approx(force_n / P.mass_kg)
    assert out[5] > 0  # blown to the left, the nose goes left
    assert rates(ExternalInputs(side_wind_mps=-10.0), speed_mps=30.0)[4] == pytest.approx(-out[4])


def test_a_steering_offset_steers_but_is_not_measured():
    config = SimulationConfig(start_speed_mps=20.0, steering_offset_deg=1.0)
    world = EmbeddedWorld(config, CameraConfig(width_px=64, height_px=48), VehicleConfig())
    for _ in range(100):
        tick = world.tick(None)
    assert tick.state.yaw_rate_radps > 0.08
    assert tick.state.steering_angle_rad == pytest.approx(0.0, abs=0.002)


def test_each_key_of_the_configuration_changes_the_drive_and_the_same_seed_repeats_it(tmp_path):
    road = str(roads.write(tmp_path, roads.road()))

    def end(**changes):
        config = SimulationConfig(map=road, start_speed_mps=30.0, **changes)
        world = EmbeddedWorld(config, CameraConfig(width_px=64, height_px=48), VehicleConfig())
        control = None
        for _ in range(80):
            tick = world.tick(control)
            control = straight_on(world, tick, steering=-0.05, brake=0.2)
        return tick.state.pose

    undisturbed = end()
    for key, value in (("side_wind_mps", 15.0), ("gusts_mps", 8.0), ("friction_ratio", 0.2)):
        disturbed = end(**{key: value})
        assert end(**{key: value}) == disturbed, key
        assert disturbed.y_m != undisturbed.y_m, key
    assert end(gusts_mps=8.0, seed=2) != end(gusts_mps=8.0, seed=3)


def test_gusts_have_the_configured_sigma_and_correlation_time():
    gusts = Gusts(4.0, seed=1, tick_s=0.01)
    blown = [gusts.step() for _ in range(200_000)]
    mean = sum(blown) / len(blown)
    sigma = math.sqrt(sum((gust - mean) ** 2 for gust in blown) / len(blown))
    assert sigma == pytest.approx(4.0, rel=0.15)
    later = sum(a * b for a, b in zip(blown, blown[200:], strict=False)) / (len(blown) - 200) / sigma**2
    assert later == pytest.approx(math.exp(-1), abs=0.12)  # two seconds later
