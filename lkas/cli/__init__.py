"""The command `lkas`. The functions import heavy packages themselves, so that `--help` is fast."""

from lkas.cli.app import app
from lkas.runtime.command import run_command


def main() -> None:
    """Run the command."""
    run_command(app, "lkas")
