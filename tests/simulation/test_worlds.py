"""One contract for every world of the registry.

A new backend is found by itself. When it needs more than a small camera, such as a server or a file, it gets an entry
in SETUPS. Exceptions from the contract are listed here by name.
"""

import math
from itertools import pairwise

import numpy as np
import pytest
from msgspec import structs

from lkas.config import Configuration
from lkas.integration.shared_memory.messages import ControlMessage, Pose
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.backends import AUTO, BACKENDS
from simulation.carla.config import CarlaConfig
from simulation.config import SimulationConfig
from simulation.factory import build_world, choose_backend
from simulation.opendrive.writer import road_xml, straight
from simulation.world import WorldEnded, WorldError
from tests.simulation.fakes import Bench
from tests.simulation.video.files import write_folder
from tests.support.commands import run_command

RATE_HZ = 20.0
CAMERA = CameraConfig(width_px=160, height_px=120, rate_hz=RATE_HZ)
TIMEOUT_S = 60.0
DRIVE_S = 2.0
MAX_END_S = 60.0  # world time to reach the end of the road or video
UNREPEATABLE = {"carla"}  # the physics run on a server, which has no seed


def carla_keys(request, tmp_path):
    pytest.importorskip("carla", reason="the package carla is not installed (Python below 3.13, x86_64 Linux)")
    return {"carla": {"port": request.getfixturevalue("server").port, "timeout_s": TIMEOUT_S}}


def video_keys(request, tmp_path):
    folder = tmp_path / "images"
    if not folder.exists():
        write_folder(folder, [f"{n}.png" for n in range(12)])
    return {"simulation": {"source": str(folder), "loop": True}}


SETUPS = {"carla": carla_keys, "video": video_keys}

every_world = pytest.mark.parametrize("name", BACKENDS)


@pytest.fixture
def open_world(request, tmp_path):
    """Return a function that builds a world of a backend; all are closed at the end."""
    worlds = []
    backend = request.node.callspec.params["name"]
    keys = SETUPS[backend](request, tmp_path) if backend in SETUPS else {}  # before: a server must outlive its worlds

    def open_world(name, **simulation):
        sections = {
            "simulation": SimulationConfig(**{"backend": name, **keys.get("simulation", {}), **simulation}),
            "carla": CarlaConfig(**keys.get("carla", {})),
            "camera": CAMERA,
            "vehicle": VehicleConfig(),
        }
        worlds.append(build_world(name, Configuration(sections)))
        return worlds[-1]

    yield open_world
    for world in worlds:
        world.close()


def ticks(world, duration_s, control=None):
    """Ticks of `duration_s` of world time; `control` is applied to all."""
    return [world.tick(control) for _ in range(round(duration_s / world.tick_s))]


def control_until(valid_until, steering=0.0):
    return ControlMessage(steering=steering, throttle=0.2, brake=0.0, valid_until=valid_until)


def numbers(value):
    """All numbers of a message and of the messages in it."""
    if isinstance(value, bool) or value is None:
        return
    if isinstance(value, int | float):
        yield value
    elif hasattr(value, "__struct_fields__"):
        for field in value.__struct_fields__:
            yield from numbers(getattr(value, field))


@every_world
def test_it_has_the_attributes_of_a_world(open_world, name):
    world = open_world(name)
    assert name in world.name
    assert 0 < world.session < 2**53
    assert 0 < world.tick_s <= 1 / RATE_HZ
    assert min(world.width_px, world.height_px) > 0


@every_world
def test_world_time_advances_by_one_tick(open_world, name):
    world = open_world(name)
    states = [tick.state for tick in ticks(world, DRIVE_S)]
    assert 0 <= states[0].timestamp <= world.tick_s
    steps_s = [after.timestamp - before.timestamp for before, after in pairwise(states)]
    assert steps_s == pytest.approx([world.tick_s] * len(steps_s))
    assert {(state.session, state.tick_s) for state in states} == {(world.session, world.tick_s)}


@every_world
def test_the_vehicle_state_is_finite_and_complete(open_world, name):
    world = open_world(name, start_speed_mps=10.0)
    for tick in ticks(world, 0.5):
        state, truth = tick.state, tick.truth
        assert all(math.isfinite(number) for number in numbers(state))
        assert state.speed_mps is not None
        assert state.max_steer_rad > 0
        assert not state.paused
        if truth is not None:  # a world that knows the truth knows its car and camera too
            # Its car is the configured one, so `vehicle` overrides nothing.
            assert [field for field in state.__struct_fields__ if getattr(state, field) is None] == ["vehicle"]
            assert isinstance(state.pose, Pose)
            assert all(math.isfinite(number) for number in numbers(truth))
            assert truth.timestamp == state.timestamp
            assert 0 < state.camera.cx_px < world.width_px


@every_world
def test_frames_are_due_at_the_camera_rate(open_world, name):
    world = open_world(name)
    exposed = [(tick.frame, tick.state) for tick in ticks(world, DRIVE_S) if tick.frame is not None]
    assert len(exposed) == pytest.approx(DRIVE_S * RATE_HZ, abs=1)
    frame_ids = [frame.frame_id for frame, _ in exposed]
    assert frame_ids == list(range(frame_ids[0], frame_ids[0] + len(exposed)))
    for frame, state in exposed:
        assert frame.timestamp == state.timestamp
        assert frame.frame_id == state.frame_id
    periods = [math.floor(frame.timestamp * RATE_HZ + 1e-6) for frame, _ in exposed]
    assert np.diff(periods).tolist() == [1] * (len(exposed) - 1)
    for period, (frame, _) in zip(periods[1:], exposed[1:], strict=True):  # at the first tick at or after it is due
        assert frame.timestamp - period / RATE_HZ < world.tick_s - 1e-9


@every_world
def test_a_frame_fills_a_contiguous_rgb_image(open_world, name):
    world = open_world(name)
    frame = next(tick.frame for tick in ticks(world, 0.5) if tick.frame is not None)
    shape = (world.height_px, world.width_px, 3)
    memory = np.zeros(np.prod(shape) + 64, np.uint8)  # as in shared memory: a view at an offset
    views = [np.full(shape, 255, np.uint8), memory[64:].reshape(shape)]
    for image in views:
        assert frame.render_into(image) is None
        assert image.flags.c_contiguous
        assert (image.shape, image.dtype) == (shape, np.uint8)
    assert np.array_equal(*views), "some pixels were not written"
    assert views[0].std() > 1


@every_world
def test_a_frame_cannot_be_rendered_into_an_image_of_another_size(open_world, name):
    world = open_world(name)
    frame = next(tick.frame for tick in ticks(world, 0.5) if tick.frame is not None)
    image = np.full((world.height_px // 2, world.width_px, 3), 7, np.uint8)
    try:
        frame.render_into(image)
    except Exception:
        return
    assert (image == 7).all(), "an image of another size was filled partly"


@pytest.mark.parametrize("name", [name for name in BACKENDS if name not in UNREPEATABLE])
def test_the_same_seed_and_controls_give_the_same_states_and_pixels(open_world, name):
    def drive(world):
        states, images = [], []
        for tick in ticks(world, 1.0, control_until(math.inf, steering=0.05)):
            states.append(structs.replace(tick.state, session=0))
            if tick.frame is not None:
                image = np.empty((world.height_px, world.width_px, 3), np.uint8)
                tick.frame.render_into(image)
                images.append(image)
        return states, images

    (states, images), (again, images_again) = (
        drive(open_world(name, seed=7, start_speed_mps=10.0, gusts_mps=3.0)) for _ in range(2)
    )
    assert states == again
    assert len(images) >= RATE_HZ
    assert all(np.array_equal(*pair) for pair in zip(images, images_again, strict=True))


@every_world
def test_without_a_control_the_car_stands(open_world, name):
    world = open_world(name)
    first, *_, last = ticks(world, 1.0)
    if last.truth is None:
        return  # it drives by itself
    assert last.state.speed_mps == pytest.approx(0.0, abs=0.1)
    assert last.truth.distance_m < 0.1
    assert last.truth.offset_m == pytest.approx(first.truth.offset_m, abs=0.02)


@every_world
def test_a_control_steers_to_the_right_when_positive(open_world, name):
    world = open_world(name, start_speed_mps=10.0)
    last = ticks(world, 1.0, control_until(math.inf, steering=0.1))[-1]
    if last.truth is not None:
        assert last.state.steering_angle_rad < 0
        assert last.state.yaw_rate_radps < 0
        assert last.truth.offset_m < 0


@every_world
def test_after_the_control_expired_the_car_stops_in_its_lane(open_world, name):
    world = open_world(name, start_speed_mps=10.0)
    control = control_until(world.tick(None).state.timestamp + 0.3)
    before, *_, last = ticks(world, 5.0, control)
    if last.truth is None:
        assert last.state.speed_mps == before.state.speed_mps
        return
    assert before.state.speed_mps > 9.0
    assert last.state.speed_mps < 0.5
    assert min(last.truth.margin_left_m, last.truth.margin_right_m) > 0.2


@every_world
def test_a_control_of_another_session_is_not_applied(open_world, name):
    world = open_world(name, start_speed_mps=10.0)
    control = structs.replace(control_until(math.inf, steering=0.5), session=world.session + 1)
    last = ticks(world, 0.5, control)[-1]
    if last.truth is not None:
        assert abs(last.state.steering_angle_rad) < 0.01


@every_world
def test_respawn_goes_back_to_the_start_and_world_time_continues(open_world, name):
    world = open_world(name, start_speed_mps=10.0)
    start = world.tick(None)
    last = ticks(world, 1.0, control_until(math.inf))[-1]
    world.respawn()
    back = world.tick(None)
    assert back.state.timestamp == pytest.approx(last.state.timestamp + world.tick_s)
    assert back.state.frame_id >= last.state.frame_id
    assert back.state.session == start.state.session
    if start.truth is not None:
        assert back.state.pose.x_m == pytest.approx(start.state.pose.x_m, abs=10.0 * world.tick_s + 0.1)
        assert back.state.speed_mps == pytest.approx(start.state.speed_mps, abs=0.5)
        assert back.truth.distance_m > last.truth.distance_m - 0.1


@every_world
def test_the_runner_executes_its_actions(open_world, name):
    world = open_world(name, start_speed_mps=10.0)
    bench = Bench(world=world)
    bench.run(0.3)
    bench.runner.act("pause")
    paused_s = bench.runner.tick.state.timestamp
    bench.run(0.5)
    assert bench.runner.tick.state.timestamp == paused_s
    assert bench.vehicle.states[-1].paused
    bench.runner.act("resume")
    bench.runner.act("respawn")
    bench.run(0.3)
    assert bench.runner.tick.state.timestamp > paused_s
    assert bench.events == ["pause", "resume", "respawn"]
    assert len({stamps["frame_id"] for stamps, _ in bench.images.frames}) == len(bench.images.frames) > 5


@every_world
def test_it_ends_with_world_ended_and_stays_ended(open_world, name, tmp_path):
    road = tmp_path / "short.xodr"
    road.write_text(road_xml("short", [straight(90.0)], lane_width_m=3.5, is_closed=False, note=""))
    world = open_world(name, start_speed_mps=20.0, loop=False, map=str(road))
    with pytest.raises(WorldEnded) as end:
        ticks(world, MAX_END_S, control_until(math.inf))
    assert str(end.value)
    with pytest.raises(WorldEnded):
        world.tick(None)


@every_world
def test_closing_twice_is_allowed(open_world, name):
    world = open_world(name)
    world.tick(None)
    world.close()
    world.close()


@every_world
def test_a_missing_source_or_map_is_a_world_error_that_names_it(open_world, name):
    with pytest.raises(WorldError, match=r"gone\.xodr|gone\.mp4"):
        open_world(name, map="gone.xodr", source="gone.mp4")


def test_auto_is_the_video_world_with_a_source_and_the_embedded_world_without_a_server():
    from tests.support.stack import closed_port

    with closed_port() as port:
        carla = CarlaConfig(port=port)
        assert choose_backend(SimulationConfig(source="a.mp4"), carla) == "video"
        assert choose_backend(SimulationConfig(), carla) == "embedded"
    for name in BACKENDS:
        assert choose_backend(SimulationConfig(backend=name), CarlaConfig()) == name


def test_the_configuration_and_the_command_offer_exactly_the_registered_worlds():
    from lkas.parameters import declared

    names = (AUTO, *BACKENDS)
    assert declared("simulation", SimulationConfig)["backend"].choices == names
    refused = run_command("simulation", "--backend", "embeded")
    assert f"expected one of {', '.join(names)}, or FILE.py:NAME" in " ".join(refused.stderr.split())
