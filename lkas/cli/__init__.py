"""The command `lkas`. The functions import heavy packages themselves, so that `--help` is fast."""

from lkas.cli.app import app
from lkas.runtime.descriptors import open_standard_streams


def main() -> None:
    """Run the command."""
    open_standard_streams()
    app(prog_name="lkas")
