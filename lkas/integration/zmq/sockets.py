"""Creates the sockets of this package: bounded queues, small buffers, loopback only, bounded linger."""

import ipaddress

import zmq

from lkas.integration.zmq.messages import MAX_INBOUND_BYTES
from lkas.integration.zmq.ports import PORT_COUNT, Ports, free_port_base

HIGH_WATER_MARK = 64  # messages; when the queue is full, libzmq drops the newest
BUFFER_BYTES = 128 * 1024  # in the kernel, so that old frames do not queue up there
ANSWERS_HIGH_WATER_MARK = 1024  # answers are small, and each has a sender that waits for it
INBOUND_HIGH_WATER_MARK = 256
BIND_ATTEMPTS = 5


class BrokerError(Exception):
    """The broker cannot open its ports. The text gives the reason and what to do."""


class PortInUseError(BrokerError):
    """Another process uses one of the six ports."""


class HostError(BrokerError):
    """The broker does not open ports on this address without keys."""


def make_socket(context: zmq.Context, kind: int, linger_ms: int) -> zmq.Socket:
    """Create a socket with the limits of this package."""
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, linger_ms)
    socket.setsockopt(zmq.SNDHWM, HIGH_WATER_MARK)
    socket.setsockopt(zmq.RCVHWM, INBOUND_HIGH_WATER_MARK)
    socket.setsockopt(zmq.SNDBUF, BUFFER_BYTES)
    socket.setsockopt(zmq.RCVBUF, BUFFER_BYTES)
    return socket


def connect(context: zmq.Context, kind: int, endpoint: str, linger_ms: int) -> zmq.Socket:
    """Create a socket that connects as soon as the peer exists. Nothing is queued for a peer that is not connected."""
    socket = make_socket(context, kind, linger_ms)
    if kind != zmq.SUB:  # a SUB socket would hold back its subscriptions until it is used
        socket.setsockopt(zmq.IMMEDIATE, 1)
    socket.setsockopt(zmq.RECONNECT_IVL, 50)
    socket.setsockopt(zmq.RECONNECT_IVL_MAX, 500)
    socket.connect(endpoint)
    return socket


def check_loopback(host: str) -> None:
    """Raise HostError for any address that other machines could reach."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    if address is None or address.version != 4 or not address.is_loopback:
        raise HostError(
            f"zmq.host = {host!r}: the broker opens its ports on loopback only (127.0.0.1), because every client that "
            "reaches them can drive the car; for a viewer on another machine forward the ports over ssh"
        )


class BoundSockets:
    """Binds the six sockets of the broker. They have their own context, so that `close` returns with the ports free."""

    def __init__(self, ports: Ports, linger_ms: int) -> None:
        check_loopback(ports.host)
        self._context = zmq.Context()
        self._linger_ms = linger_ms
        self._opened: list[zmq.Socket] = []
        try:
            self.ports = self._bind_all(ports)
        except BaseException:
            self.close()
            raise
        (self.broadcast, self.actions, self.parameters, self.to_servers, self.to_simulation, self.from_processes) = (
            self._opened
        )
        self._poller = zmq.Poller()
        for socket in self._opened:
            self._poller.register(socket, zmq.POLLIN)

    def waiting(self) -> set[zmq.Socket]:
        """Return the sockets with messages to read: one poll instead of six failing reads."""
        return {socket for socket, _ in self._poller.poll(0)}

    def close(self) -> None:
        self._close_sockets()
        self._context.term()

    def _bind_all(self, ports: Ports) -> Ports:
        if ports.base:
            return self._bind(ports)
        for _ in range(BIND_ATTEMPTS - 1):
            try:
                return self._bind(Ports(free_port_base(ports.host), ports.host))
            except PortInUseError:  # taken since the check
                self._close_sockets()
        return self._bind(Ports(free_port_base(ports.host), ports.host))

    def _bind(self, ports: Ports) -> Ports:
        wanted = (
            (zmq.XPUB, ports.broadcast),
            (zmq.ROUTER, ports.actions),
            (zmq.ROUTER, ports.parameters),
            (zmq.XPUB, ports.to_servers),
            (zmq.XPUB, ports.to_simulation),
            (zmq.PULL, ports.from_processes),
        )
        for kind, endpoint in wanted:
            socket = make_socket(self._context, kind, self._linger_ms)
            self._opened.append(socket)
            socket.setsockopt(zmq.MAXMSGSIZE, MAX_INBOUND_BYTES)
            if kind == zmq.ROUTER:
                socket.setsockopt(zmq.SNDHWM, ANSWERS_HIGH_WATER_MARK)
            if kind == zmq.XPUB:
                socket.setsockopt(zmq.XPUB_VERBOSE, 1)  # reports each new subscriber, not only the first
            try:
                socket.bind(endpoint)
            except zmq.ZMQError as error:
                raise _bind_error(endpoint, ports, error) from error
        return ports

    def _close_sockets(self) -> None:
        while self._opened:
            self._opened.pop().close()


def _bind_error(endpoint: str, ports: Ports, error: zmq.ZMQError) -> BrokerError:
    if error.errno != zmq.EADDRINUSE:
        return BrokerError(f"cannot open {endpoint}: {error}")
    port = endpoint.rpartition(":")[2]
    return PortInUseError(
        f"port {port} on {ports.host} is in use: most likely by another `lkas --broadcast`, or by another program "
        f"(`ss -ltnp sport = :{port}` shows which). Stop that one, or move all {PORT_COUNT} ports "
        f"(now {ports.base} to {ports.base + PORT_COUNT - 1}) with zmq.port_base"
    )
