"""Writes channels.pyi: channels.py as type checkers and editors need it, the calls with the fields of their messages.

The stub repeats the declarations of channels.py and replaces each `message_call(...)` by the signature that it has.
"""

import ast
import enum
import inspect
import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lkas.integration.shared_memory import channels

STUB = Path(channels.__file__).with_suffix(".pyi")

_NOTE = "# Written from channels.py and messages.py by `make defaults`; do not edit.\n"


def channel_stub() -> str:
    """The text of channels.pyi."""
    source = Path(channels.__file__).read_text(encoding="utf-8")
    module = ast.parse(source)
    classes = [node for node in module.body if isinstance(node, ast.ClassDef)]
    body = "\n\n".join(_class_stub(node, source) for node in classes)
    return "\n".join([_NOTE, *_imports(body), "", body]) + "\n"


def _imports(body: str) -> Iterator[str]:
    """An import for each name that the stub uses and channels.py or messages.py knows, sorted as ruff sorts them."""
    from lkas.integration.shared_memory import messages

    known: dict[str, tuple[str, ...]] = {
        "collections.abc": ("Sequence",),
        "typing": ("Any", "Unpack"),
        "lkas.integration.shared_memory": ("_core",),
        "lkas.integration.shared_memory.channel": ("Channel", "ChannelOptions"),
        "lkas.integration.shared_memory.messages": tuple(messages.__all__),
    }
    used = set(_identifiers(body))
    groups = [("collections.abc", "typing"), tuple(name for name in known if name.startswith("lkas"))]
    for number, group in enumerate(groups):
        if number:
            yield ""
        for module in group:
            names = [name for name in known[module] if name in used]
            line = f"from {module} import {', '.join(names)}"
            if len(line) > 120:
                line = "\n".join([f"from {module} import (", *(f"    {name}," for name in names), ")"])
            if names:
                yield line


def _identifiers(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Name):
            yield node.id


def _class_stub(node: ast.ClassDef, source: str) -> str:
    """The class with its members; the bodies of functions are left out."""
    channel = getattr(channels, node.name)
    bases = ", ".join(str(ast.get_source_segment(source, base)) for base in node.bases)
    lines = [f"class {node.name}({bases}):", f'    """{ast.get_docstring(node, clean=False)}"""', ""]
    for member in node.body:
        if isinstance(member, ast.FunctionDef):
            lines += _function_stub(member, source)
        elif isinstance(member, ast.Assign) and isinstance(name := member.targets[0], ast.Name):
            value = inspect.getattr_static(channel, name.id)
            if isinstance(value, channels._core.MessageCall):
                lines += _call_stub(value)
            elif name.id != "__slots__":
                lines.append(f"    {ast.get_source_segment(source, member)}")
    return "\n".join(lines)


def _function_stub(node: ast.FunctionDef, source: str) -> Iterator[str]:
    lines = source.splitlines()
    first = min(part.lineno for part in (node, *node.decorator_list))
    declaration = "\n".join(lines[first - 1 : node.body[0].lineno - 1])
    doc = ast.get_docstring(node, clean=False)
    yield f'{declaration}\n        """{doc}"""' if doc else f"{declaration} ..."


def _call_stub(call: Any) -> Iterator[str]:
    signature: inspect.Signature = call.__signature__
    yield f"    def {call.__name__}("
    yield "        self,"
    has_star = False
    for parameter in list(signature.parameters.values())[1:]:
        if parameter.kind is parameter.KEYWORD_ONLY and not has_star:
            yield "        *,"
            has_star = True
        default = "" if parameter.default is parameter.empty else f" = {_value(parameter.default)}"
        yield f"        {parameter.name}: {_type(parameter.annotation)}{default},"
    yield f"    ) -> {_type(signature.return_annotation)}:"
    yield f'        """{call.__doc__}"""'


def _value(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    return '""' if value == "" else repr(value)


def _type(hint: Any) -> str:
    if hint is types.NoneType:
        return "None"
    if hint is Any:
        return "Any"
    if isinstance(hint, types.UnionType) or typing.get_origin(hint) is typing.Union:
        return " | ".join(map(_type, typing.get_args(hint)))
    if typing.get_origin(hint) is Sequence:
        return f"Sequence[{_type(typing.get_args(hint)[0])}]"
    return f"_core.{hint.__name__}" if hint.__module__ == channels._core.__name__ else hint.__name__
