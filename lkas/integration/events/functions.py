"""Functions for a program with one server and one client.

start_socket_server()
broadcast_message({"type": "departure", "text": "left line crossed"})
add_message_handler(handle_ui_message)
"""

import os

from lkas.integration.events.client import EventClient
from lkas.integration.events.endpoint import MessageHandler
from lkas.integration.events.messages import EventError, EventMessage
from lkas.integration.events.server import EventServer

_server: EventServer | None = None
_client: EventClient | None = None


def start_socket_server(path: str | os.PathLike[str] | None = None) -> EventServer:
    """Start the server of this program at `path`; default: `events.sock` in the runtime directory.

    Raises EventError when it runs already, or when another process serves the path.
    """
    global _server
    if _server is not None:
        raise EventError(f"the server of this program runs already, at {_server.path}: call stop_socket_server() first")
    server = EventServer(path)
    server.start()
    _server = server
    return server


def broadcast_message(message: EventMessage) -> int:
    """Send a str or a dict to every connected client without blocking. Returns their number; 0 without a server."""
    return _server.broadcast(message) if _server is not None else 0


def add_message_handler(handler: MessageHandler) -> None:
    """Call `handler(message)`, in the server's thread, for each message of a client. Raises EventError without a
    server."""
    if _server is None:
        raise EventError("there is no server in this program: call start_socket_server() first")
    _server.add_handler(handler)


def stop_socket_server() -> None:
    """Stop the server and remove its socket. Does nothing without one."""
    global _server
    server, _server = _server, None
    if server is not None:
        server.stop()


def start_socket_client(path: str | os.PathLike[str] | None = None) -> EventClient:
    """Start the client of this program. It connects as soon as there is a server. Raises EventError when it runs
    already."""
    global _client
    if _client is not None:
        raise EventError(f"the client of this program runs already, at {_client.path}: call stop_socket_client() first")
    client = EventClient(path)
    client.start()
    _client = client
    return client


def send_message(message: EventMessage) -> bool:
    """Send a str or a dict to the server without blocking. Returns False when it was not sent."""
    return _client is not None and _client.send(message)


def add_client_message_handler(handler: MessageHandler) -> None:
    """Call `handler(message)`, in the client's thread, for each message of the server. Raises EventError without a
    client."""
    if _client is None:
        raise EventError("there is no client in this program: call start_socket_client() first")
    _client.add_handler(handler)


def stop_socket_client() -> None:
    """Stop the client. Does nothing without one."""
    global _client
    client, _client = _client, None
    if client is not None:
        client.stop()
