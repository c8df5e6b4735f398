"""The other ends of the broker's sockets, as plain ZMQ sockets of a program in any language."""

import contextlib
import json
import time
import uuid

import zmq

DEADLINE_S = 60.0


class Closing(contextlib.ExitStack):
    def __call__(self, thing):
        self.callback(thing.close)
        return thing


def until(condition, *polled):
    """Poll these until the condition is true and return its value. Fails after a minute."""
    deadline_s = time.monotonic() + DEADLINE_S
    while True:
        for thing in polled:
            thing.poll()
        result = condition()
        if result:
            return result
        assert time.monotonic() < deadline_s, f"the condition was not met within {DEADLINE_S:g} s"
        time.sleep(0.001)


def settle(*polled, rounds=3):
    """Poll for a while, so that an unwanted message could arrive. For wanted ones use `until` and `arrived`."""
    for _ in range(rounds * 10):
        for thing in polled:
            thing.poll()
        time.sleep(0.001)


def arrived(broker, viewer, *senders):
    """Wait until `viewer`, which subscribes to events, has received everything sent before by `senders` and `broker`.

    Each connection keeps its order, so that a last message arrives after all the others.
    """
    marks = []
    for sender in senders:
        marks.append(uuid.uuid4().hex)
        sender.send_event("mark", "info", marks[-1])
    until(lambda: {*marks} <= {event["text"] for event in viewer.of("event")}, broker, viewer)
    mark = uuid.uuid4().hex
    broker.broadcast_event("mark", "info", mark)
    until(lambda: mark in {event["text"] for event in viewer.of("event")}, broker, viewer)


class Subscriber:
    """A SUB socket that keeps all its `messages`: [topic, dict, further parts]."""

    def __init__(self, context, endpoint, topics, queue=1000):
        self.socket = context.socket(zmq.SUB)
        self.socket.setsockopt(zmq.RCVHWM, queue)
        self.socket.connect(endpoint)
        for topic in topics:
            self.socket.subscribe(topic)
        self.messages = []

    def close(self):
        self.socket.close(linger=0)

    def poll(self):
        while self.socket.poll(0):
            topic, body, *rest = self.socket.recv_multipart()
            self.messages.append((topic.decode(), json.loads(body), *rest))

    def of(self, topic):
        return [message for name, message, *_ in self.messages if name == topic]


class Dealer:
    """A DEALER socket that keeps all its `answers`."""

    def __init__(self, context, endpoint, kind=zmq.DEALER):
        self.socket = context.socket(kind)
        self.socket.connect(endpoint)
        self.answers = []

    def send(self, message):
        self.send_bytes(json.dumps(message).encode())

    def send_bytes(self, *parts):
        self.socket.send_multipart(list(parts))

    def close(self):
        self.socket.close(linger=0)

    def poll(self):
        while self.socket.poll(0):
            (body,) = self.socket.recv_multipart()
            self.answers.append(json.loads(body))

    def ask(self, message, *polled, answers=1):
        """Send a request, wait for this number of answers to it, and return the last."""
        message = {"request_id": uuid.uuid4().hex, **message}
        self.send(message)

        def enough():
            own = [answer for answer in self.answers if answer["request_id"] == message["request_id"]]
            return own if len(own) >= answers else None

        return until(enough, self, *polled)[-1]


class Requester(Dealer):
    """A REQ socket."""

    def __init__(self, context, endpoint):
        super().__init__(context, endpoint, zmq.REQ)
