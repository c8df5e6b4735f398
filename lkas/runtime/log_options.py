"""The command-line options of the log, the same in all programs."""

from pathlib import Path
from typing import Annotated

import typer

from lkas.runtime.log import LogFormat

VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.", metavar="")]
LogFormatOption = Annotated[LogFormat, typer.Option("--log-format", help="json: one object a line.", metavar="FORMAT")]
LogFileOption = Annotated[
    Path | None,
    typer.Option("--log-file", metavar="FILE", help="Write the log to this file as well; rotated at 10 MB."),
]
