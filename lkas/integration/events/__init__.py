"""Notifications between a server and user interfaces over a Unix domain socket. See README.md.

The functions manage one server and one client per program; EventServer and EventClient are for programs with several.
"""

from lkas.integration.events.client import EventClient
from lkas.integration.events.endpoint import EventStats
from lkas.integration.events.functions import (
    add_client_message_handler,
    add_message_handler,
    broadcast_message,
    send_message,
    start_socket_client,
    start_socket_server,
    stop_socket_client,
    stop_socket_server,
)
from lkas.integration.events.messages import EventError, EventMessage, MalformedEventError
from lkas.integration.events.server import EventServer

__all__ = [
    "EventClient",
    "EventError",
    "EventMessage",
    "EventServer",
    "EventStats",
    "MalformedEventError",
    "add_client_message_handler",
    "add_message_handler",
    "broadcast_message",
    "send_message",
    "start_socket_client",
    "start_socket_server",
    "stop_socket_client",
    "stop_socket_server",
]
