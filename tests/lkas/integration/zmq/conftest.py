import pytest
import zmq

from lkas.clock import FakeClock
from lkas.integration.zmq import LKASBroker, Ports
from tests.lkas.integration.zmq.peers import Closing, Dealer, Requester, Subscriber


@pytest.fixture
def clock():
    """Starts late enough that nothing looks like `never`."""
    return FakeClock(now_ns=1_000_000_000_000)


@pytest.fixture
def context():
    with zmq.Context() as context:
        yield context


@pytest.fixture
def closing(context):
    """Closes what a test opens: `closing(LKASBroker(...))`; before the context, which waits for its sockets."""
    with Closing() as closing:
        yield closing


@pytest.fixture
def broker(clock, closing):
    return closing(LKASBroker(Ports(0), clock=clock))


@pytest.fixture
def subscribe(broker, context, closing):
    def subscribe(*topics):
        return closing(Subscriber(context, broker.ports.broadcast, topics))

    return subscribe


@pytest.fixture
def dealer(broker, context, closing):
    """Opens a DEALER to the port for "actions" or "parameters"."""

    def dealer(port):
        return closing(Dealer(context, getattr(broker.ports, port)))

    return dealer


@pytest.fixture
def requester(broker, context, closing):
    def requester(port):
        return closing(Requester(context, getattr(broker.ports, port)))

    return requester
