"""The derived files are up to date, and every declared key is used."""

import re

import pytest

from lkas.config import default_yaml, load
from lkas.parameters import declared
from scripts.write_defaults import ALL_SECTIONS, derived_files
from tests.support.stack import ROOT


@pytest.mark.parametrize("path", list(derived_files()), ids=lambda path: path.name)
def test_derived_files_are_up_to_date(path):
    assert path.read_text(encoding="utf-8") == derived_files()[path], "run `make defaults`"


def test_the_default_file_holds_the_declared_defaults():
    configuration = load(ALL_SECTIONS, file=ROOT / "configs" / "default.yaml", environ={})
    for name, section in ALL_SECTIONS.items():
        assert configuration[name] == section()


def test_every_default_is_valid_and_every_key_has_a_description():
    for name, section in ALL_SECTIONS.items():
        for parameter in declared(name, section).values():
            assert parameter.check(parameter.default) == parameter.default
            assert parameter.description, f"{name}.{parameter.name}"
    assert "null" in default_yaml(ALL_SECTIONS)


def test_every_key_is_read_by_the_code():
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for package in ("lkas", "simulation", "viewer")
        for path in (ROOT / package).rglob("*.py")
    )
    unread = [
        f"{name}.{key}"
        for name, section in ALL_SECTIONS.items()
        for key in declared(name, section)
        if not re.search(rf"\.{key}\b", code)
    ]
    assert unread == []
