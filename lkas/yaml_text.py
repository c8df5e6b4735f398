"""Reads YAML that a user wrote: plain data only, in bounded time and memory; a refusal is one sentence with its line.

Text, numbers, true, false, null, lists and mappings. A date stays text. Refused: a key given twice, tags, more than
MAX_NODES values (aliases count as what they stand for), MAX_DEPTH levels or MAX_CHARS characters.
"""

from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import Any

import yaml

MAX_CHARS = 1_000_000
MAX_NODES = 20_000
MAX_DEPTH = 40
MAX_NUMBER_CHARS = 400  # the largest float has 309 digits

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast
_TAGS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float", "str", "seq", "map")}


class YamlError(ValueError):
    """Text that is not accepted; the message begins with the line."""


class YamlFileError(YamlError):
    """A file that cannot be read; the message says why, without its name."""


class YamlDocument:
    """The value of a YAML text, and the line of each entry of its first two levels."""

    def __init__(self, value: Any, lines: dict[tuple[str, ...], int]) -> None:
        self.value = value
        self._lines = lines

    def line_of(self, *keys: str) -> int | None:
        """Return the line of a key, counted from 1, such as `line_of("detection", "canny_low")`."""
        return self._lines.get(keys)


def read_yaml(path: Path) -> YamlDocument:
    """Read a file. Raises YamlFileError when it cannot be read and YamlError when its text is not accepted."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(MAX_CHARS + 1)
    except OSError as error:
        raise YamlFileError(error.strerror or str(error)) from error
    except UnicodeDecodeError as error:
        raise YamlFileError(str(error)) from error
    return parse_document(text)


def parse_yaml(text: str) -> Any:
    """Return the value of a text. Raises YamlError."""
    return parse_document(text).value


def parse_document(text: str) -> YamlDocument:
    """Parse a text. Raises YamlError."""
    if len(text) > MAX_CHARS:
        raise YamlError(f"longer than {MAX_CHARS} characters")
    try:
        _check_size(text)
        loader = _PlainLoader(text)
        try:
            node = loader.get_single_node()
            value = None if node is None else loader.construct_document(node)
        finally:
            loader.dispose()
    except yaml.YAMLError as error:
        raise YamlError(_describe(error, text)) from error
    return YamlDocument(value, {} if node is None else dict(_lines(node)))


def _check_size(text: str) -> None:
    """Count the values of a text, each alias as what it stands for, without building them. Raises YAMLError."""
    sizes: dict[str, int] = {}  # of anchors
    open_nodes: list[tuple[str | None, int]] = []  # anchor, and the count before it
    count = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            count += sizes.get(event.anchor, 1)
        elif isinstance(event, yaml.NodeEvent):
            count += 1
            if isinstance(event, yaml.CollectionStartEvent):
                open_nodes.append((event.anchor, count - 1))
            elif event.anchor is not None:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_nodes.pop()
            if anchor is not None:
                sizes[anchor] = count - before
        if len(open_nodes) > MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_DEPTH} levels", problem_mark=event.start_mark)
        if count > MAX_NODES:
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_NODES} values", problem_mark=event.start_mark)


class _PlainLoader(_Loader):
    """Builds plain data. Dates stay text."""

    yaml_implicit_resolvers = {  # noqa: RUF012 - as the base class declares it
        first: [(tag, pattern) for tag, pattern in resolvers if tag in _TAGS]
        for first, resolvers in _Loader.yaml_implicit_resolvers.items()
    }

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag not in _TAGS:
            raise yaml.MarkedYAMLError(problem=f"tag {node.tag} is not accepted", problem_mark=node.start_mark)
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith((":int", ":float")):
            self._check_number(node)
        try:
            return super().construct_object(node, deep=True)
        except (ValueError, OverflowError, KeyError, IndexError) as error:  # !!int "x", !!bool 3
            kind = node.tag.rpartition(":")[2]
            problem = f"expected {kind}, found {shortened(node.value)}"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[str, int] = {}
        for key, _ in node.value:
            name, line = str(key.value), key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and name in seen:
                problem = f"key {shortened(name)} is given twice, first in line {seen[name]}"
                raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            seen[name] = line
        return super().construct_mapping(node, deep=True)

    def _check_number(self, node: yaml.ScalarNode) -> None:
        if len(node.value) > MAX_NUMBER_CHARS:
            problem = f"a number of {len(node.value)} characters, at most {MAX_NUMBER_CHARS} are accepted"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _lines(node: yaml.Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], int]]:
    if isinstance(node, yaml.MappingNode) and len(path) < 2:
        for key, value in node.value:
            keys = (*path, str(key.value))
            yield keys, key.start_mark.line + 1
            yield from _lines(value, keys)


def shortened(value: Any) -> str:
    """Return a value as it is shown in a message: its repr, at most 60 characters of it."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _describe(error: yaml.YAMLError, text: str) -> str:
    """Return place and problem in one line: `line 2, column 1: expected ',' or ']', but got '<stream end>'`."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or problem is None:
        return " ".join(str(error).split())[:200]
    lines = text.count("\n") + 1
    if mark.line >= lines:
        return f"line {lines}, at its end: {problem}"
    return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
