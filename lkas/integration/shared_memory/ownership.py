"""Share a channel that several programs want to write: one writes, the others wait for its end or continue without it.

A custom perception core replaces `detection` when it starts first; when it ends, `detection` takes over. A second
`lkas` waits in the same way for the first one.
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


def retry_until_free(attempt: Callable[[], T], keep_waiting: Callable[[], bool]) -> T | None:
    """Return the result of `attempt` once it raises no SHMWriterExistsError; None when `keep_waiting` returns False.

    `keep_waiting` is called before each attempt but the first. The current writer is logged once.
    """
    is_logged = False
    while True:
        try:
            return attempt()
        except SHMWriterExistsError as error:
            if not is_logged:
                logger.warning("%s; waiting until it ends", error)
                is_logged = True
        time.sleep(RETRY_S)
        if not keep_waiting():
            return None


def open_if_free(kind: type[C]) -> C | None:
    """Open a writer of this kind; None, and a log line, when another process already writes that channel."""
    try:
        return kind(create=True)
    except SHMWriterExistsError as error:
        logger.info("%s; continuing without it", error)
        return None
