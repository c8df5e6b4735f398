"""The command `lkas`. The functions import heavy packages themselves, so that `--help` is fast."""

from lkas.cli.app import app


def main() -> None:
    """Run the command."""
    app(prog_name="lkas")
