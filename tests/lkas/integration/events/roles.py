"""What the other process does in the tests of the event sockets."""

import json
import sys

from lkas.integration.events import EventClient, EventError, EventServer
from tests.support.peer import say, wait_for_release


def serve(path: str) -> None:
    """Answers each message with what it was, and says it."""
    server = EventServer(path)
    server.add_handler(lambda message: server.broadcast({"heard": message}))
    server.add_handler(lambda message: say(json.dumps(message)))
    try:
        server.start()
    except EventError as error:
        say(error)
        return
    say("serving")
    wait_for_release()
    server.stop()


def listen(path: str) -> None:
    """Says each message; sends each line of its standard input."""
    with EventClient(path) as client:
        client.add_handler(lambda message: say(json.dumps(message)))
        client.start()
        say(client.is_connected)
        for line in sys.stdin:
            say(client.send(json.loads(line)))
