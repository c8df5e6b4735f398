"""Short drives for the tests, and ticks with known truth."""

from msgspec import structs

from lkas.integration.shared_memory.messages import ControlMode, Pose, VehicleState
from lkas.vehicle import CameraConfig
from simulation.evaluation.run_end import Goal
from simulation.evaluation.run_score import RunScore
from simulation.opendrive.writer import road_xml, straight
from simulation.world import Tick
from tests.simulation.fakes import SESSION, FakeFrame, control, truth

TICK_S = 0.01
CAMERA = CameraConfig().geometry()

# Eight seconds at 36 km/h: a straight, then a left bend that cannot be driven without steering.
SHORT = """
road:
  segments:
    - {length_m: 30}
    - {radius_m: 60, angle_deg: 45, clothoid_m: 15}
set_speed_mps: 10
"""


def write_short(folder, name="short", **keys):
    """Write a scenario file with these additional keys."""
    path = folder / f"{name}.yaml"
    path.write_text(SHORT + "".join(f"{key}: {value}\n" for key, value in keys.items()))
    return path


def tick_at(t, frame_id=None, steer_rad=0.0, **fields):
    """Return a tick of a straight drive at 20 m/s, with these fields of the truth."""
    margins = {name: fields.pop(name) for name in ("margin_left_m", "margin_right_m") if name in fields}
    extra = {name: fields.pop(name) for name in ("lateral_acceleration_mps2", "heading_error_rad", "speed_mps")
             if name in fields}  # fmt: skip
    state = VehicleState(
        session=SESSION,
        timestamp=t,
        tick_s=TICK_S,
        steering_angle_rad=steer_rad,
        camera=CAMERA,
        pose=Pose(x_m=20.0 * t, y_m=0.0, z_m=0.0, yaw_rad=0.0),
    )
    frame = None if frame_id is None else FakeFrame(frame_id, t)
    return Tick(state=state, truth=structs.replace(truth(t, **fields), **margins, **extra), frame=frame)


def driven(seconds, goal_s=None, **of_time):
    """Return the score after `seconds`; each keyword gives a field of the tick as a function of world time."""
    score = RunScore(Goal(distance_m=None, duration_s=goal_s or seconds))
    for n in range(1, round(seconds / TICK_S) + 1):
        t = n * TICK_S
        if score.end is None:
            score.add_tick(tick_at(t, **{name: function(t) for name, function in of_time.items()}), keeping(t))
    return score


def keeping(t, frame_id=0, mode=ControlMode.LANE_KEEPING):
    return structs.replace(control(frame_id=frame_id, mode=mode), timestamp=t)


def write_too_far(folder):
    """Write a scenario that only the world can refuse: its start is beyond the end of its road."""
    (folder / "end.xodr").write_text(road_xml("end", [straight(70.0)], lane_width_m=3.5, is_closed=False, note=""))
    path = folder / "too_far.yaml"
    path.write_text("{map: end.xodr, duration_s: 1, start: {s_m: 500}}")
    return path
