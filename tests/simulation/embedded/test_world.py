import math
from itertools import pairwise

import msgspec
import numpy as np
import pytest

from simulation.embedded.world import EmbeddedWorld
from simulation.world import Tick, World, WorldEnded, WorldError
from tests.simulation.embedded.driver import KMH50, SMALL, follow_lane, make, run, straight_on, truth_of
from tests.simulation.opendrive import roads


def test_it_implements_the_world_protocol():
    world: World = make()
    assert world.name == "embedded"
    assert (world.width_px, world.height_px, world.tick_s) == (160, 120, 0.01)
    assert 0 < world.session < 2**53
    assert make().session != make().session


def test_each_tick_advances_time_by_tick_s():
    world = make()
    stamps = [world.tick(None).state.timestamp for _ in range(300)]
    assert stamps == pytest.approx([0.01 * (i + 1) for i in range(300)])


@pytest.mark.parametrize("rate_hz", [1.0, 25.0, 30.0, 60.0, 100.0])
def test_a_frame_comes_at_the_first_tick_at_or_after_its_due_time(rate_hz):
    world = make(msgspec.structs.replace(SMALL, rate_hz=rate_hz))
    frames = [frame for frame in (world.tick(None).frame for _ in range(500)) if frame]
    assert len(frames) == pytest.approx(5 * rate_hz, abs=1)
    assert [frame.frame_id for frame in frames] == list(range(1, len(frames) + 1))
    assert frames[0].timestamp == 0.01  # the one due at 0
    for frame in frames[1:]:
        due_s = math.floor(frame.timestamp * rate_hz + 1e-6) / rate_hz
        assert frame.timestamp - 0.01 + 1e-9 < due_s <= frame.timestamp + 1e-9


def test_the_state_contains_what_a_controller_needs():
    state = make().tick(None).state
    assert state.max_steer_rad == pytest.approx(math.radians(35))
    assert (state.rate, state.tick_s, state.paused) == (1.0, 0.01, False)
    assert state.camera == SMALL.geometry()
    assert state.session
    assert state.frame_id == 1


def test_steering_to_the_right_moves_the_car_to_the_right():
    world = make(start_speed_mps=10.0)
    tick = run(world, 60, straight_on(world, steering=0.05, valid_until=math.inf))
    truth = truth_of(tick)
    assert truth.offset_m < -0.05
    assert truth.heading_error_rad < 0
    assert tick.state.yaw_rate_radps is not None
    assert tick.state.yaw_rate_radps < 0
    assert truth.margin_right_m < truth.margin_left_m


HILL = '<elevationProfile><elevation s="0" a="0" b="0.08" c="0" d="0"/></elevationProfile><lanes>'


def drive(world: EmbeddedWorld, ticks: int, speed_mps: float = KMH50, t_m: float = 0.0) -> list[Tick]:
    tick = world.tick(None)
    driven = [tick]
    for _ in range(ticks):
        tick = world.tick(follow_lane(world, tick, speed_mps, t_m))
        driven.append(tick)
    return driven


def test_the_same_seed_and_controls_give_the_same_drive_and_pixels():
    def record(seed: int):
        world = make(seed=seed, start_speed_mps=8.0)
        states, images = [], []
        tick = world.tick(None)
        for i in range(200):
            tick = world.tick(straight_on(world, tick, steering=0.02 * math.sin(i / 30), throttle=0.2))
            states.append(msgspec.structs.replace(tick.state, session=0))
            if tick.frame:
                image = np.zeros((120, 160, 3), np.uint8)
                tick.frame.render_into(image)
                images.append(image)
        return states, np.array(images)

    (states, images), (same_states, same_images), (other_states, other_images) = record(3), record(3), record(4)
    assert states == same_states
    assert (images == same_images).all()
    assert states[5].yaw_rate_radps != other_states[5].yaw_rate_radps
    assert (images != other_images).any()


def test_drawing_frames_or_not_does_not_change_the_drive():
    drawn, skipped = make(start_speed_mps=8.0), make(start_speed_mps=8.0)
    image = np.zeros((120, 160, 3), np.uint8)
    for _ in range(50):
        tick = drawn.tick(straight_on(drawn, valid_until=9.0))
        if tick.frame:
            tick.frame.render_into(image)
        other = skipped.tick(straight_on(skipped, valid_until=9.0))
        assert tick.truth == other.truth
        assert tick.state.speed_mps == other.state.speed_mps


def test_sensors_have_small_errors():
    ticks = drive(make(start_speed_mps=KMH50), 600)[100:]
    errors = np.array([tick.state.speed_mps - truth_of(tick).speed_mps for tick in ticks])
    assert abs(errors.mean()) < 3 * 0.005 * KMH50  # scale error of the wheel speed
    assert 0.01 < errors.std() < 0.05


def test_margins_are_the_distances_of_the_tyres_to_the_lines():
    world = make(start_speed_mps=10.0)
    truth = truth_of(world.tick(None))
    inner_edge_m, half_car_m = 1.75 - 0.075, 1.85 / 2
    assert truth.margin_left_m == pytest.approx(inner_edge_m - half_car_m, abs=1e-3)
    assert truth.margin_right_m == pytest.approx(inner_edge_m - half_car_m, abs=1e-3)
    assert truth.lane_width_m == pytest.approx(3.5)


def test_margins_of_a_rotated_car_are_those_of_its_corners():
    world = make(start_speed_mps=10.0)
    truth = truth_of(run(world, 70, straight_on(world, steering=-0.05, valid_until=9.0)))
    angle, offset = truth.heading_error_rad, truth.offset_m
    assert angle > 0.02
    front_left = offset + 1.25 * math.sin(angle) + 0.925 * math.cos(angle)
    rear_right = offset - 1.45 * math.sin(angle) - 0.925 * math.cos(angle)
    assert truth.margin_left_m == pytest.approx(1.675 - front_left, abs=1e-3)
    assert truth.margin_right_m == pytest.approx(rear_right + 1.675, abs=1e-3)


def test_truth_refers_to_the_ego_lane_also_outside_of_it():
    world = make(start_speed_mps=KMH50)
    truth = truth_of(drive(world, 400, t_m=3.5)[-1])
    assert truth.offset_m == pytest.approx(3.5, abs=0.4)
    assert truth.margin_left_m == pytest.approx(1.675 - truth.offset_m - 0.925, abs=0.1)


def test_the_world_continues_on_the_grass():
    world = make(start_speed_mps=20.0)
    control = straight_on(world, steering=0.05, throttle=0.5, valid_until=math.inf)
    tick = run(world, 3000, control)
    assert abs(truth_of(tick).offset_m) > 15
    assert all(math.isfinite(value) for value in msgspec.structs.astuple(truth_of(tick)))
    image = np.zeros((120, 160, 3), np.uint8)
    while tick.frame is None:
        tick = world.tick(control)
    tick.frame.render_into(image)
    assert image.std() > 5


def test_distance_is_the_length_of_the_driven_path():
    ticks = drive(make(start_speed_mps=KMH50), 500)
    steps = [
        math.hypot(b.state.pose.x_m - a.state.pose.x_m, b.state.pose.y_m - a.state.pose.y_m) for a, b in pairwise(ticks)
    ]
    assert truth_of(ticks[-1]).distance_m - truth_of(ticks[0]).distance_m == pytest.approx(sum(steps), rel=1e-3)


def test_respawn_resets_the_car_but_not_the_time():
    world = make(start_speed_mps=10.0)
    first = world.tick(None)
    control = straight_on(world, steering=0.1, throttle=0.5, valid_until=math.inf)
    driven = run(world, 300, control)
    world.respawn()
    again = world.tick(None)
    assert again.state.pose.x_m == pytest.approx(first.state.pose.x_m)
    assert again.state.pose.y_m == pytest.approx(first.state.pose.y_m)
    assert truth_of(again).speed_mps == pytest.approx(truth_of(first).speed_mps)
    assert truth_of(again).offset_m == pytest.approx(0.0, abs=1e-6)
    assert again.state.timestamp == pytest.approx(driven.state.timestamp + 0.01)
    assert again.state.session == first.state.session
    assert truth_of(again).distance_m > truth_of(driven).distance_m


def test_an_open_road_ends(tmp_path):
    world = make(map=str(roads.write(tmp_path, roads.road())), start_speed_mps=20.0)
    with pytest.raises(WorldEnded, match="the route ends here, at the road's end, after 100 m"):
        run(world, 1000, straight_on(world, throttle=0.1, valid_until=math.inf))


def test_a_missing_map_is_named(tmp_path):
    with pytest.raises(WorldError, match=r"nowhere\.xodr: no such road file"):
        make(map=str(tmp_path / "nowhere.xodr"))


def test_on_a_hill_the_car_has_the_pitch_of_the_road(tmp_path):
    world = make(map=str(roads.write(tmp_path, roads.road().replace("<lanes>", HILL, 1))))
    pose = world.tick(None).state.pose
    assert pose.z_m == pytest.approx(0.08 * pose.x_m, abs=1e-6)
    assert pose.pitch_rad == pytest.approx(-math.atan(0.08))  # the nose points up
    assert pose.roll_rad == pytest.approx(0.0, abs=1e-9)


def test_a_car_without_throttle_slows_down_on_a_climb(tmp_path):
    world = make(map=str(roads.write(tmp_path, roads.road().replace("<lanes>", HILL, 1))), start_speed_mps=10.0)
    tick = run(world, 100, straight_on(world, valid_until=math.inf))
    slowing_mps2 = 10.0 - truth_of(tick).speed_mps
    assert slowing_mps2 == pytest.approx(9.81 * math.sin(math.atan(0.08)) + 0.12 + 0.027, rel=0.03)
    # The accelerometer measures only rolling resistance and air drag.
    assert tick.state.acceleration_mps2 == pytest.approx(-0.147, abs=0.12)
    assert tick.state.pose.z_m == pytest.approx(0.08 * tick.state.pose.x_m, abs=0.01)


def test_an_unknown_road_in_a_route_is_named(tmp_path):
    with pytest.raises(WorldError, match=r"road\.xodr: route: there is no road 12 in this file"):
        make(map=str(roads.write(tmp_path, roads.road())), route="1,12")


def test_a_map_too_short_to_drive_is_named(tmp_path):
    short = roads.road(geometry='<geometry s="0" x="0" y="0" hdg="0" length="9"><line/></geometry>', length=9.0)
    with pytest.raises(WorldError, match="too short to drive"):
        make(map=str(roads.write(tmp_path, short)))


def test_pure_pursuit_keeps_the_lane_for_a_whole_lap_at_50_kmh():
    world = make()
    tick = world.tick(None)
    offsets, margins, accelerations = [], [], []
    while truth_of(tick).distance_m < world.route.length_m + 50:
        control = follow_lane(world, tick, KMH50)
        for _ in range(3):
            tick = world.tick(control)
        truth = truth_of(tick)
        offsets.append(abs(truth.offset_m))
        margins.append(min(truth.margin_left_m, truth.margin_right_m))
        accelerations.append(abs(truth.lateral_acceleration_mps2))
        assert truth.timestamp < 260
    assert max(offsets) < 0.3
    assert min(margins) > 0.3
    assert 1.3 < max(accelerations) < 2.2
    assert truth_of(tick).speed_mps == pytest.approx(KMH50, abs=0.3)
