"""The runner and its pacing, with a fake clock."""

import numpy as np
import pytest

from simulation.runner import ActionError
from simulation.world import WorldEnded, WorldUnavailable
from tests.simulation.fakes import SESSION, Bench, control


def test_a_step_passes_the_newest_control_to_the_world_and_keeps_it():
    bench = Bench()
    bench.runner.step()
    bench.controls.write(control(0.1))
    bench.controls.write(control(0.2))
    bench.runner.step()
    bench.runner.step()
    assert [None if c is None else c.steering for c in bench.world.controls] == [None, 0.2, 0.2]


def test_a_control_of_another_session_is_ignored_and_one_without_a_session_is_applied():
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


def test_a_frame_without_a_free_slot_is_counted_as_dropped():
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


def test_a_world_slower_than_real_time_skips_and_counts_cycles_and_reports_its_rate():
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


def test_a_world_with_long_ticks_still_reads_each_control():
    bench = Bench(tick_s=0.1)
    frame_ids = []
    bench.runner.score.add_control = lambda message: frame_ids.append(message.frame_id)
    for frame_id in range(100):
        bench.controls.write(control(frame_id=frame_id))
        bench.runner.cycle()
        bench.keeper.wait()
    assert frame_ids == list(range(100))
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


def test_resume_continues_at_the_same_world_time_at_full_rate():
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


def test_pausing_and_resuming_twice_has_no_further_effect():
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


def test_the_cycle_raises_world_ended():
    bench = Bench(ticks=5)
    with pytest.raises(WorldEnded):
        bench.run(1.0)
    assert bench.runner.driven_s == pytest.approx(0.05)


def test_the_status_names_pause_missing_and_expired_control():
    bench = Bench()
    bench.runner.step()
    assert bench.runner.status == "waiting for control"
    bench.controls.write(control(valid_until=0.035))
    bench.runner.step()
    bench.runner.step()
    assert bench.runner.status == "running"
    bench.runner.step()
    assert bench.runner.status == "waiting for control"
    bench.runner.act("pause")
    assert bench.runner.status == "paused"


def test_an_unavailable_world_is_reported_once_and_continues_when_it_is_back():
    bench = Bench()
    bench.run(0.5)
    bench.controls.write(control(0.1))
    bench.world.unavailable = "the server is gone"
    ticks, states = len(bench.world.controls), len(bench.vehicle.states)
    bench.run(3.0)
    assert len(bench.world.controls) == ticks
    assert bench.events == ["away"]
    assert bench.runner.status == "waiting for the world"
    assert bench.runner.control_in_force is None
    repeated = bench.vehicle.states[states:]
    assert len(repeated) == pytest.approx(30, abs=3)
    assert all(state.paused and state.rate == 0.0 for state in repeated)
    assert repeated[-1].timestamp == bench.vehicle.states[states - 1].timestamp
    bench.world.unavailable = None
    bench.run(2.0)
    assert bench.events == ["away", "back"]
    assert not bench.vehicle.states[-1].paused
    assert len(bench.world.controls) > ticks + 90


def test_an_unavailable_world_is_retried_once_a_second():
    bench = Bench()
    attempts = []
    bench.world.tick = lambda control: attempts.append(bench.clock.now_ns()) or _raise_unavailable()
    bench.run(5.5)
    assert len(attempts) == 6


def test_an_unavailable_world_can_be_paused():
    bench = Bench()
    bench.run(0.1)
    bench.world.unavailable = "the server is gone"
    bench.run(0.1)
    bench.runner.act("pause")
    bench.world.unavailable = None
    bench.run(2.0)
    assert bench.events == ["away", "pause"]
    bench.runner.act("resume")
    bench.run(2.0)
    assert bench.events == ["away", "pause", "resume", "back"]


def _raise_unavailable():
    raise WorldUnavailable("the server is gone")
