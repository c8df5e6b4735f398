"""Peers that make the broker store without end: it starts again with a reason, and everything works as before."""

import contextlib
import socket
import struct

import pytest

from lkas.integration.zmq import BrokerClient, Ports
from tests.support.stack import PATIENCE_S, wait_until

PART = b"\x03" + struct.pack(">Q", 60_000) + bytes(60_000)  # more parts follow; 60 kB


def zmtp_peer(port: int, socket_type: bytes) -> socket.socket:
    """A TCP connection after the handshake of ZMTP 3.0 without security (rfc.zeromq.org/spec/23)."""
    peer = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
    peer.sendall(b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32))
    ready = b"\x05READY\x0bSocket-Type" + struct.pack(">I", len(socket_type)) + socket_type
    peer.sendall(b"\x04" + bytes([len(ready)]) + ready)
    with peer.makefile("rb") as answers:
        assert len(answers.read(64)) == 64
    return peer


def send_a_message_without_end(port: int) -> None:
    with zmtp_peer(port, b"PUSH") as peer, contextlib.suppress(OSError):
        for _ in range(20_000):  # 1.2 GB
            peer.sendall(PART)


def send_subscriptions(port: int) -> None:
    with zmtp_peer(port, b"SUB") as peer, contextlib.suppress(OSError):
        for start in range(0, 2_000_000, 1000):
            topics = (b"\x01no such topic %d" % number for number in range(start, start + 1000))
            peer.sendall(b"".join(b"\x00" + bytes([len(topic)]) + topic for topic in topics))


@pytest.mark.parametrize(("attack", "port"), [(send_a_message_without_end, 5), (send_subscriptions, 0)])
def test_a_broker_that_would_store_without_end_starts_again_with_a_reason(stack, attack, port):
    stack.start("lkas", "--broadcast")
    viewer = BrokerClient(Ports(stack.port_base), topics=("event",))
    try:
        first_pid = wait_until(lambda: stack.pid_of("broker"), "the broker reports")
        attack(stack.port_base + port)
        wait_until(lambda: stack.pid_of("broker") not in (None, first_pid), "the broker has started again")
        assert "the broker's memory has grown by" in stack.output()
        viewer.poll()
        assert any("memory has grown" in event["text"] for event in viewer.events)
        wait_until(lambda: viewer.set_parameter("decision", "set_speed_mps", 9.0).ok, "parameters are set again")
    finally:
        viewer.close()
