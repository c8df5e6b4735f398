"""A broker on free ports, with a clock of the test."""

import pytest
import zmq

from lkas.clock import FakeClock
from lkas.integration.zmq import LKASBroker, Ports
from tests.lkas.integration.zmq.peers import Closing


@pytest.fixture
def clock():
    """A clock that starts late enough for every age to be a plausible one."""
    return FakeClock(now_ns=1_000_000_000_000)


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context


@pytest.fixture
def closing(context):
    """Closes what a test opens, `closing(LKASBroker(...))`, before the context, which waits for its sockets."""
    with Closing() as closing:
        yield closing


@pytest.fixture
def broker(clock, closing):
    return closing(LKASBroker(Ports(0), clock=clock))
