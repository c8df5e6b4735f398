"""The listening socket of the page, on loopback only."""

import errno
import ipaddress
import socket

from lkas.page import page_url

SILENT_LIMIT_MS = 20_000


class AddressError(Exception):
    """The page cannot be served at this address; the message says why and what to do."""


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket on a loopback address. Raises AddressError."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise AddressError(
            f"viewer.host = {host}: the page is served on loopback only (127.0.0.1, ::1 or localhost); "
            "to reach it from another machine, forward the port with ssh -L"
        )
    listener = socket.socket(socket.AF_INET6 if address.version == 6 else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # ends connections whose other side has stopped reading
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENT_LIMIT_MS)
    try:
        listener.bind((str(address), port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise AddressError(
                f"port {port} of {address} is in use by another program; choose another with --port, "
                "or let --port 0 take a free one"
            ) from error
        raise AddressError(
            f"cannot serve on port {port} of {address}: {error.strerror}; choose another with --port"
        ) from error
    listener.setblocking(False)
    return listener


def url_of(listener: socket.socket) -> str:
    """The URL to open in a browser."""
    host, port = listener.getsockname()[:2]
    return page_url(host, port)
