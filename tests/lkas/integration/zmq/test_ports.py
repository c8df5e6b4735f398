import socket

import pytest

from lkas.integration.zmq import HostError, LKASBroker, PortInUseError, Ports
from lkas.integration.zmq.ports import free_port_base

ENDPOINTS = ["broadcast", "actions", "parameters", "to_servers", "to_simulation", "from_processes"]


def test_the_default_ports_are_the_documented_ones():
    assert [getattr(Ports(), name) for name in ENDPOINTS] == [f"tcp://127.0.0.1:{5557 + i}" for i in range(6)]


def test_port_base_0_takes_six_free_ports_and_reports_them(closing):
    first, second = closing(LKASBroker(Ports(0))), closing(LKASBroker(Ports(0)))
    assert first.ports.base != 0
    assert abs(first.ports.base - second.ports.base) >= 6


@pytest.mark.parametrize("offset", range(6))
def test_the_error_for_a_port_in_use_names_it_and_a_remedy(offset):
    base = free_port_base()
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + offset))
        other.listen()
        with pytest.raises(PortInUseError) as error:
            LKASBroker(Ports(base))
    assert f"port {base + offset} on 127.0.0.1" in str(error.value)
    assert "lkas --broadcast" in str(error.value)
    assert "zmq.port_base" in str(error.value)
    LKASBroker(Ports(base)).close()  # the failed one has released the others


def test_two_brokers_do_not_share_ports(broker):
    with pytest.raises(PortInUseError):
        LKASBroker(broker.ports)


def test_the_ports_are_free_when_close_returns(closing):
    broker = LKASBroker(Ports(0))
    for _ in range(5):
        broker.close()
        broker = LKASBroker(broker.ports)
    closing(broker)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "*", "eth0", "::", "::1", "example.org", ""])
def test_an_address_that_other_machines_reach_is_refused(host):
    with pytest.raises(HostError, match=r"loopback only \(127.0.0.1\)"):
        LKASBroker(Ports(0, host))


def test_localhost_means_the_loopback_address(closing):
    assert closing(LKASBroker(Ports(0, "localhost"))).ports.host == "127.0.0.1"
