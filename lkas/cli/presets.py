"""Presets: the values of running parameters as an overlay file that `--config` reads as well."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lkas.atomic_file import write_atomically
from lkas.yaml_text import YamlFileError, read_yaml

Values = dict[tuple[str, str], Any]  # by category and name


class PresetError(ValueError):
    """A file that is no preset; the text names the file, the place and what is expected."""


def values_of(table: Sequence[Mapping[str, Any]]) -> Values:
    """Return the values of a parameter table, as the broker broadcasts it."""
    return {(row["category"], row["name"]): row["value"] for row in table}


def changed_values(table: Sequence[Mapping[str, Any]]) -> Values:
    """Return the values that differ from their declared defaults."""
    return {(row["category"], row["name"]): row["value"] for row in table if row["value"] != row["default"]}


def write_preset(path: Path, values: Values) -> None:
    """Write an overlay. Raises OSError."""
    sections: dict[str, dict[str, Any]] = {}
    for (category, name), value in sorted(values.items()):
        sections.setdefault(category, {})[name] = value
    text = "# Written by `lkas param save`; for `lkas param load` and for --config.\n"
    write_atomically(path, text + yaml.safe_dump(sections, sort_keys=False, allow_unicode=True))


def read_preset(path: Path) -> Values:
    """Read an overlay: sections with keys and values. Raises PresetError."""
    try:
        sections = read_yaml(path).value
    except YamlFileError as error:
        raise PresetError(f"{path}: {error}") from error
    except ValueError as error:
        raise PresetError(f"{path}: {error}") from error
    if not isinstance(sections, dict) or not all(isinstance(keys, dict) for keys in sections.values()):
        raise PresetError(f"{path}: expected sections with keys and values, such as detection: {{canny_low: 60}}")
    return {(category, name): value for category, keys in sections.items() for name, value in keys.items()}


def differences(mine: Values, other: Values) -> list[tuple[str, Any, Any]]:
    """Return (CATEGORY.NAME, mine, other) for each key of `other` whose value differs; unknown ones count as None."""
    return [
        (f"{category}.{name}", mine.get((category, name)), value)
        for (category, name), value in sorted(other.items())
        if mine.get((category, name)) != value
    ]
