"""Logging of the programs: one line per record with the name of the process; warnings on change, not per frame."""

import logging
import sys

FORMAT = "%(asctime)s %(levelname)-7s {process:<10} %(message)s"


def set_up(process: str, verbose: bool = False) -> None:
    """Log to standard error. Programs call this once; libraries never do."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.DEBUG if verbose else logging.INFO,
        format=FORMAT.format(process=process),
        datefmt="%H:%M:%S",
        force=True,
    )
