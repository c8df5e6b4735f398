"""Checks the content of a scenario file against declarations; errors name file, key, found and expected value."""

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from lkas.parameters import ParameterError, Section, declared
from lkas.yaml_text import shortened
from simulation.evaluation.scenario_events import ScenarioEvent, kind_of

SectionType = TypeVar("SectionType", bound=Section)
EventType = TypeVar("EventType", bound=ScenarioEvent)


class ScenarioError(ValueError):
    """A scenario cannot be driven; the text names the file, the key, the value and what is allowed."""


def mapping(path: Path, where: str, raw: Any) -> Mapping[str, Any]:
    """Return keys and values; an empty mapping for a missing one."""
    if raw is None:
        return {}
    if not isinstance(raw, dict):
        raise ScenarioError(f"{path}: {where}: expected keys and values, found {shortened(raw)}")
    return raw


def sequence(path: Path, where: str, raw: Any) -> list[Any]:
    """Return a list; an empty one for a missing one."""
    if raw is None:
        return []
    if not isinstance(raw, list):
        raise ScenarioError(f"{path}: {where}: expected a list, found {shortened(raw)}")
    return raw


def section(path: Path, where: str, kind: type[SectionType], raw: Mapping[str, Any], *more: str) -> SectionType:
    """Build one section from its keys; `more` are known keys that are read elsewhere."""
    table = declared(where, kind)
    refuse_unknown(path, where, raw, [*table, *more])
    try:
        return kind(**{key: table[key].check(value) for key, value in raw.items() if key in table})
    except ParameterError as error:
        raise ScenarioError(f"{path}: {str(error).removeprefix('.')}") from error


def events(path: Path, where: str, kinds: Sequence[type[EventType]], raw: Any) -> tuple[EventType, ...]:
    """Build a list of events, each with one of the allowed kinds."""
    by_name = {kind_of(kind): kind for kind in kinds}
    found = []
    for index, entry in enumerate(sequence(path, where, raw)):
        here = f"{where}[{index}]"
        keys = mapping(path, here, entry)
        name = keys.get("kind")
        if name not in by_name:
            raise ScenarioError(f"{path}: {here}.kind = {name!r}: expected one of {', '.join(by_name)}")
        event = section(path, here, by_name[name], {key: keys[key] for key in keys if key != "kind"}, "kind")
        if event.at_s is not None and event.at_m is not None:
            raise ScenarioError(
                f"{path}: {here}: expected one of at_s and at_m, found at_s = {event.at_s:g} and at_m = {event.at_m:g}"
            )
        found.append(event)
    return tuple(found)


def refuse_unknown(path: Path, where: str, raw: Mapping[str, Any], known: Sequence[str]) -> None:
    """Raise ScenarioError for an unknown key."""
    for key in raw:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
            raise ScenarioError(f"{path}: {where}{'.' if where else ''}{key}: no such key; {hint}")
