"""Errors in road files: each is read, repaired or skipped as docs/opendrive.md says, and the road is still driven."""

import warnings

import pytest

from simulation.opendrive.parser import read_map
from simulation.opendrive.survey import survey
from tests.simulation.embedded import driver
from tests.simulation.opendrive.repairs import REPAIRS, documented, table

ACTIONS = {"repairs": "repaired", "skips": "skipped"}


@pytest.mark.parametrize("row", REPAIRS, ids=lambda row: row.kind)
def test_each_kind_is_listed_and_driven(tmp_path, row):
    path = tmp_path / "road.xodr"
    path.write_bytes(row.content())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = survey(read_map(path))
        assert found.routes[0].length_m == pytest.approx(row.length_m, abs=0.01)
        world = driver.make(map=str(path), start_speed_mps=10.0)
        tick = world.tick(None)
        for _ in range(100):
            tick = world.tick(driver.follow_lane(world, tick, 10.0))
    assert abs(driver.truth_of(tick).offset_m) < 0.3
    notices = [(notice.action, str(notice)) for notice in found.notices]
    notices += [("skipped", text) for text in found.not_supported]
    if row.notice:
        assert any(action == ACTIONS[row.action] and row.notice in text for action, text in notices), notices
    else:
        assert not notices


def test_the_table_in_the_documentation_is_that_of_these_tests():
    assert documented() == table(), "run: python -m tests.simulation.opendrive.repairs"
