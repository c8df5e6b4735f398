"""Declared parameters: name, type, unit, range and default in one place.

A parameter is declared once, as an annotated field of a frozen msgspec struct, in the package that uses it:

    class DetectionParameters(Section, frozen=True, kw_only=True):
        canny_low: Annotated[float, declare("Canny's lower threshold", minimum=1, maximum=150, live=True)] = 50.0

The configuration file, the environment, `--set`, the broker's table, the viewer's sliders and `lkas param` all
use this one declaration.
"""

import difflib
import math
import types
import typing
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Meta, Struct

from lkas.plugins.names import PATTERN, is_plugin_name

MAX_LISTED = 12  # names in an error text; a longer list helps no reader


class ParameterError(ValueError):
    """A value outside of its declaration; the text names the parameter, the value and what is allowed."""


class Section(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section of the configuration; every field is declared with `declare`."""


def declare(
    description: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    live: bool = False,
    used_by: tuple[str, ...] = (),
    choices: tuple[str, ...] = (),
) -> Meta:
    """Return the annotation of a configuration field. `live` parameters can change while the program runs.

    `used_by` names the methods or controllers that read it; empty means all. `choices` are the built-in values of a
    text that may also name a plugin (lkas.plugins.load); a choice without plugins is declared as a Literal.
    """
    return Meta(
        ge=minimum,
        le=maximum,
        description=description,
        extra={"unit": unit, "live": live, "used_by": used_by, "choices": choices},
    )


class Parameter(Struct, frozen=True, kw_only=True):
    """One declared parameter, as sent in the broker's parameter table."""

    category: str
    name: str
    type: str  # float, int, bool, str or choice
    default: Any
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    optional: bool = False
    description: str = ""
    live: bool = False
    used_by: tuple[str, ...] = ()

    def allowed(self) -> str:
        """Describe the allowed values, for error texts and help."""
        if self.type == "choice":
            words = "one of " + ", ".join(self.choices)
        elif self.type in ("bool", "str"):
            words = {"bool": "true or false", "str": "text"}[self.type]
        else:
            words = "a whole number" if self.type == "int" else "a number"
            if self.minimum is not None and self.maximum is not None:
                words += f" from {self.minimum:g} to {self.maximum:g}"
            elif self.minimum is not None:
                words += f" of at least {self.minimum:g}"
            elif self.maximum is not None:
                words += f" of at most {self.maximum:g}"
            if self.unit:
                words += f" ({self.unit})"
        return words + (" or null" if self.optional else "")

    def check(self, value: Any) -> Any:
        """Return the value in its declared type. Raises ParameterError that says what is allowed."""
        if value is None and self.optional:
            return None
        accepted = self._converted(value)
        if accepted is None:
            raise ParameterError(f"{self.category}.{self.name} = {value!r}: expected {self.allowed()}")
        return accepted

    def _converted(self, value: Any) -> Any:
        match self.type:
            case "bool":
                return value if isinstance(value, bool) else None
            case "str":
                return value if isinstance(value, str) else None
            case "choice":
                return value if value in self.choices else None
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return None
        if self.type == "int" and value != int(value):
            return None
        if (self.minimum is not None and value < self.minimum) or (self.maximum is not None and value > self.maximum):
            return None
        return int(value) if self.type == "int" else float(value)


class OpenChoice(Parameter, frozen=True, kw_only=True):
    """A choice that may also name a plugin. A running process offers a closed choice instead (see `offered`)."""

    def allowed(self) -> str:
        return f"{super().allowed()}, or {PATTERN}"

    def _converted(self, value: Any) -> Any:
        return value if isinstance(value, str) and is_plugin_name(value) else super()._converted(value)


def declared(category: str, section: type[Section]) -> dict[str, Parameter]:
    """Return every parameter of a section by name, in the order of declaration."""
    hints = typing.get_type_hints(section, include_extras=True)
    defaults = dict(zip(section.__struct_fields__, section.__struct_defaults__, strict=True))
    return {name: _parameter(category, name, hints[name], defaults[name]) for name in section.__struct_fields__}


def offered(category: str, section: Section) -> dict[str, Parameter]:
    """Return the parameters that a process started with these values offers to clients.

    A client can choose only the plugin that the process was started with, never name another file.
    """
    table = declared(category, type(section))
    for name, parameter in table.items():
        if isinstance(parameter, OpenChoice):
            choices = tuple(dict.fromkeys([*parameter.choices, getattr(section, name)]))
            table[name] = Parameter(**{**msgspec.structs.asdict(parameter), "choices": choices})
    return table


def suggestion(word: str, known: Iterable[str], register: str = "configs/default.yaml") -> str:
    """Return the end of a sentence about an unknown name: the closest known name, or the list of known names.

    A list of more than MAX_LISTED names is replaced by `register`, which names the place that lists them.
    """
    known = list(known)
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f"; did you mean {close[0]}?"
    if len(known) > MAX_LISTED:
        return f"; {register} lists all {len(known)}"
    return f"; known are {', '.join(known)}"


def is_read_by(parameter: Parameter, name: str) -> bool:
    """Return whether a method or controller reads a parameter. A plugin may read any."""
    return not parameter.used_by or name in parameter.used_by or is_plugin_name(name)


def changed(
    category: str, section: Section, name: str, value: Any, table: Mapping[str, Parameter] | None = None
) -> Any:
    """Return a copy of the section with one value replaced. Raises ParameterError.

    The value is checked against `table`, by default the declaration of the section.
    """
    table = table or declared(category, type(section))
    if name not in table:
        raise ParameterError(f"{category}.{name}: no such parameter{suggestion(name, table)}")
    return msgspec.structs.replace(section, **{name: table[name].check(value)})


def _parameter(category: str, name: str, hint: Any, default: Any) -> Parameter:
    meta = Meta()
    if typing.get_origin(hint) is typing.Annotated:
        hint, meta = typing.get_args(hint)[:2]
    optional = False
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        optional = True
        (hint,) = (arg for arg in typing.get_args(hint) if arg is not type(None))
    extra = meta.extra or {}
    choices: tuple[str, ...] = extra.get("choices", ())
    kind_of_parameter = OpenChoice if choices else Parameter
    if typing.get_origin(hint) is typing.Literal:
        choices, kind = typing.get_args(hint), "choice"
    elif choices:
        kind = "choice"
    else:
        kind = {bool: "bool", int: "int", float: "float", str: "str"}[hint]
    return kind_of_parameter(
        category=category,
        name=name,
        type=kind,
        default=default,
        unit=extra.get("unit", ""),
        minimum=meta.ge,
        maximum=meta.le,
        choices=choices,
        optional=optional,
        description=meta.description or "",
        live=extra.get("live", False),
        used_by=tuple(extra.get("used_by", ())),
    )
