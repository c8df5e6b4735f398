"""`lkas message`: write a C header for a custom message."""

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from lkas.cli.settings import fail
from lkas.plugins.guard import PluginError
from lkas.plugins.load import load
from lkas.plugins.names import is_plugin_name, short_name
from lkas.runtime.exit_codes import EXIT_USAGE


def message(
    name: Annotated[str, typer.Argument(metavar="FILE.py:STRUCT", help="A msgspec Struct, the message of a channel.")],
    c: Annotated[Path | None, typer.Option("--c", metavar="FILE", help="C header to write; default: print it.")] = None,
) -> None:
    """Write the C header of a custom message, so that C and C++ programs write or read its channel.

    \b
    Examples:
    lkas message my_messages.py:Wheels --c wheels.h
    lkas message my_package.messages:Wheels
    """
    if not is_plugin_name(name):
        fail(f"{name}: expected FILE.py:STRUCT, such as my_messages.py:Wheels", EXIT_USAGE)
    from msgspec import Struct

    from lkas.integration.shared_memory.c_header import custom_header

    try:
        found = load(name)
    except PluginError as error:
        fail(str(error), EXIT_USAGE)
    if not (isinstance(found, type) and issubclass(found, Struct)):
        fail(f"{name}: expected a class that derives from msgspec.Struct, found {found!r}", EXIT_USAGE)
    try:
        text = custom_header(found, short_name(name))
    except (TypeError, ValueError, NameError) as error:
        fail(f"{name}: {error}", EXIT_USAGE)
    if c is None:
        typer.echo(text, nl=False)
        return
    try:
        _write(c, text)
    except OSError as error:
        fail(f"{c}: cannot be written: {error.strerror}", EXIT_USAGE)
    typer.echo(f"wrote {c}")


def _write(path: Path, text: str) -> None:
    """Replace a file as a whole. Raises OSError."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(name, 0o644)
        os.replace(name, path)
    except OSError:
        os.unlink(name)
        raise
