"""The options KEY=VALUE of a world plugin, which become its arguments."""

from typing import Any

from lkas.yaml_text import YamlError, parse_yaml


def parse_world_options(given: list[str]) -> dict[str, Any]:
    """Return the arguments; numbers, true, false and null as in YAML, all else is text. Raises ValueError."""
    options: dict[str, Any] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.isidentifier():
            raise ValueError(f"--world-option {text}: expected KEY=VALUE, with the name of an argument as KEY")
        try:
            options[key] = parse_yaml(value)
        except YamlError:
            options[key] = value
    return options
