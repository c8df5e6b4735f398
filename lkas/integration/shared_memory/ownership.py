"""Who writes a channel that several programs want to write: one of them, and the others wait for its end or do without.

A perception core of the user's own takes the place of `detection` by being there first; when it ends, `detection` goes
on. A second `lkas` waits in the same way for the first one.
"""

import logging
import time
from collections.abc import Callable
from typing import Any, TypeVar

from lkas.integration.shared_memory.channel import Channel
from lkas.integration.shared_memory.errors import SHMWriterExistsError

RETRY_S = 0.1

T = TypeVar("T")
C = TypeVar("C", bound=Channel[Any])

logger = logging.getLogger(__name__)


def when_free(attempt: Callable[[], T], go_on: Callable[[], bool]) -> T | None:
    """What `attempt` gives as soon as it raises no SHMWriterExistsError; None when `go_on` says False first.

    `go_on` is called before each attempt but the first. Who is waited for is logged once.
    """
    is_told = False
    while True:
        try:
            return attempt()
        except SHMWriterExistsError as error:
            if not is_told:
                logger.warning("%s; waiting until it ends", error)
                is_told = True
        time.sleep(RETRY_S)
        if not go_on():
            return None


def unless_written(kind: type[C]) -> C | None:
    """A new writer of this kind; None, and a line in the log, when another process writes that channel already."""
    try:
        return kind(create=True)
    except SHMWriterExistsError as error:
        logger.info("%s; going on without it", error)
        return None
