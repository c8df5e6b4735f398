"""Configuration: precedence of the layers, the error text of every wrong key or value, and the written defaults."""

from pathlib import Path
from typing import Annotated, Literal

import pytest
import yaml

from lkas.config import ConfigError, default_yaml, from_json, load
from lkas.parameters import Section, declare


class Sample(Section, frozen=True, kw_only=True):
    gain: Annotated[float, declare("A gain", unit="1/s", minimum=0, maximum=10, live=True)] = 1.0
    count: Annotated[int, declare("A count", minimum=1)] = 3
    mode: Annotated[Literal["slow", "fast"], declare("A mode")] = "slow"
    label: Annotated[str | None, declare("A text")] = None
    is_on: Annotated[bool, declare("A switch")] = False


SECTIONS: dict[str, type[Section]] = {"detection": Sample}


def load_sample(**layers) -> Sample:
    layers.setdefault("environ", {})
    return load(SECTIONS, **layers)["detection"]


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_each_layer_overrides_the_one_before(tmp_path):
    file = write(tmp_path / "a.yaml", "detection: {gain: 2}")
    environ = {"LKAS_DETECTION__GAIN": "3"}
    assert load_sample().gain == 1
    assert load_sample(file=file).gain == 2
    assert load_sample(file=file, environ=environ).gain == 3
    assert load_sample(file=file, environ=environ, assignments=["detection.gain=4"]).gain == 4
    flags = {"--gain": ("detection.gain", 5), "--count": ("detection.count", None)}
    flagged = load_sample(file=file, environ=environ, assignments=["detection.gain=4"], flags=flags)
    assert (flagged.gain, flagged.count) == (5, 3)


def test_text_that_looks_like_a_number_stays_text():
    assert load_sample(assignments=["detection.label=1.0"]).label == "1.0"
    assert load_sample(assignments=["detection.label=null"]).label is None


def test_sections_of_other_programs_are_ignored(tmp_path):
    file = write(tmp_path / "a.yaml", "viewer: {port: 1}\nsimulation:\n")
    assert load_sample(file=file, environ={"LKAS_VIEWER__PORT": "x", "LKAS_INSTANCE": "b"}) == Sample()


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("detection.gian=1", ["detection.gian", "did you mean gain"]),
        ("detction.gain=1", ["detction", "did you mean detection"]),
        ("detection.gain=11", ["detection.gain", "11", "from 0 to 10", "1/s"]),
        ("detection.gain=.nan", ["detection.gain", "nan"]),
        ("detection.gain=true", ["detection.gain", "True", "a number"]),
        ("detection.gain=abc", ["detection.gain", "'abc'"]),
        ("detection.count=2.5", ["detection.count", "2.5", "whole number"]),
        ("detection.count=0", ["detection.count", "at least 1"]),
        ("detection.mode=quick", ["detection.mode", "quick", "slow, fast"]),
        ("detection.is_on=1", ["detection.is_on", "true or false"]),
        ("detection.gain", ["detection.gain", "section.key=value"]),
        ("gain=1", ["gain=1", "section.key=value"]),
        ("detection.gain=[", ["detection.gain", "cannot read"]),
    ],
)
def test_a_wrong_assignment_is_named_with_what_is_allowed(assignment, words):
    with pytest.raises(ConfigError) as error:
        load_sample(assignments=[assignment])
    for word in ["--set", *words]:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("detection: {gain: 99}", ["detection.gain", "99", "from 0 to 10"]),
        ("detection: {color: 1}", ["detection.color", "no such key"]),
        ("detection: 5", ["detection", "expected keys and values", "5"]),
        ("- 1", ["expected sections", "list"]),
        ("detection: {gain: ", ["not valid YAML: line 1, at its end: "]),
        ("surprise: {a: 1}", ["surprise", "no such section"]),
    ],
)
def test_a_wrong_file_is_named_with_path_and_place(tmp_path, text, words):
    file = write(tmp_path / "wrong.yaml", text)
    with pytest.raises(ConfigError) as error:
        load_sample(file=file)
    for word in [str(file), *words]:
        assert word in str(error.value)


def test_a_missing_or_binary_file_is_one_sentence(tmp_path):
    with pytest.raises(ConfigError, match=r"missing.yaml.*cannot read"):
        load_sample(file=tmp_path / "missing.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(ConfigError, match="cannot read"):
        load_sample(file=tmp_path / "binary.yaml")


def test_a_wrong_environment_variable_is_named():
    with pytest.raises(ConfigError, match=r"LKAS_DETECTION__GAIN.*detection.gain"):
        load_sample(environ={"LKAS_DETECTION__GAIN": "-1"})


def test_children_receive_the_loaded_values_unchanged():
    configuration = load(SECTIONS, environ={}, assignments=["detection.gain=2.5", "detection.label=a b"])
    assert from_json(SECTIONS, configuration.to_json())["detection"] == configuration["detection"]


def test_the_default_file_holds_the_declared_defaults():
    text = default_yaml(SECTIONS)
    assert yaml.safe_load(text)["detection"] == {
        "gain": 1.0, "count": 3, "mode": "slow", "label": None, "is_on": False
    }  # fmt: skip
    assert "# A gain [a number from 0 to 10 (1/s); live]" in text
