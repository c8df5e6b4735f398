"""Each named condition changes the image in its specific way, and identically for the same seed."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
import pytest

from lkas.integration.shared_memory.messages import Pose
from lkas.parameters import ParameterError, changed
from lkas.vehicle import CameraConfig, VehicleConfig
from simulation.conditions import CONDITIONS, Condition, ConditionName
from simulation.config import SimulationConfig
from simulation.embedded.renderer.renderer import Renderer
from simulation.embedded.renderer.view import View
from simulation.embedded.world import EmbeddedWorld
from simulation.opendrive.parser import read_map
from tests.simulation.opendrive import roads
from tests.simulation.test_maps import simulation

CAMERA = CameraConfig(width_px=320, height_px=240)
X_M, EDGE_Y_M, LANE_Y_M = 20.0, -3.5, -1.75


@dataclass
class Stage:
    """A straight road, rendered under any condition."""

    road_map: object

    def renderer(self, condition: str | Condition, seed: int = 1) -> Renderer:
        found = CONDITIONS[condition] if isinstance(condition, str) else condition
        return Renderer(self.road_map, CAMERA.geometry(), 320, 240, seed, found)

    def render(self, condition: str | Condition, seed: int = 1, frame_id: int = 1, time_s: float = 0.5) -> np.ndarray:
        return shot(self.renderer(condition, seed), frame_id, time_s)


def shot(renderer: Renderer, frame_id: int = 1, time_s: float = 0.5) -> np.ndarray:
    image = np.zeros((240, 320, 3), np.uint8)
    pose = Pose(x_m=X_M, y_m=LANE_Y_M, z_m=0.0, yaw_rad=0.0)
    renderer.render_into(image, View(pose, frame_id, time_s))
    return image


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    line = '<geometry s="0" x="0" y="0" hdg="0" length="300"><line/></geometry>'
    lanes = roads.lanes(left=roads.lane(1), right=roads.lane(-1))
    folder = tmp_path_factory.mktemp("road")
    return Stage(read_map(roads.write(folder, roads.road(geometry=line, length=300.0, lanes_xml=lanes))))


@pytest.fixture(scope="module")
def clear(stage):
    return stage.render("clear").astype(int)


def pixel(ahead_m: float, y_m: float) -> tuple[int, int]:
    """(row, column) of a point of the road, by an independent projection."""
    focal = 160 / np.tan(np.radians(CAMERA.hfov_deg / 2))
    pitch = np.radians(CAMERA.pitch_deg)
    forward = ahead_m - CAMERA.x_m
    depth = forward * np.cos(pitch) + CAMERA.height_m * np.sin(pitch)
    down = CAMERA.height_m * np.cos(pitch) - forward * np.sin(pitch)
    return round(119.5 + focal * down / depth), round(159.5 - focal * (y_m - LANE_Y_M) / depth)


def contrast(image: np.ndarray, ahead_m: float) -> float:
    """Brightest pixel across the edge line minus the asphalt beside it."""
    row, column = pixel(ahead_m, EDGE_Y_M)
    asphalt = image[row, pixel(ahead_m, LANE_Y_M)[1]].mean()
    return float(image[row - 1 : row + 2, column - 2 : column + 3].mean(axis=2).max() - asphalt)


def road_patch(image: np.ndarray) -> np.ndarray:
    return image[190:235, 120:200].mean(axis=2)


def test_the_configuration_accepts_exactly_the_named_conditions():
    assert tuple(CONDITIONS) == get_args(ConditionName)
    assert all(condition.description for condition in CONDITIONS.values())


def test_an_unknown_condition_is_refused():
    with pytest.raises(ParameterError, match=r"snow.*clear.*mixed"):
        changed("simulation", SimulationConfig(), "condition", "snow")
    done = simulation("--condition", "snow")
    assert done.returncode == 2
    assert "condition" in done.stderr
    assert "fog" in done.stderr


def test_a_video_has_no_condition():
    done = simulation("--source", "video.mp4", "--condition", "fog")
    assert (done.returncode, "--condition does not apply to the video world" in done.stderr) == (2, True)


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_seed_determines_the_pixels(stage, name):
    renderer = stage.renderer(name)
    first = shot(renderer)
    shot(renderer, frame_id=9, time_s=7.0)  # earlier frames have no influence
    assert (shot(renderer) == first).all()
    assert (stage.render(name) == first).all()
    assert (stage.render(name, seed=2) != first).mean() > 0.1


@pytest.mark.parametrize("name", [name for name in CONDITIONS if name != "traffic"])
def test_every_condition_looks_different(stage, clear, name):
    if name != "clear":
        assert np.abs(stage.render(name).astype(int) - clear).mean() > 1.5


def test_fog_reduces_contrast_with_distance(stage, clear):
    fog = stage.render("fog").astype(int)
    left = [contrast(fog, ahead_m) / contrast(clear, ahead_m) for ahead_m in (6.0, 15.0, 30.0)]
    assert 0.5 < left[0] < 1.0
    assert left[0] > left[1] > left[2]
    assert left[2] < 0.6


def test_at_night_there_is_light_only_where_the_headlights_reach(stage, clear):
    night = stage.render("night").astype(int)
    assert night[:60].mean() < 25
    assert clear[:60].mean() > 120
    assert contrast(night, 12.0) > 40
    # To the side of the beam, at the same distance, the grass is nearly black.
    row, _ = pixel(12.0, LANE_Y_M)
    assert night[row, :8].mean() < 0.5 * night[row, 150:170].mean()


def test_worn_paint_is_partly_missing(stage, clear):
    worn = stage.render("worn").astype(int)

    def paint(image):
        places = [pixel(ahead_m, EDGE_Y_M) for ahead_m in np.arange(4.0, 14.0, 0.1)]
        return np.array([image[row - 1 : row + 2, column - 1 : column + 2].mean() for row, column in places]) - 110

    assert paint(clear).min() > 40
    assert paint(worn).mean() < 0.7 * paint(clear).mean()
    assert paint(worn).min() < 25
    assert paint(worn).max() > 60


def test_missing_paint_removes_whole_stretches(stage):
    half = stage.renderer(Condition(description="x", missing=0.5))
    whole = stage.renderer(Condition(description="x"))
    ratio = len(half._scene.white) / len(whole._scene.white)
    assert 0.35 < ratio < 0.65


def test_seams_and_skid_marks_are_dark_on_the_road(stage, clear):
    stained = stage.render(Condition(description="x", stains=1.0)).astype(int)
    difference = (stained - clear).mean(axis=2)
    assert (difference[125:] < -15).mean() > 0.003
    assert (difference > 10).mean() < 0.001  # no pixel becomes brighter


def test_a_wet_road_reflects_the_sky_far_away_and_is_darker_near(stage, clear):
    wet = stage.render(Condition(description="x", wet=1.0)).astype(int)

    def asphalt(image, ahead_m):
        row, column = pixel(ahead_m, LANE_Y_M)
        return image[row, column - 6 : column + 7].mean()

    assert asphalt(wet, 4.0) < asphalt(clear, 4.0) - 15
    assert asphalt(wet, 50.0) > asphalt(wet, 4.0) + 30


def test_rain_drops_collect_on_the_glass_until_the_wiper_stroke(stage):
    rainy = Condition(description="x", rain=1.0)
    dry = stage.render("clear")
    renderer = stage.renderer(rainy)
    changed = [(np.abs(shot(renderer, 1, t).astype(int) - dry) > 25).mean() for t in (0.05, 2.3, 2.45)]
    assert changed[1] > changed[0] + 0.005
    assert changed[2] < changed[1]


def test_a_low_sun_causes_glare(stage, clear):
    glare = stage.render("glare").astype(int)
    assert (glare.min(axis=2) > 250).mean() > 0.002  # disc of the sun
    assert contrast(glare, 25.0) < contrast(clear, 25.0)


def test_shadows_make_the_road_uneven(stage, clear):
    shadows = stage.render("shadows").astype(int)
    ratio = (shadows[125:] + 1) / (clear[125:] + 1)
    assert np.percentile(ratio, 5) < 0.7
    assert np.percentile(ratio, 80) > 0.95


def test_exposure_drifts_only_under_conditions_that_say_so(stage):
    def drift(condition):
        renderer = stage.renderer(condition)
        return np.ptp([road_patch(shot(renderer, 1, t)).mean() for t in np.arange(0.0, 8.0, 1.0)])

    assert drift(Condition(description="x", exposure=0.1)) > 8
    assert drift(Condition(description="x")) < 0.01


def test_noise_blur_and_dirt_change_the_image(stage):
    plain = Condition(description="x", noise=0)
    noisy = [stage.render(Condition(description="x", noise=20), frame_id=i).astype(int) for i in (1, 2)]
    assert np.std(noisy[0] - noisy[1]) == pytest.approx(20 / 12**0.5 * 2**0.5, rel=0.1)
    sharp = stage.render(plain).astype(float)
    soft = stage.render(Condition(description="x", noise=0, blur_px=0.6)).astype(float)
    assert np.abs(np.diff(soft, axis=1)).mean() < 0.85 * np.abs(np.diff(sharp, axis=1)).mean()
    dirty = stage.render(Condition(description="x", noise=0, dirt=1.0)).astype(float)
    assert (dirty <= sharp + 1).all()
    assert (dirty < 0.85 * sharp).mean() > 0.01


def test_a_world_renders_its_condition():
    def world(condition: ConditionName) -> np.ndarray:
        tick = EmbeddedWorld(SimulationConfig(condition=condition), CAMERA, VehicleConfig()).tick(None)
        assert tick.frame is not None
        image = np.zeros((240, 320, 3), np.uint8)
        tick.frame.render_into(image)
        return image

    assert world("night").mean() < 0.5 * world("clear").mean()
