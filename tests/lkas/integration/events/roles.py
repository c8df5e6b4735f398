"""The functions that run in the other process in the tests of the event sockets."""

import json
import sys

from lkas.integration.events import EventClient, EventError, EventServer
from tests.support.peer import print_line, wait_for_release


def serve(path: str) -> None:
    """Send each message back to all clients, and print it."""
    server = EventServer(path)
    server.add_handler(lambda message: server.broadcast({"echo": message}))
    server.add_handler(lambda message: print_line(json.dumps(message)))
    try:
        server.start()
    except EventError as error:
        print_line(error)
        return
    print_line("serving")
    wait_for_release()
    server.stop()


def listen(path: str) -> None:
    """Print each message, and send each line of the standard input."""
    with EventClient(path) as client:
        client.add_handler(lambda message: print_line(json.dumps(message)))
        client.start()
        print_line(client.is_connected)
        for line in sys.stdin:
            print_line(client.send(json.loads(line)))
