"""Configuration: declared default < `--config` file < environment < `--set`, into frozen structs.

    LKAS_DETECTION__CANNY_LOW=60 lkas --config my.yaml --set detection.canny_low=70

Each program loads its own sections, ignores those of the other programs and refuses an unknown section.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from lkas.parameters import Parameter, ParameterError, Section, declared, suggestion
from lkas.yaml_text import YamlError, YamlFileError, parse_yaml, read_yaml, shortened

# All sections, also those of programs that lkas never imports.
SECTIONS = ("camera", "vehicle", "detection", "decision", "zmq", "events", "simulation", "carla", "viewer")
ENVIRONMENT_PREFIX = "LKAS_"


class ConfigError(ValueError):
    """A key or value that is not allowed; the text names the source, the path, the value and what is allowed."""


class Configuration:
    """The loaded sections of one program, each a frozen struct: `configuration["detection"].canny_low`."""

    def __init__(self, sections: Mapping[str, Section]) -> None:
        self._sections = dict(sections)

    def __getitem__(self, name: str) -> Any:
        return self._sections[name]

    def __iter__(self):
        return iter(self._sections)

    def to_json(self) -> str:
        """Return every value as JSON. A supervisor passes its configuration to its children in this form."""
        return msgspec.json.encode(self._sections).decode()


def load(
    sections: Mapping[str, type[Section]],
    *,
    file: str | Path | None = None,
    environ: Mapping[str, str] | None = None,
    assignments: Iterable[str] = (),
    flags: Mapping[str, tuple[str, Any]] | None = None,
) -> Configuration:
    """Load the configuration of a program that owns `sections`. Raises ConfigError.

    `assignments` are the `section.key=value` texts of `--set`; their values are parsed as YAML. `flags` are the flags
    of the program with the key each one sets, `{"--method": ("detection.method", "cv")}`; a value of None: not given.
    """
    reader = _Reader(sections)
    if file is not None:
        reader.read_file(Path(file))
    reader.read_environment(os.environ if environ is None else environ)
    for text in assignments:
        reader.read_assignment(text)
    for flag, (path, value) in (flags or {}).items():
        reader.read_flag(flag, path, value)
    return Configuration({name: kind(**reader.values[name]) for name, kind in sections.items()})


def config_folder() -> Path:
    """Return the folder of default.yaml, maps and scenarios: in the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def from_json(sections: Mapping[str, type[Section]], text: str) -> Configuration:
    """Parse what `Configuration.to_json` wrote. Other sections are ignored."""
    raw = msgspec.json.decode(text)
    return Configuration({name: msgspec.convert(raw[name], kind) for name, kind in sections.items()})


def default_yaml(sections: Mapping[str, type[Section]]) -> str:
    """Return the declared defaults as a commented YAML file: the text of configs/default.yaml."""
    lines = ["# Every key with its default. Written from the declarations by `make defaults`; do not edit."]
    for name, kind in sections.items():
        lines += ["", f"{name}:"]
        for parameter in declared(name, kind).values():
            live = "; live" if parameter.live else ""
            lines.append(f"  # {parameter.description} [{parameter.allowed()}{live}]")
            value = yaml.safe_dump(parameter.default, default_flow_style=True).removesuffix("\n...\n").strip()
            lines.append(f"  {parameter.name}: {value}")
    return "\n".join(lines) + "\n"


class _Reader:
    """Collects values from the layers, checking each against its declaration."""

    def __init__(self, sections: Mapping[str, type[Section]]) -> None:
        self._tables: dict[str, dict[str, Parameter]] = {name: declared(name, kind) for name, kind in sections.items()}
        self.values: dict[str, dict[str, Any]] = {
            name: {key: parameter.default for key, parameter in table.items()} for name, table in self._tables.items()
        }

    def read_file(self, path: Path) -> None:
        try:
            document = read_yaml(path)
        except YamlFileError as error:
            raise ConfigError(f"{path}: cannot read this configuration file: {error}") from error
        except YamlError as error:
            raise ConfigError(f"{path}: not valid YAML: {error}") from error
        if document.value is None:
            return
        if not isinstance(document.value, dict):
            found = type(document.value).__name__
            raise ConfigError(f"{path}: expected sections such as `detection:`, found {found}")
        for section, entries in document.value.items():
            source = f"{path}, line {document.line_of(str(section))}"
            self._check_section(source, str(section))
            if entries is None:
                continue
            if not isinstance(entries, dict):
                raise ConfigError(f"{source}: {section}: expected keys and values, found {shortened(entries)}")
            for key, value in entries.items():
                line = document.line_of(str(section), str(key))
                self._set(f"{path}, line {line}", str(section), str(key), value)

    def read_environment(self, environ: Mapping[str, str]) -> None:
        for variable in sorted(environ):
            if not variable.startswith(ENVIRONMENT_PREFIX) or "__" not in variable:
                continue
            section, key = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split("__", 1)
            self._check_section(f"environment variable {variable}", section)
            self._set_text(f"environment variable {variable}", section, key, environ[variable])

    def read_assignment(self, text: str) -> None:
        path, equals, value = text.partition("=")
        section, dot, key = path.strip().partition(".")
        if not equals or not dot:
            raise ConfigError(f"--set {text}: expected section.key=value, as in --set detection.canny_low=60")
        self._check_section(f"--set {text}", section)
        self._set_text(f"--set {text}", section, key, value)

    def read_flag(self, flag: str, path: str, value: Any) -> None:
        if value is not None:
            section, _, key = path.partition(".")
            self._set(flag, section, key, value)

    def _set_text(self, source: str, section: str, key: str, text: str) -> None:
        parameter = self._tables.get(section, {}).get(key)
        try:
            # A text key stays text: a file named 1.0 is not a number.
            is_text = parameter is not None and parameter.type in ("str", "choice") and text != "null"
            value = text if is_text else parse_yaml(text)
        except YamlError as error:
            raise ConfigError(f"{source}: {section}.{key}: cannot read the value {shortened(text)}: {error}") from error
        self._set(source, section, key, value)

    def _set(self, source: str, section: str, key: str, value: Any) -> None:
        table = self._tables.get(section)
        if table is None:
            return  # a section of another program
        if key not in table:
            raise ConfigError(f"{source}: {section}.{key}: no such key{suggestion(key, table)}")
        try:
            self.values[section][key] = table[key].check(value)
        except ParameterError as error:
            raise ConfigError(f"{source}: {error}") from error

    def _check_section(self, source: str, section: str) -> None:
        if section not in SECTIONS:
            raise ConfigError(f"{source}: {section}: no such section{suggestion(section, SECTIONS)}")
