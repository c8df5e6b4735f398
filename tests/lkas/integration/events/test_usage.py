"""The example of the users, verbatim."""

import textwrap
from typing import Any

from lkas.integration import events
from tests.support.stack import wait_until

EXAMPLE = """
    start_socket_server()                             # Unix domain socket in the runtime directory, path may be given
    broadcast_message({"type": "departure", "text": "left line crossed"})    # str or dict, to every connected client
    add_message_handler(handle_ui_message)

    start_socket_client()
    success = send_message({"type": "user_message", "message": "Hello from UI!"})
    add_client_message_handler(handle_server_message)
"""
END = "stop_socket_client(); stop_socket_server()"


def test_the_example(monkeypatch):
    monkeypatch.setenv("LKAS_INSTANCE", "usage-events")
    at_server: list = []
    at_client: list = []
    names: dict[str, Any] = {name: getattr(events, name) for name in events.__all__}
    names |= {"handle_ui_message": at_server.append, "handle_server_message": at_client.append}
    try:
        exec(textwrap.dedent(EXAMPLE), names)
        assert names["success"] is True
        wait_until(lambda: events.broadcast_message("to the page") == 1, "a connected client")
        wait_until(lambda: at_client == ["to the page"], "the message at the page")
        wait_until(
            lambda: at_server == [{"type": "user_message", "message": "Hello from UI!"}], "the message at the server"
        )
    finally:
        exec(END, names)
