"""The stepping core and its pacing, on a fake clock."""

import numpy as np
import pytest

from simulation.runner import ActionError
from simulation.world import WorldAway, WorldEnded
from tests.simulation.fakes import SESSION, Bench, control


def test_a_step_hands_the_newest_control_to_the_world_and_keeps_it():
    bench = Bench()
    bench.runner.step()
    bench.controls.write(control(0.1))
    bench.controls.write(control(0.2))
    bench.runner.step()
    bench.runner.step()
    assert [None if c is None else c.steering for c in bench.world.controls] == [None, 0.2, 0.2]


def test_a_control_for_an_earlier_world_is_not_applied_but_one_without_a_world_is():
    bench = Bench()
    bench.controls.write(control(0.3, session=SESSION + 1))
    bench.runner.step()
    assert bench.world.controls == [None]
    bench.controls.write(control(0.4, session=0))
    bench.runner.step()
    assert bench.world.controls[-1].steering == 0.4


def test_vehicle_state_is_written_before_rendering_and_the_frame_carries_the_time_of_its_pose():
    bench = Bench(tick_cost_s=0.001, render_s=0.008)
    for _ in range(3):
        bench.runner.step()
    (stamps, image) = bench.images.frames[0]
    assert stamps == {"frame_id": 1, "timestamp": pytest.approx(0.03), "capture_ns": 1_003_000_000, "session": SESSION}
    assert (image == 1).all()
    assert bench.vehicle.written_ns[-1] == stamps["capture_ns"] == bench.vehicle.states[-1].capture_ns
    assert bench.clock.now_ns() == 1_011_000_000
    assert bench.runner.latency.percentiles()["render"].p50 == pytest.approx(8.0)


def test_a_frame_without_a_free_slot_is_counted_and_the_world_goes_on():
    bench = Bench()
    bench.images.is_full = True
    bench.run(0.3)
    bench.images.is_full = False
    bench.run(0.3)
    assert bench.runner.dropped_frames == 10
    assert [stamps["frame_id"] for stamps, _ in bench.images.frames] == list(range(11, 21))


def test_world_time_keeps_up_with_real_time_when_single_ticks_are_slow():
    bench = Bench(render_s=0.025)  # every third tick takes 25 ms of the 30 ms that three may take
    bench.run(3.0)
    assert len(bench.world.controls) == pytest.approx(300, abs=3)
    assert bench.keeper.lost_cycles == 0
    assert bench.vehicle.states[-1].rate == pytest.approx(1.0, abs=0.03)


def test_a_world_slower_than_real_time_gives_up_cycles_counts_them_and_says_its_rate():
    bench = Bench(tick_cost_s=0.02)
    bench.run(10.0)
    assert len(bench.world.controls) == pytest.approx(500, abs=3)
    assert bench.keeper.lost_cycles == pytest.approx(500, abs=30)
    assert bench.vehicle.states[-1].rate == pytest.approx(0.5, abs=0.02)


def test_after_a_stall_the_world_does_not_race_to_catch_up():
    bench = Bench()
    bench.run(1.0)
    bench.clock.advance(5.0)
    before = len(bench.world.controls)
    bench.run(1.0)
    assert len(bench.world.controls) - before == pytest.approx(100, abs=3)
    assert bench.keeper.lost_cycles == pytest.approx(500, abs=2)


def test_a_slow_film_ticks_at_its_own_rate_and_still_sees_each_control():
    bench = Bench(tick_s=0.1)
    seen = []
    bench.runner.score.add_control = lambda message: seen.append(message.frame_id)
    for frame_id in range(100):
        bench.controls.write(control(frame_id=frame_id))
        bench.runner.cycle()
        bench.keeper.wait()
    assert seen == list(range(100))
    assert len(bench.world.controls) == pytest.approx(100 * bench.runner.cycle_s / 0.1, abs=1)
    assert bench.runner.cycle_s <= 0.0125


def test_pause_stops_world_and_frames_and_keeps_the_vehicle_state_alive():
    bench = Bench()
    bench.run(0.5)
    bench.runner.act("pause")
    ticks, frames, first = len(bench.world.controls), len(bench.images.frames), len(bench.vehicle.states) - 1
    bench.run(2.0)
    assert (len(bench.world.controls), len(bench.images.frames)) == (ticks, frames)
    paused = bench.vehicle.states[first:]
    assert len(paused) >= 10  # 5 Hz
    assert np.diff(bench.vehicle.written_ns[first:]).max() <= 0.2e9
    assert all(state.paused and state.rate == 0.0 for state in paused)
    assert {state.timestamp for state in paused} == {bench.vehicle.states[first - 1].timestamp}


def test_resume_goes_on_where_the_world_stood_at_once_and_at_full_rate():
    bench = Bench()
    bench.run(0.5)
    bench.runner.act("pause")
    bench.run(7.0)
    bench.runner.act("resume")
    count, before_s = len(bench.vehicle.states), bench.vehicle.states[-1].timestamp
    bench.run(2.0)
    resumed = bench.vehicle.states[count:]
    assert resumed[-1].timestamp - before_s == pytest.approx(2.0, abs=0.03)
    assert not any(state.paused for state in resumed)
    assert all(state.rate == pytest.approx(1.0, abs=0.02) for state in resumed)
    assert bench.keeper.lost_cycles == 0


def test_pausing_twice_and_resuming_twice_is_as_good_as_once():
    bench = Bench()
    bench.run(0.1)
    for name in ("pause", "pause", "resume", "resume"):
        bench.runner.act(name)
    assert not bench.runner.paused
    assert bench.events == ["pause", "pause", "resume", "resume"]


def test_respawn_reaches_the_world_and_an_unknown_action_is_refused_by_name():
    bench = Bench()
    bench.runner.act("respawn")
    assert bench.world.respawns == 1
    with pytest.raises(ActionError, match=r"teleport: no such action.*pause, resume, respawn"):
        bench.runner.act("teleport")
    assert bench.events == ["respawn"]


def test_the_end_of_the_world_comes_out_of_the_cycle():
    bench = Bench(ticks=5)
    with pytest.raises(WorldEnded):
        bench.run(1.0)
    assert bench.runner.driven_s == pytest.approx(0.05)


def test_condition_names_pause_missing_and_expired_control():
    bench = Bench()
    bench.runner.step()
    assert bench.runner.condition == "waiting for control"
    bench.controls.write(control(valid_until=0.035))
    bench.runner.step()
    bench.runner.step()
    assert bench.runner.condition == "running"
    bench.runner.step()
    assert bench.runner.condition == "waiting for control"
    bench.runner.act("pause")
    assert bench.runner.condition == "paused"


def test_a_world_that_goes_away_stands_still_is_told_once_and_drives_on_when_it_is_back():
    bench = Bench()
    bench.run(0.5)
    bench.controls.write(control(0.1))
    bench.world.away = "the server is gone"
    ticks, states = len(bench.world.controls), len(bench.vehicle.states)
    bench.run(3.0)
    assert len(bench.world.controls) == ticks
    assert bench.events == ["away"]
    assert bench.runner.condition == "waiting for the world"
    assert bench.runner.control_in_force is None
    away = bench.vehicle.states[states:]
    assert len(away) == pytest.approx(30, abs=3)
    assert all(state.paused and state.rate == 0.0 for state in away)
    assert away[-1].timestamp == bench.vehicle.states[states - 1].timestamp
    bench.world.away = None
    bench.run(2.0)
    assert bench.events == ["away", "back"]
    assert not bench.vehicle.states[-1].paused
    assert len(bench.world.controls) > ticks + 90


def test_a_world_that_is_away_is_asked_once_a_second():
    bench = Bench()
    asked = []
    bench.world.tick = lambda control: asked.append(bench.clock.now_ns()) or _away()
    bench.run(5.5)
    assert len(asked) == 6


def test_a_world_that_is_away_can_still_be_paused():
    bench = Bench()
    bench.run(0.1)
    bench.world.away = "the server is gone"
    bench.run(0.1)
    bench.runner.act("pause")
    bench.world.away = None
    bench.run(2.0)
    assert bench.events == ["away", "pause"]
    bench.runner.act("resume")
    bench.run(2.0)
    assert bench.events == ["away", "pause", "resume", "back"]


def _away():
    raise WorldAway("the server is gone")
