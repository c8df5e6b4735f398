import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.peer import Peer
from tests.support.stack import wait_until


@pytest.fixture
def path(tmp_path) -> Iterator[str]:
    """The path of a socket of this test. Checks that neither files nor threads are left."""
    before = set(threading.enumerate())
    yield str(tmp_path / "events.sock")
    assert list(tmp_path.iterdir()) == []
    wait_until(lambda: set(threading.enumerate()) <= before, "the end of all threads")


@pytest.fixture
def peer() -> Iterator[Callable[..., Peer]]:
    """`peer("serve", path=...)` runs a function of `roles` in another process and stops it after the test."""
    peers: list[Peer] = []

    def start(role: str, **arguments: Any) -> Peer:
        peers.append(Peer("tests.lkas.integration.events.roles", role, **arguments))
        return peers[-1]

    yield start
    for process in peers:
        process.stop()
