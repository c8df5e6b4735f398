"""The image compared with an independent projection."""

import math

import msgspec
import numpy as np
import pytest

from lkas.integration.shared_memory.messages import Pose
from lkas.vehicle import CameraConfig
from simulation.embedded.renderer.renderer import Renderer
from simulation.embedded.renderer.view import View
from simulation.embedded.world import built_in_map
from simulation.opendrive.parser import read_map
from simulation.opendrive.routes import find_route

CAMERA = CameraConfig()
MAP = read_map(built_in_map())
ROUTE = find_route(MAP)
RENDERER = Renderer(MAP, CAMERA.geometry(), 800, 600, seed=1)
LINE_T_M = {"centre": 1.75, "edge": -1.75}


def render(pose, renderer: Renderer = RENDERER, frame_id: int = 1, shape=(600, 800, 3)) -> np.ndarray:
    image = np.zeros(shape, np.uint8)
    renderer.render_into(image, view(pose, frame_id))
    return image


def view(pose, frame_id: int = 1) -> View:
    x_m, y_m, yaw_rad = pose
    return View(Pose(x_m=x_m, y_m=y_m, z_m=0.0, yaw_rad=yaw_rad), frame_id, frame_id / 30)


def pose_at(s_m: float, offset_m: float = 0.0, turned_rad: float = 0.0) -> tuple[float, float, float]:
    return *ROUTE.curve.to_world(s_m, offset_m), ROUTE.curve.pose(s_m)[2] + turned_rad


def pixel(point, pose, camera: CameraConfig = CAMERA) -> tuple[float, float]:
    """Pinhole projection of a ground point in the map, without lkas.frames."""
    x, y, yaw = pose
    forward = math.cos(yaw) * (point[0] - x) + math.sin(yaw) * (point[1] - y) - camera.x_m
    left = -math.sin(yaw) * (point[0] - x) + math.cos(yaw) * (point[1] - y) - camera.y_m
    angle = math.radians(camera.pitch_deg)
    depth = forward * math.cos(angle) + camera.height_m * math.sin(angle)
    down = camera.height_m * math.cos(angle) - forward * math.sin(angle)
    focal = 400 / math.tan(math.radians(camera.hfov_deg / 2))
    return 399.5 - focal * left / depth, 299.5 + focal * down / depth


def line_in_row(row: int, t_m: float, s_m: float, pose) -> tuple[float, float] | None:
    """Column and width in px where a line beside the route crosses an image row; None when it does not, in view."""
    ahead = s_m + np.linspace(2.5, 80, 4000)
    pixels = np.array([pixel(ROUTE.curve.to_world(s, t_m), pose) for s in ahead[::20]])
    if not pixels[:, 1].min() < row < pixels[:, 1].max():
        return None
    s_here = np.interp(-row, -pixels[:, 1], ahead[::20])
    columns = [pixel(ROUTE.curve.to_world(s_here, t_m + side), pose)[0] for side in (0.075, -0.075)]
    middle = np.interp(-row, -pixels[:, 1], pixels[:, 0])
    return (float(middle), abs(columns[1] - columns[0])) if 20 < middle < 780 else None


def brightness_centre(image: np.ndarray, row: int, column: float, width_px: float) -> float | None:
    """Centroid of the paint near a column."""
    reach = math.ceil(width_px / 2 + 5)
    first = round(column) - reach
    stretch = image[row, max(0, first) : first + 2 * reach + 1].mean(axis=1) - 135.0
    paint = np.clip(stretch, 0, None)
    if paint.sum() < 20:
        return None
    return max(0, first) + float((paint * np.arange(len(paint))).sum() / paint.sum())


@pytest.mark.parametrize(
    ("s_m", "offset_m", "turned_rad"),
    [
        (20.0, 0.0, 0.0),
        (20.0, 0.4, -0.03),
        (20.0, -0.6, 0.05),
        (320.0, 0.1, 0.01),
        (1190.0, 0.0, 0.0),
        (1500.0, -0.2, 0.02),
    ],
    ids=["straight", "left of it", "right of it", "left bend", "right bend R125", "left bend R125"],
)
def test_lines_are_where_an_independent_projection_puts_them(s_m, offset_m, turned_rad):
    pose = pose_at(s_m, offset_m, turned_rad)
    image = render(pose)
    errors = []
    for row in range(300, 596, 4):
        for t_m in LINE_T_M.values():
            expected = line_in_row(row, t_m, s_m, pose)
            found = None if expected is None else brightness_centre(image, row, *expected)
            if expected is not None and found is not None:
                errors.append(found - expected[0])
    assert len(errors) > 40
    assert abs(np.mean(errors)) < 0.1
    assert np.percentile(np.abs(errors), 90) < 0.5


@pytest.mark.parametrize("distance_m", [20, 40, 60, 80])
def test_the_edge_line_is_visible_far_away(distance_m):
    pose = pose_at(0.0)
    u, v = pixel(ROUTE.curve.to_world(distance_m, LINE_T_M["edge"]), pose)
    rows = render(pose)[round(v) - 1 : round(v) + 2, round(u) - 12 : round(u) + 13].mean(axis=2)
    assert rows.max(axis=1).min() - np.median(rows) > 40


def test_dashes_have_gaps_and_the_edge_line_has_none():
    pose = pose_at(5.0)
    image = render(pose).mean(axis=2)

    def painted(t_m):
        found = []
        for s in np.arange(10.0, 46.0, 0.5):
            u, v = pixel(ROUTE.curve.to_world(s, t_m), pose)
            found.append(0 < u < 799 and image[round(v), round(u)] > 170)
        return found

    assert all(painted(LINE_T_M["edge"])[2:])
    assert 0.15 < np.mean(painted(LINE_T_M["centre"])) < 0.35  # 3 m of every 12 m


def test_the_grain_is_fixed_to_the_ground():
    before, after = pose_at(20.0), pose_at(20.6, 0.1)
    x, y = np.meshgrid(np.linspace(24.5, 26.5, 60), np.linspace(-0.8, 0.8, 60))
    points = [ROUTE.curve.to_world(s, t) for s, t in zip(x.ravel(), y.ravel(), strict=True)]

    def grain(pose, frame_id):
        image = render(pose, frame_id=frame_id).mean(axis=2)
        columns, rows = np.rint([pixel(point, pose) for point in points]).astype(int).T
        values = image[rows, columns]
        return values - values.mean()

    first, second = grain(before, 1), grain(after, 2)
    assert first.std() > 3
    assert np.corrcoef(first, second)[0, 1] > 0.5
    assert abs(np.corrcoef(first, np.roll(second, 777))[0, 1]) < 0.3


def test_sky_is_above_and_grass_beside_the_road():
    image = render(pose_at(20.0)).astype(int)
    assert image[20, :, 2].mean() > image[20, :, 0].mean() + 30  # blue
    beside = image[300, 770:795].mean(axis=0)
    assert beside[1] > beside[0] > beside[2]  # green
    road = image[560, 380:420].mean(axis=0)
    assert np.ptp(road) < 12  # grey


def test_a_turn_to_the_left_moves_the_horizon_to_the_right():
    ahead, turned = render(pose_at(20.0))[180:250], render(pose_at(20.0, turned_rad=0.05))[180:250]
    shift = 0.05 * CAMERA.geometry().focal_px
    same = np.abs(ahead[:, 200:600].astype(int) - turned[:, 200 + round(shift) : 600 + round(shift)]).mean()
    other = np.abs(ahead[:, 200:600].astype(int) - turned[:, 200 - round(shift) : 600 - round(shift)]).mean()
    assert same < other / 2


def test_the_same_pose_seed_and_frame_give_the_same_pixels():
    again = Renderer(MAP, CAMERA.geometry(), 800, 600, seed=1)
    render(pose_at(900.0))  # earlier frames have no influence
    assert (render(pose_at(20.0)) == render(pose_at(20.0), again)).all()
    assert (render(pose_at(20.0)) != render(pose_at(20.0), frame_id=2)).any()
    other = Renderer(MAP, CAMERA.geometry(), 800, 600, seed=2)
    assert (render(pose_at(20.0)) != render(pose_at(20.0), other)).mean() > 0.2


@pytest.mark.parametrize("pose", [(2000.0, 2000.0, 1.0), (0.0, -20.0, math.pi / 2), (150.0, 200.0, 4.0)])
def test_an_image_beside_the_road_is_complete(pose):
    image = render(pose)
    assert image.std() > 10
    assert image[400:].min() > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"roll_deg": 20.0},
        {"pitch_deg": 40.0},
        {"pitch_deg": -25.0},
        {"yaw_deg": 30.0},
        {"hfov_deg": 120.0},
        {"hfov_deg": 12.0},
    ],
    ids=str,
)
def test_images_of_other_cameras_are_complete(changes):
    camera = msgspec.structs.replace(CAMERA, width_px=320, height_px=240, **changes)
    renderer = Renderer(MAP, camera.geometry(), 320, 240, seed=1)
    image = np.full((240, 320, 3), 1, np.uint8)
    renderer.render_into(image, view(pose_at(20.0)))
    assert (image == 1).all(axis=2).mean() < 0.001  # every pixel was drawn


def test_a_rolled_camera_tilts_the_line_as_projected():
    camera = msgspec.structs.replace(CAMERA, roll_deg=10.0)
    geometry = camera.geometry()
    renderer = Renderer(MAP, geometry, 800, 600, seed=1)
    pose = pose_at(20.0)
    image = render(pose, renderer)
    level_u, level_v = pixel(ROUTE.curve.to_world(30.0, LINE_T_M["edge"]), pose)
    # A camera rolled to the right rotates the image counter-clockwise about the principal point.
    cos, sin = math.cos(math.radians(10)), math.sin(math.radians(10))
    du, dv = level_u - geometry.cx_px, level_v - geometry.cy_px
    u, v = geometry.cx_px + cos * du + sin * dv, geometry.cy_px - sin * du + cos * dv
    assert image[round(v), round(u)].mean() > 190


def test_a_wrong_array_is_refused():
    with pytest.raises(
        ValueError, match=r"expected a uint8 image of shape \(600, 800, 3\), found uint8 \(480, 640, 3\)"
    ):
        render(pose_at(20.0), shape=(480, 640, 3))
