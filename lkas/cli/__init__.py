"""The command `lkas`. Heavy imports stay inside the functions, so that `--help` answers at once."""

from lkas.cli.app import app


def main() -> None:
    """Entry point of the command."""
    app(prog_name="lkas")
