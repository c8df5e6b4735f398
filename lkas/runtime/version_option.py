"""The option `--version`, the same in all programs."""

import sys
from pathlib import PurePath
from typing import Annotated

import typer

from lkas import __version__


def _print_version(is_given: bool) -> None:
    if is_given:
        path = PurePath(sys.argv[0])
        name = path.parent.name if path.stem == "__main__" else path.stem  # python -m viewer
        typer.echo(f"{name if name in ('simulation', 'viewer') else 'lkas'} {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.", metavar="")
]
