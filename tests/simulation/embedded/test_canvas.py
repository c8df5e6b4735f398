"""Coverage, depth and drawing of the kernel, with a camera that maps x to u and y to v at a depth of 1 m."""

import numpy as np
import pytest

from simulation.embedded.renderer import _draw
from simulation.embedded.renderer.canvas import Canvas
from simulation.embedded.renderer.ground_appearance import GroundAppearance

WIDTH, HEIGHT = 60, 40
FLAT_ON = np.array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, *np.eye(3).ravel(), 0, 0, 0], float)
UP_CLOSE = 1e9


def canvas() -> Canvas:
    new = Canvas(WIDTH, HEIGHT, 1.0)
    new.start_frame(np.zeros((HEIGHT, WIDTH, 3), np.uint8), FLAT_ON)
    return new


def coverage(*quads, on: Canvas | None = None) -> np.ndarray:
    """(HEIGHT, WIDTH) shares in [0, 1]."""
    on = on or canvas()
    corners = np.array(quads, np.float32).reshape(-1, 4, 2)
    on.rasterize_layer(0, np.ascontiguousarray(np.dstack([corners, np.zeros_like(corners[..., :1])])), UP_CLOSE)
    return on.coverage[0] / 255


def rectangle(u0, v0, u1, v1):
    """Corners with the orientation of a road seen from above."""
    return [(u0, v1), (u1, v1), (u1, v0), (u0, v0)]


def test_a_rectangle_on_pixel_borders_covers_exactly_its_pixels():
    shares = coverage(rectangle(9.5, 11.5, 14.5, 20.5))  # pixel u reaches from u - 0.5 to u + 0.5
    assert shares[12:21, 10:15].min() == 1.0
    assert shares.sum() == pytest.approx(5 * 9)


def test_partial_coverage_of_a_pixel_is_its_area():
    shares = coverage(rectangle(10.0, 11.5, 10.3, 12.5))
    assert shares[12, 10] == pytest.approx(0.3, abs=3e-3)
    assert shares.sum() == pytest.approx(0.3, abs=3e-3)
    assert coverage(rectangle(9.5, 11.9, 10.5, 12.0))[12, 10] == pytest.approx(0.1, abs=3e-3)


def test_a_slanted_stripe_keeps_its_area_and_its_centroid():
    stripe = [(10.2, 10.0), (13.2, 10.0), (33.2, 30.0), (30.2, 30.0)][::-1]
    shares = coverage(stripe)
    assert shares.sum() == pytest.approx(60.0, rel=0.01)
    for row in range(12, 29):
        line = shares[row]
        assert (line * np.arange(WIDTH)).sum() / line.sum() == pytest.approx(row - 10 + 11.7, abs=0.02)


def test_a_stripe_thinner_than_a_row_keeps_its_area():
    shares = coverage([(5.0, 20.3), (55.0, 20.5), (55.0, 20.4), (5.0, 20.2)])  # a tenth of a row high
    assert shares.sum() == pytest.approx(5.0, rel=0.05)


def test_adjacent_quadrilaterals_leave_no_gap():
    one = coverage(rectangle(10.3, 10.2, 30.7, 30.9))
    two = coverage(rectangle(10.3, 10.2, 20.15, 30.9), rectangle(20.15, 10.2, 30.7, 30.9))
    assert two == pytest.approx(one, abs=2 / 255)


def test_overlaps_are_counted_once():
    assert coverage(rectangle(10, 12, 14, 20), rectangle(11, 12, 15, 20)).max() == 1.0


def test_geometry_outside_the_image_is_clipped():
    shares = coverage(rectangle(-500, -300, 12.5, 900), rectangle(50.5, -9, 4000, 900))
    assert shares[:, :13].min() == 1.0
    assert shares[:, 51:].min() == 1.0
    assert shares[:, 13:51].max() == 0.0


def test_quadrilaterals_seen_from_below_are_not_drawn():
    assert coverage(rectangle(10, 12, 14, 20)[::-1]).max() == 0.0


def test_each_frame_starts_with_empty_coverage():
    same = canvas()
    assert coverage(rectangle(10, 12, 14, 20), on=same).max() == 1.0
    assert coverage(rectangle(30, 2, 34, 8), on=same)[12:20].max() == 0.0
    assert coverage(on=same).max() == 0.0


def test_nearer_ground_hides_a_quadrilateral():
    hidden, seen = canvas(), canvas()
    hidden.depth[:] = 1 / 0.5
    seen.depth[:] = 1 / 1.02  # its own depth with a rounding error
    assert coverage(rectangle(10, 12, 14, 20), on=hidden).max() == 0.0
    assert coverage(rectangle(10, 12, 14, 20), on=seen).max() == 1.0


def test_the_nearer_of_two_quadrilaterals_is_in_the_depth():
    depth = np.zeros((HEIGHT, WIDTH), np.float32)
    lying = np.array(rectangle(10, 10, 30, 30))
    # A camera at the origin that looks along z, a pixel per unit.
    camera = np.array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, *np.eye(3).ravel(), 0, 0, 0], float)
    for z in (4.0, 2.0, 8.0):
        quad = np.column_stack([lying * z, np.full(4, z)])[None].astype(np.float32)
        _draw.depth(depth, camera, quad, 0.3, 1.0)
    assert depth[20, 20] == pytest.approx(1 / 2.0)
    assert depth[5, 5] == 0.0


def test_nearer_ground_occludes_polygons_and_sprites():
    on = canvas()
    on.depth[:20] = 1 / 5.0
    through_origin = np.array([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, *np.eye(3).ravel(), 0, 0, 0], float)
    tree = np.full(8 * 8 * 4, 255, np.uint8), np.array([[8, 8]], np.int32)
    for nearness in (1 / 10.0, 1 / 4.5):
        on.start_frame(on.image, through_origin)
        on.image[:] = 0
        on.add_polygon([(5, 5), (15, 5), (15, 35), (5, 35)], nearness, (255, 255, 255))
        foot = np.array([[40.0 / nearness, 30.0 / nearness, 1 / nearness, 20.0 / nearness, 0]], np.float32)
        on.draw_billboards(tree, 1, foot, np.array([99, 1, 0, 0, 0, 1e9, 1, 0], np.float32))
        on.flush()
        is_behind = nearness < 1 / 5.0
        assert (on.image[10, 10].max() == 0) == is_behind
        assert (on.image[15, 35].max() == 0) == is_behind
        assert on.image[30, 10].min() == 255
        assert on.image[25, 35].min() > 250


def test_light_is_added_and_other_polygons_are_blended():
    on = canvas()
    on.image[:] = 100
    on.add_polygon([(4.5, 4.5), (14.5, 4.5), (14.5, 14.5), (4.5, 14.5)], 0.0, (80, 80, 80), 0.5)
    on.add_polygon([(24.5, 4.5), (34.5, 4.5), (34.5, 14.5), (24.5, 14.5)], 0.0, (80, 80, 80), 0.5, is_additive=True)
    on.flush()
    assert on.image[10, 10].tolist() == [90, 90, 90]
    assert on.image[10, 30].tolist() == [140, 140, 140]


def test_the_appearance_has_the_fields_of_the_kernel_in_order():
    assert tuple(_draw.APPEARANCE_FIELDS.split()) == GroundAppearance._fields


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda on: _draw.plane(on.depth, np.zeros(23), 0.0, 9.0), "camera: expected 24 along axis 0, found 23"),
        (lambda on: _draw.plane(on.depth.astype(float), FLAT_ON, 0.0, 9.0), "depth: expected 2 dimensions of 'f'"),
        (
            lambda on: on.rasterize_layer(0, np.zeros((1, 3, 3), np.float32), 9.0),
            "quads: expected 4 along axis 1, found 3",
        ),
        (lambda on: _draw.expose(on.image, 0, None, 4000, None, on.image, 0), "a gain of 0 to 1024"),
        (lambda on: _draw.expose(on.image, 0, None, 256, None, on.image[:9], 0), "noise: expected 40 along axis 0"),
    ],
    ids=["camera", "depth", "quads", "gain", "noise"],
)
def test_an_invalid_array_raises_an_error_that_names_it(call, text):
    with pytest.raises(ValueError, match=text):
        call(canvas())
