"""The lines next to the ego lane."""

import pytest

from lkas.detection import DetectionParameters, create_detector
from lkas.detection.lane_fit.outline import record
from tests.lkas.detection.drawn_road import DrawnLine, DrawnRoad

EGO = (DrawnLine(1.8), DrawnLine(-1.8, dash_m=3.0))
BESIDE = (DrawnLine(5.3, dash_m=3.0), DrawnLine(-5.4))


def seen(road):
    return create_detector("cv", DetectionParameters(calibration="config")).detect(road.image())


@pytest.mark.parametrize("curvature_radpm", [0.0, 1 / 300, -1 / 150])
def test_four_lines_are_found(curvature_radpm):
    road = DrawnRoad(lines=(*EGO, *BESIDE), offset_m=0.2, curvature_radpm=curvature_radpm)
    result = seen(road)
    for line, drawn in zip(result.neighbours, BESIDE, strict=True):
        c0, c1, _ = road.truth(drawn)
        assert line.c0 == pytest.approx(c0, abs=0.12)
        assert line.c1 == pytest.approx(c1, abs=0.02)
        assert line.confidence >= 0.5
    lanes = record("road", result, 800, 600, 1.0)
    assert (lanes["ego"], len(lanes["lanes"])) == ([0, 1], 4)


def test_without_neighbour_lines_none_is_reported():
    assert seen(DrawnRoad(lines=EGO)).neighbours == (None, None)


def test_no_neighbour_beside_a_line_that_was_not_found():
    assert seen(DrawnRoad(lines=(EGO[0], BESIDE[1]))).neighbours[1] is None
