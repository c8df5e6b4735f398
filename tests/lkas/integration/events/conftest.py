import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.peer import Peer
from tests.support.stack import wait_until


@pytest.fixture
def path(tmp_path) -> Iterator[str]:
    """A socket's path of this test's own; afterwards neither files nor threads are left."""
    before = set(threading.enumerate())
    yield str(tmp_path / "events.sock")
    assert list(tmp_path.iterdir()) == []
    wait_until(lambda: set(threading.enumerate()) <= before, "the threads have ended")


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    """`peer("serve", path=...)`: a function of `roles` in a process of its own, which does not outlive the test."""
    peers: list[Peer] = []

    def start(role: str, **arguments: Any) -> Peer:
        peers.append(Peer("tests.lkas.integration.events.roles", role, **arguments))
        return peers[-1]

    yield start
    for process in peers:
        process.stop()
