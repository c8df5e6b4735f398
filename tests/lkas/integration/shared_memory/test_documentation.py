"""Every public name documents its purpose, its units and its errors."""

import inspect

import pytest

from lkas.integration import shared_memory
from lkas.integration.shared_memory import sockets

NAMES = [(module, name) for module in (shared_memory, sockets) for name in module.__all__]


@pytest.mark.parametrize(("module", "name"), NAMES, ids=[name for _, name in NAMES])
def test_public_names_are_documented(module, name):
    item = getattr(module, name)
    assert inspect.getdoc(item)
    if not inspect.isclass(item):
        return
    for attribute, value in inspect.getmembers(item):
        if attribute.startswith("_") or not (callable(value) or isinstance(value, property)):
            continue
        if attribute not in vars(Exception):
            assert inspect.getdoc(value), f"{name}.{attribute}"


@pytest.mark.parametrize("name", [name for name in shared_memory.__all__ if name.endswith("Channel")])
def test_calls_document_their_errors(name):
    channel = getattr(shared_memory, name)
    for method in ("read", "write", "latest"):
        assert any(word in getattr(channel, method).__doc__ for word in ("SHM", "as read()")), method
        assert "cost" in getattr(channel, method).__doc__.lower(), method
    assert "False" in channel.write.__doc__
    assert "timeout" in str(inspect.signature(channel.read))


@pytest.mark.parametrize("name", [name for name in sockets.__all__ if name != "SocketStats"])
def test_socket_calls_document_unit_errors_and_cost(name):
    socket = getattr(sockets, name)
    methods = [socket.__dict__[method] for method in ("send", "recv") if method in socket.__dict__]
    assert methods
    for method in methods:
        for word in ("(ms;", "SHMSerializationError", "Costs"):
            assert word in method.__doc__, f"{method.__qualname__}: {word}"
