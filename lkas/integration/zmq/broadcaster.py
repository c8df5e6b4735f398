"""The port for telemetry: keeps the subscriptions, encodes frames on demand, limits the rate of fast topics."""

import operator
import time
from collections.abc import Callable

import cv2
import numpy as np
import zmq
from msgspec import Struct

from lkas.clock import Clock
from lkas.health import LatencyTable
from lkas.integration.zmq.messages import TOPICS, FrameHeader, encode, epoch_s

REPEATED_TOPICS = ("parameters", "state", "health")  # a new subscriber gets the newest message at once
MIN_PERIOD_NS = {"control": 20_000_000, "state": 20_000_000}
READ_LIMIT = 512
MAX_JPEG_SIDE_PX = 65_500  # of libjpeg


class Broadcaster:
    """Owns the XPUB socket for viewers. It never blocks: a slow viewer misses the messages that it does not read."""

    def __init__(
        self, socket: zmq.Socket, clock: Clock, jpeg_quality: int, on_malformed: Callable[[str], None]
    ) -> None:
        self._socket = socket
        self._clock = clock
        self._jpeg_quality = jpeg_quality
        self._on_malformed = on_malformed
        self._subscriptions: set[bytes] = set()
        self._new_topics: set[str] = set()
        self._newest: dict[str, bytes] = {}
        self._held_back: dict[str, Struct] = {}
        self._sent_ns: dict[str, int] = {}
        self._bgr: np.ndarray | None = None
        self.latencies = LatencyTable()

    def read_subscriptions(self) -> None:
        """Update the subscriptions and send the newest messages again to new subscribers."""
        for topic in self._new_subscriptions():
            self._new_topics.add(topic)
            if topic in self._newest:
                self._send(topic, self._newest[topic])

    def send_held_back(self) -> None:
        """Send the messages that were held back and whose topic may be sent again now."""
        now_ns = self._clock.now_ns()
        for topic in [topic for topic in self._held_back if self._is_due(topic, now_ns)]:
            self.send(topic, self._held_back.pop(topic))

    def wants(self, topic: str) -> bool:
        """Return whether a viewer subscribes to this topic or to a prefix of it."""
        return any(topic.encode().startswith(prefix) for prefix in self._subscriptions)

    def take_new_subscriber(self, topic: str) -> bool:
        """Return whether a viewer subscribed to this topic since the last call."""
        is_new = topic in self._new_topics
        self._new_topics.discard(topic)
        return is_new

    def send(self, topic: str, message: Struct) -> None:
        """Broadcast one message, or hold it back until its topic may be sent again. Only the newest is held back."""
        now_ns = self._clock.now_ns()
        if not self._is_due(topic, now_ns):
            self._held_back[topic] = message
            return
        self._held_back.pop(topic, None)
        self._sent_ns[topic] = now_ns
        if topic not in REPEATED_TOPICS and not self.wants(topic):
            return
        data = encode(message)
        if topic in REPEATED_TOPICS:
            self._newest[topic] = data
        self._send(topic, data)

    def send_frame(self, image_rgb: np.ndarray, frame_id: int, session: int, capture_ns: int) -> bool:
        """Encode and broadcast one (H, W, 3) uint8 RGB image. Returns False, at no cost, without a subscriber."""
        if not self.wants("frame"):
            return False
        _check_image(image_rgb)
        height, width = image_rgb.shape[:2]
        head = FrameHeader(
            session=_whole("session", session),
            frame_id=_whole("frame_id", frame_id),
            timestamp=epoch_s(_whole("capture_ns", capture_ns)),
            width=width,
            height=height,
        )
        self._send("frame", encode(head), self._jpeg(image_rgb))
        return True

    def _jpeg(self, image_rgb: np.ndarray) -> bytes:
        started_ns = time.perf_counter_ns()
        if self._bgr is None or self._bgr.shape != image_rgb.shape:
            self._bgr = np.empty(image_rgb.shape, np.uint8)
        cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR, dst=self._bgr)
        _, jpeg = cv2.imencode(".jpg", self._bgr, [cv2.IMWRITE_JPEG_QUALITY, self._jpeg_quality])
        data = jpeg.tobytes()
        self.latencies.add("encode", (time.perf_counter_ns() - started_ns) / 1e6)
        return data

    def _is_due(self, topic: str, now_ns: int) -> bool:
        sent_ns = self._sent_ns.get(topic)
        return sent_ns is None or now_ns - sent_ns >= MIN_PERIOD_NS.get(topic, 0)

    def _new_subscriptions(self) -> set[str]:
        """Return the topics that were subscribed to since the last call."""
        added: set[str] = set()
        for kind, prefix in read_subscriptions(self._socket, self._on_malformed):
            topics = [topic for topic in TOPICS if topic.encode().startswith(prefix)]
            if kind == "unsubscribe":
                self._subscriptions.discard(prefix)
            elif topics:  # a prefix of no topic would only occupy memory
                self._subscriptions.add(prefix)
                added.update(topics)
        return added

    def _send(self, topic: str, *parts: bytes) -> None:
        self._socket.send_multipart([topic.encode(), *parts], zmq.NOBLOCK)


def read_subscriptions(socket: zmq.Socket, on_malformed: Callable[[str], None]) -> list[tuple[str, bytes]]:
    """Read the subscriptions of an XPUB socket: ("subscribe" or "unsubscribe", prefix)."""
    found: list[tuple[str, bytes]] = []
    for _ in range(READ_LIMIT):
        try:
            (first, *more) = socket.recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            break
        if more or first[:1] not in (b"\0", b"\1"):
            on_malformed(f"{len(first)} bytes from a subscriber, expected a subscription")
        else:
            found.append(("subscribe" if first[:1] == b"\1" else "unsubscribe", first[1:]))
    return found


def _check_image(image: np.ndarray) -> None:
    """Raise ValueError for anything but an (H, W, 3) uint8 image with sides that a JPEG can have."""
    if not isinstance(image, np.ndarray):
        raise ValueError(f"expected an (H, W, 3) uint8 RGB image, found {type(image).__name__}")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"expected an (H, W, 3) uint8 RGB image, found {image.shape} {image.dtype}")
    if not all(1 <= side <= MAX_JPEG_SIDE_PX for side in image.shape[:2]):
        raise ValueError(f"expected sides of 1 to {MAX_JPEG_SIDE_PX} px, found {image.shape[1]} x {image.shape[0]} px")


def _whole(name: str, value: int) -> int:
    """Return a whole number of any type as an int. Raises ValueError."""
    try:
        return operator.index(value)
    except TypeError:
        raise ValueError(f"{name}: expected a whole number, found {value!r}") from None
