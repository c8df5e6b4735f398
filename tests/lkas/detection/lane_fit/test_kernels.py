"""The C kernels against the same steps written plainly in NumPy, and against arrays of the wrong size."""

import msgspec
import numpy as np
import pytest

from lkas.detection.lane_fit import _kernels
from lkas.detection.lane_fit.bends import FULL_SIZE_BENDS
from lkas.detection.lane_fit.confidence import support_of
from lkas.detection.lane_fit.fit import fit_road
from lkas.detection.lane_fit.kernel_structs import LateralHistogram, NextLineSearch, PeakShape, RangeLimits
from lkas.detection.lane_fit.problem import INLIER_SIGMAS
from lkas.detection.lane_fit.rectify import COLUMNS_PER_MARKING, RoadView
from lkas.detection.lane_fit.ridges import (
    BESIDE_COLUMNS,
    NOISE_FLOOR_LEVELS,
    PEAK_REACH,
    YELLOW_WEIGHT,
    Peaks,
    find_peaks,
    find_ridges,
)
from lkas.detection.lane_fit.search import (
    BIN_M,
    FIRST_STAGE_PEAKS,
    STAGES,
    STEP_M,
    STRAIGHT_BONUS,
    Course,
    LaneGuess,
    find_course,
)
from lkas.frames import PinholeCamera
from lkas.vehicle import CameraConfig
from tests.lkas.detection.drawn_road import YELLOW, DrawnLine, DrawnRoad

ROAD = DrawnRoad(lines=(DrawnLine(1.8, colour=YELLOW), DrawnLine(-1.8, dash_m=3.0)), curvature_radpm=1 / 300)


@pytest.fixture(scope="module")
def view():
    return RoadView(CameraConfig(yaw_deg=3.0, roll_deg=2.0).geometry(800, 600), 800, 600, 3.6, 0.15)


def mean_of_strip(plane):
    half = COLUMNS_PER_MARKING // 2
    wide = np.pad(plane, ((0, 0), (half, half)), mode="edge")
    return sum(wide[:, k : k + plane.shape[1]] for k in range(COLUMNS_PER_MARKING)) / COLUMNS_PER_MARKING


def levels_of(plane, view):
    strips = mean_of_strip(plane)
    below = strips[view.smooth_from :]
    wide = np.pad(below, ((1, 1), (0, 0)), mode="edge")
    strips[view.smooth_from :] = (wide[:-2] + below + wide[2:]) / 3
    k = BESIDE_COLUMNS
    wide = np.pad(strips, ((0, 0), (k, k)), mode="edge")
    return (strips - np.maximum(wide[:, : -2 * k], wide[:, 2 * k :])) * view.visible


def noise_of(levels, view):
    """Per row the median magnitude, per place the smaller one of that and the mean around it."""
    rows, columns = levels.shape
    magnitude = np.abs(levels)
    row_noise = np.empty(rows)
    for row in range(rows):
        seen = np.sort(magnitude[row, ::8][view.visible[row, ::8]])
        row_noise[row] = (1.48 * seen[(len(seen) - 1) // 2] if len(seen) else 0.0) + NOISE_FLOOR_LEVELS
    samples = np.minimum(magnitude[:, ::4], 3 * row_noise[:, None])
    local = np.empty_like(samples)
    for row in range(rows):
        for column in range(samples.shape[1]):
            around = samples[max(0, row - 4) : row + 5, max(0, column - 10) : column + 11]
            local[row, column] = 1.25 * around.mean() + NOISE_FLOOR_LEVELS
    share = 1 / np.minimum(local, row_noise[:, None])
    at = np.arange(columns) / 4
    return np.array([np.interp(at, np.arange(samples.shape[1]), of_row) for of_row in share])


def test_sampling_is_bilinear(view):
    """An image that is linear in both directions is sampled exactly, up to the rounding of its pixels."""
    v, u = np.mgrid[0:600, 0:800]
    image = np.stack([u * 255 / 799, v * 255 / 599, 255 - u * 255 / 799], axis=-1).round().astype(np.uint8)
    patch = view.sample(image).astype(float)
    plain = view.sample(np.ascontiguousarray(image)).astype(float)
    assert np.array_equal(patch, plain)
    shown = view.visible
    assert np.abs(patch[..., 0] + patch[..., 2] - 255)[shown].max() <= 1.0
    assert np.diff(patch[..., 0], axis=1)[shown[:, 1:] & shown[:, :-1]].min() >= -1.0  # leftmost first
    assert 0.05 < shown.mean() < 0.95
    first, last = view.spans[-1]
    assert np.array_equal(patch[-1, :first], np.broadcast_to(patch[-1, first], (first, 3)))
    assert last < patch.shape[1] or shown[-1, -1]


def test_ridges_are_those_of_the_plain_steps(view):
    patch = view.sample(ROAD.image())
    ridges = find_ridges(patch, view)
    red, green, blue = (patch[..., k].astype(float) for k in range(3))
    bright = levels_of((red + green) / 2, view)
    yellow = levels_of(np.maximum(np.minimum(red, green) - blue, 0.0), view)
    response = np.maximum(bright * noise_of(bright, view), YELLOW_WEIGHT * yellow * noise_of(yellow, view))
    assert ridges.bright_levels == pytest.approx(bright, abs=1e-3)
    assert ridges.yellow_levels == pytest.approx(yellow, abs=1e-3)
    assert ridges.response == pytest.approx(response * view.visible, abs=1e-3)
    assert response.max() > 20


def test_peaks_are_those_of_the_plain_steps(view):
    ridges = find_ridges(view.sample(ROAD.image()), view)
    peaks = find_peaks(ridges, view, 2.5)
    r = ridges.response
    found = []
    for row in range(r.shape[0]):
        for c in range(PEAK_REACH, r.shape[1] - PEAK_REACH):
            if r[row, c] > 2.5 and r[row, c] >= max(r[row, c - 2 : c]) and r[row, c] > max(r[row, c + 1 : c + 3]):
                bump = np.maximum(r[row, c - PEAK_REACH : c + PEAK_REACH + 1].astype(float) - 0.25 * r[row, c], 0)
                offset = bump @ np.arange(-PEAK_REACH, PEAK_REACH + 1) / bump.sum()
                found.append((row, view.y_m[0] + view.shift_m[row] - view.step_m * (c + offset)))
    assert len(found) == len(peaks) > 80
    assert peaks.row.tolist() == [row for row, _ in found]
    assert peaks.y_m == pytest.approx([y for _, y in found], abs=1e-6)
    assert peaks.x_m == pytest.approx(view.x_m[peaks.row])


def agreement_on(course, x, y, weight, half_width, bins):
    """The sum of the squared histogram, times the factor that prefers straight courses."""
    heading, curvature = course
    place = (y - heading * x - curvature * x * x / 2 + half_width) / BIN_M + 1
    inside = (place >= 1) & (place < bins - 2)
    lower = place[inside].astype(int)
    share = place[inside] - lower
    histogram = np.bincount(lower, weight[inside] * (1 - share), bins + 1)
    histogram += np.bincount(lower + 1, weight[inside] * share, bins + 1)
    bonus = 1 - STRAIGHT_BONUS * np.sqrt(abs(curvature) / FULL_SIZE_BENDS.searched_radpm)
    return float(histogram[2 : bins - 2] @ histogram[2 : bins - 2]) * bonus


def course_of_the_plain_steps(x, y, weight, view, start=None):
    """Each stage tries a grid around the three best courses of the one before."""
    half_width = -float(view.y_m[-1])
    bins = int(np.ceil(2 * half_width / BIN_M)) + 2
    kept = [start or (0.0, 0.0)]
    scored = []
    for stage, share in enumerate(STAGES):
        if start and share < 1:
            continue
        reach = share * view.far_m
        steps = STEP_M / reach, 2 * STEP_M / reach**2
        bounds = FULL_SIZE_BENDS.max_heading_rad, FULL_SIZE_BENDS.searched_radpm
        counts = (1, 2) if stage else tuple(np.ceil(bound / step) for bound, step in zip(bounds, steps, strict=True))
        ticks = [step * np.arange(-count, count + 1) for step, count in zip(steps, counts, strict=True)]
        near = np.flatnonzero(x <= reach)[: None if stage else FIRST_STAGE_PEAKS]
        tried = [(heading + h, curvature + c) for heading, curvature in kept for h in ticks[0] for c in ticks[1]]
        scored = [(agreement_on(course, x[near], y[near], weight[near], half_width, bins), course) for course in tried]
        scored.sort(key=lambda one: -one[0])
        kept = [course for _, course in scored[:3]]
    return (*kept[0], scored[0][0])


@pytest.mark.parametrize("start", [None, (0.03, 0.004)])
def test_course_is_that_of_the_plain_steps(view, start):
    rng = np.random.default_rng(2)
    x, weight = rng.uniform(4, 45, 400), rng.uniform(1, 3, 400)
    y = np.where(rng.random(400) < 0.4, rng.choice([1.8, -1.9], 400), rng.uniform(-7, 7, 400))
    y += 0.03 * x + 0.0045 * x * x / 2
    strongest = np.argsort(-weight, kind="stable")
    x, y, weight = x[strongest], y[strongest], weight[strongest]
    peaks = Peaks(np.zeros(400, np.int32), x, y, weight, weight > 1, weight > 1)
    found = find_course(peaks, view, None if start is None else Course(*start, 0.0))
    assert found is not None
    expected = course_of_the_plain_steps(x, y, weight, view, start)
    assert (found.heading_rad, found.curvature_radpm, found.agreement) == pytest.approx(expected, rel=1e-9)
    assert found.heading_rad == pytest.approx(0.03, abs=0.01)
    assert found.curvature_radpm == pytest.approx(0.0045, abs=0.001)


SMOOTHING = np.array([0.5, 1.0, 1.5, 1.0, 0.5])


def test_histogram_peaks_are_those_of_a_smoothed_histogram():
    rng = np.random.default_rng(4)
    x, weight = rng.uniform(4, 50, 300), rng.uniform(1, 3, 300)
    y = np.concatenate([rng.normal(1.7, 0.05, 80), rng.normal(-1.8, 0.05, 80), rng.uniform(-9, 9, 140)])
    lateral = y.copy()
    y += x * (0.02 + 0.003 * x / 2)
    places = (lateral + 7.2) / 0.05
    inside = (places >= 0) & (places < 288)
    raw = np.bincount(places[inside].astype(int), weight[inside], 288)
    smoothed = np.convolve(raw, SMOOTHING, "same")
    tops = [b for b in range(2, 286) if smoothed[b] >= 6.0 and smoothed[b] == max(smoothed[b - 2 : b + 3])]
    position, height = np.empty(288), np.empty(288)
    histogram = LateralHistogram(0.02, 0.003, half_width_m=7.2, bin_m=0.05, bins=288, min_height=6.0)
    count = _kernels.histogram_peaks(x, y, weight, histogram, position, height)
    assert position[:count] == pytest.approx([(b + 0.5) * 0.05 - 7.2 for b in tops])
    assert height[:count] == pytest.approx(smoothed[tops])
    assert {round(place, 1) for place in position[:count]} >= {1.7, -1.8}


@pytest.mark.parametrize("outward", [1, -1])
@pytest.mark.parametrize("more", [0, 1])
def test_next_line_is_the_median_of_the_highest_peak(outward, more):
    rng = np.random.default_rng(5)
    beyond = np.concatenate([rng.normal(3.5, 0.08, 40 + more), rng.uniform(0, 6, 60)])
    weight = rng.uniform(1, 3, len(beyond))
    places = -1.8 + outward * beyond
    around = (beyond > 2.3) & (beyond < 5.2)
    raw = np.bincount(((beyond[around] - 2.3) / 0.05).astype(int), weight[around], 58)
    peak_m = 2.3 + (np.convolve(raw, SMOOTHING, "same").argmax() + 0.5) * 0.05
    expected = -1.8 + outward * np.median(beyond[np.abs(beyond - peak_m) < 0.3])

    def next_line(min_height, min_points):
        search = NextLineSearch(-1.8, outward, 2.3, 5.2, 0.05, 58, min_height, min_points, 0.3)
        return _kernels.next_line(places, weight, search, np.empty(len(beyond)))

    assert next_line(6.0, 6) == pytest.approx(expected)
    assert expected == pytest.approx(-1.8 + outward * 3.5, abs=0.05)
    assert next_line(6.0, np.count_nonzero(around) + 1) is None
    assert next_line(1e3, 6) is None


def test_moved_line_is_the_same_curve():
    coefficients = np.array([1.8, 0.02, 3e-3, -4e-5])
    scatter = np.random.default_rng(6).normal(size=(4, 4)) * 1e-3
    covariance = scatter @ scatter.T
    moved, sigmas = _kernels.move_line(coefficients, covariance, -1.6)
    curve, x = np.poly1d((coefficients / (1, 1, 2, 6))[::-1]), np.linspace(0, 40, 9)
    assert np.poly1d((np.array(moved) / (1, 1, 2, 6))[::-1])(x) == pytest.approx(curve(x - 1.6))
    move = np.array([[1, -1.6, 1.6**2 / 2, -(1.6**3) / 6], [0, 1, -1.6, 1.6**2 / 2], [0, 0, 1, -1.6], [0, 0, 0, 1]])
    assert sigmas == pytest.approx(np.sqrt(np.diag(move @ covariance @ move.T)))


@pytest.mark.parametrize("reason", ["error", "bend", "neither"])
def test_known_range_ends_where_the_image_would_show_an_error_or_a_bend(reason):
    coefficients = np.array([1.8, 0.02, 4e-3 if reason == "bend" else 0.0, 0.0])
    covariance = np.diag([1e-4, 0.0, 4e-9 if reason == "error" else 0.0, 0.0])
    x = 20 * 4 ** np.linspace(0, 1, 16)
    powers = np.stack([np.ones(16), x, x**2 / 2, x**3 / 6])
    error_px = np.sqrt(((covariance @ powers) * powers).sum(axis=0)) * 700 / x
    bend_px = np.abs(coefficients[2]) / 2 * (x - 20) ** 2 * 700 / x
    known = (error_px < 1.05) & (bend_px < 8.0)
    found = _kernels.known_range(coefficients, covariance, RangeLimits(20.0, 4.0, 700.0, 1.05, 8.0, 16))
    assert found == pytest.approx(max(x[known], default=20.0))
    assert (found == pytest.approx(80.0)) == (reason == "neither")


@pytest.mark.parametrize("lens", [{}, {"k1": -0.2, "k2": 0.03, "p1": 1e-3, "p2": -2e-3}])
def test_cells_of_a_view_are_those_of_the_camera(lens):
    geometry = CameraConfig(yaw_deg=3.0, roll_deg=2.0, pitch_deg=5.0).geometry(800, 600)
    geometry = msgspec.structs.replace(geometry, **lens)
    view = RoadView(geometry, 800, 600, 3.6, 0.15)
    y_m = view.y_m[None] + view.shift_m[:, None]
    x_m = np.broadcast_to(view.x_m[:, None], y_m.shape)
    pixels = PinholeCamera(geometry).image_from_ground(x_m.ravel() + geometry.x_m, y_m.ravel() + geometry.y_m)
    u, v = pixels.T.reshape(2, *y_m.shape)
    visible = (u >= 1) & (u <= 798) & (v >= 0) & (v <= 599)
    assert np.array_equal(view.visible, visible)
    assert 0.2 < visible.mean() < 0.95
    ramp = np.stack(np.broadcast_arrays(np.arange(800) / 4, np.arange(600)[:, None] / 4, 0), axis=-1).astype(np.uint8)
    seen = view.sample(ramp).astype(float)
    assert np.abs(seen[..., 0] - u / 4)[visible].max() < 1.0
    assert np.abs(seen[..., 1] - v / 4)[visible].max() < 1.0
    for (first, end), seen in zip(view.spans, visible, strict=True):
        assert (first, end) == (np.flatnonzero(seen)[0], np.flatnonzero(seen)[-1] + 1)


@pytest.mark.parametrize("curvature_radpm", [0.0, 1 / 400, -1 / 150])
def test_points_on_a_road_give_that_road(view, curvature_radpm):
    """Tops placed without error on two concentric circles are fitted to millimetres."""
    row = np.tile(np.arange(len(view.x_m)), 2)
    x_m = view.x_m[row]
    place_m = np.repeat([1.7, -1.9], len(view.x_m))
    y_m = 0.02 * x_m + place_m
    if curvature_radpm:
        radius_m = 1 / curvature_radpm
        y_m = radius_m - np.sign(radius_m) * np.sqrt((radius_m - place_m) ** 2 - x_m**2)
    near = x_m < 40
    some = np.ones(np.count_nonzero(near))
    peaks = Peaks(row[near], x_m[near], y_m[near], some, some > 1, some > 0)
    guess = LaneGuess(Course(0.0 if curvature_radpm else 0.02, curvature_radpm, 1.0), 1.7, -1.9)
    fit = fit_road(peaks, view, guess, 0.01)
    for line, place in ((fit.left, 1.7), (fit.right, -1.9)):
        assert line.coefficients[0] == pytest.approx(place, abs=5e-3)
        assert line.coefficients[2] == pytest.approx(
            curvature_radpm / (1 - place * curvature_radpm), rel=0.05, abs=1e-5
        )
        assert len(line.inliers) == len(peaks) // 2
    assert fit.width_m == pytest.approx(3.6, abs=5e-3)
    assert abs(fit.pitch_error_rad) < 1e-3


def test_support_is_that_of_the_plain_steps(view):
    """On two lines of which every third row shows some, and scatter around them."""
    random = np.random.default_rng(3)
    row = np.concatenate([np.arange(5, 90, 3), np.arange(20, 96, 2), random.integers(0, len(view.x_m), 150)]).astype(
        np.int32
    )
    place_m = np.concatenate([np.full(29, 1.7), np.full(38, -1.9), random.uniform(-6, 6, 150)])
    some = random.uniform(1, 3, len(row))
    peaks = Peaks(row, view.x_m[row], 0.02 * view.x_m[row] + place_m, some, some > 1.4, some > 1.2)
    fit = fit_road(peaks, view, LaneGuess(Course(0.02, 0.0, 1.0), 1.7, -1.9), 0.01)
    assert fit is not None
    assert fit.right is not None
    line, support = fit.right, support_of(fit.right, peaks, view)
    rows = np.arange(len(view.x_m))
    seen = np.isin(rows, peaks.row[line.inliers])
    column = np.rint((view.y_m[0] - line.lateral_m) / view.step_m).astype(int)
    inside = (column >= 0) & (column < len(view.y_m))
    visible = seen | (inside & view.visible[rows, np.where(inside, column, 0)])
    tops = np.bincount(peaks.row, minlength=len(rows))
    by_chance = 1 - np.exp(-2 * INLIER_SIGMAS * view.point_sigma_m * tops / np.maximum(view.seen_m, 1.0))
    chance = by_chance[visible].mean()
    chance += np.sqrt(chance * (1 - chance) / visible.sum())
    near = visible & (rows >= len(rows) // 2)
    assert support.coverage == pytest.approx((seen.sum() / visible.sum() - chance) / (1 - chance))
    assert support.coverage > 0.1
    assert support.chance == pytest.approx(chance)
    painted = np.isin(rows, peaks.row[line.inliers[peaks.painted[line.inliers]]])
    assert support.near_coverage == pytest.approx(painted[near].sum() / near.sum())
    assert 0 < painted.sum() < seen.sum()
    assert support.contrast == pytest.approx(peaks.weight[line.inliers].mean())
    assert support.yellow_ratio == pytest.approx(peaks.yellow[line.inliers].mean())
    assert support.span_ratio == pytest.approx((rows[seen][-1] - rows[seen][0] + 1) / len(rows))
    assert (support.farthest_m, support.nearest_m) == (view.x_m[seen][0], view.x_m[seen][-1])


def histogram(**changes):
    values = {"half_width_m": 7.0, "bin_m": 0.2, "bins": 70, "min_height": 6.0} | changes
    return LateralHistogram(0.0, 0.0, **values)


def test_wrong_sizes_are_refused():
    numbers, room = np.zeros(5), np.zeros(70)
    with pytest.raises(ValueError, match="weight: expected 5 elements, found 4"):
        _kernels.histogram_peaks(numbers, numbers, np.zeros(4), histogram(), room, room)
    with pytest.raises(ValueError, match="expected 5 to 1024 bins, found 2000"):
        _kernels.histogram_peaks(numbers, numbers, numbers, histogram(bins=2000), numbers, numbers)
    with pytest.raises(ValueError, match="position_m: expected 70 elements, found 5"):
        _kernels.histogram_peaks(numbers, numbers, numbers, histogram(), numbers, numbers)
    with pytest.raises(ValueError, match="expected at least 2 steps, found 1"):
        _kernels.known_range(np.zeros(4), np.zeros((4, 4)), RangeLimits(20.0, 4.0, 700.0, 1.0, 8.0, 1))
    shape, index = PeakShape(5, 2.5, 0.25), np.zeros(10, np.int32)
    with pytest.raises(ValueError, match="column: expected 10 elements"):
        _kernels.find_peaks(np.zeros((4, 40), np.float32), shape, index, np.zeros(3))
    with pytest.raises((ValueError, BufferError)):
        _kernels.find_peaks(np.zeros((8, 80), np.float32)[::2, ::2], shape, index, np.zeros(10))
    with pytest.raises(ValueError, match="response: expected at least two dimensions, found 1"):
        _kernels.find_peaks(np.zeros(160, np.float32), shape, index, np.zeros(10))


def test_wrong_element_types_are_refused(view):
    numbers, room = np.zeros(5), np.zeros(70)
    with pytest.raises(TypeError, match="y_m: expected elements of type float64, found format 'f'"):
        _kernels.histogram_peaks(numbers, numbers.astype(np.float32), numbers, histogram(), room, room)
    with pytest.raises(TypeError, match="index: expected elements of type int32"):
        _kernels.find_peaks(np.zeros((4, 40), np.float32), PeakShape(5, 2.5, 0.25), np.zeros(10, int), np.zeros(10))
    read_only = np.zeros(70)
    read_only.flags.writeable = False
    with pytest.raises((ValueError, BufferError)):
        _kernels.histogram_peaks(numbers, numbers, numbers, histogram(), read_only, room)


def test_structs_are_read_by_name():
    numbers, room = np.zeros(5), np.zeros(70)
    with pytest.raises(TypeError, match="bin_m: expected a number, found str"):
        _kernels.histogram_peaks(numbers, numbers, numbers, histogram(bin_m="wide"), room, room)
    with pytest.raises(AttributeError, match="heading_rad"):
        _kernels.histogram_peaks(numbers, numbers, numbers, PeakShape(5, 2.5, 0.25), room, room)
    with pytest.raises(OverflowError, match="32 bits"):
        _kernels.histogram_peaks(numbers, numbers, numbers, histogram(bins=2**40), room, room)
