from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from lkas.integration.shared_memory import remove_stale
from tests.support.peer import Peer


@pytest.fixture
def peer(instance: str) -> Iterator[Callable[..., Peer]]:
    """`peer("answer")`: a function of `roles` in another process, which ends with the test."""
    peers: list[Peer] = []

    def start(role: str, **arguments: Any) -> Peer:
        peers.append(Peer("tests.lkas.integration.shared_memory.sockets.roles", role, **arguments))
        return peers[-1]

    yield start
    for process in peers:
        process.stop()
    remove_stale(instance=instance)


@pytest.fixture
def made(instance: str) -> Iterator[Callable[..., Any]]:
    """`made(Publisher, "name")`: a socket that is closed at the end of the test."""
    with ExitStack() as stack:
        yield lambda kind, *args, **options: stack.enter_context(kind(*args, **options))
