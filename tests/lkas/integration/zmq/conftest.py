"""Peers of the broker: subscribers and senders of requests."""

import pytest

from tests.lkas.integration.zmq.peers import Dealer, Requester, Subscriber


@pytest.fixture
def subscribe(broker, context, closing):
    """Opens a SUB socket: `subscribe("state", "event")`."""

    def subscribe(*topics):
        return closing(Subscriber(context, broker.ports.broadcast, topics))

    return subscribe


@pytest.fixture
def dealer(broker, context, closing):
    """Opens a DEALER socket to the port for "actions" or "parameters"."""

    def dealer(port):
        return closing(Dealer(context, getattr(broker.ports, port)))

    return dealer


@pytest.fixture
def requester(broker, context, closing):
    """Opens a REQ socket to the port for "actions" or "parameters"."""

    def requester(port):
        return closing(Requester(context, getattr(broker.ports, port)))

    return requester
