"""Declared parameters: reading the declaration, checking and changing values."""

from typing import Annotated

import pytest

from lkas.detection.parameters import DetectionParameters
from lkas.parameters import ParameterError, Section, changed, declare, declared


class Sample(Section, frozen=True, kw_only=True):
    threshold: Annotated[float, declare("Threshold", unit="px", minimum=1, maximum=9, live=True, used_by=("a",))] = 2.0


def test_a_declaration_becomes_a_parameter_with_every_field():
    parameter = declared("detection", Sample)["threshold"]
    assert (parameter.category, parameter.name, parameter.type, parameter.unit) == (
        "detection", "threshold", "float", "px"
    )  # fmt: skip
    assert (parameter.minimum, parameter.maximum, parameter.default) == (1, 9, 2.0)
    assert (parameter.live, parameter.used_by, parameter.description) == (True, ("a",), "Threshold")


def test_a_change_returns_a_new_section():
    before = Sample()
    after = changed("detection", before, "threshold", 5)
    assert (before.threshold, after.threshold) == (2.0, 5.0)
    assert isinstance(after.threshold, float)


@pytest.mark.parametrize("value", [0.99, 9.01, float("nan"), float("inf"), "5", None, True, [5]])
def test_a_value_that_is_not_allowed_is_refused_with_the_range(value):
    with pytest.raises(ParameterError, match=r"detection\.threshold.*from 1 to 9 \(px\)"):
        changed("detection", Sample(), "threshold", value)


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match=r"detection\.treshold.*threshold"):
        changed("detection", Sample(), "treshold", 5)


def test_every_default_of_the_detection_section_is_allowed():
    for parameter in declared("detection", DetectionParameters).values():
        assert parameter.check(parameter.default) == parameter.default
        assert parameter.description
