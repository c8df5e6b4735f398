import itertools
import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lkas.integration.shared_memory import list_segments, remove_stale
from tests.support.peer import Peer

_numbers = itertools.count()


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A separate instance for the test, set as the default; checks that no segment is left."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    monkeypatch.setenv("LKAS_INSTANCE", name)
    yield name
    left = list_segments(instance=name)
    remove_stale(instance=name)
    assert left == []


@pytest.fixture
def opened(instance: str) -> Iterator[Callable[..., Any]]:
    """`opened(ControlChannel, create=True)`: a channel that is closed and unlinked at the end of the test."""
    channels: list[Any] = []

    def open_channel(kind: type, *args: Any, **options: Any) -> Any:
        channels.append(kind(*args, **options))
        return channels[-1]

    yield open_channel
    for channel in channels:
        channel.close()
    for channel in channels:
        channel.unlink()


@pytest.fixture
def peer(instance: str) -> Iterator[Callable[..., Peer]]:
    """`peer("hold_view")`: a function of `roles` in another process, which ends with the test."""
    peers: list[Peer] = []

    def start(role: str, **arguments: Any) -> Peer:
        peers.append(Peer("tests.lkas.integration.shared_memory.roles", role, **arguments))
        return peers[-1]

    yield start
    for process in peers:
        process.stop()
    remove_stale(instance=instance)
