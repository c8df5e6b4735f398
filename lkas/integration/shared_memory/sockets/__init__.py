"""Sockets over shared memory, for any object between processes of one machine. See README.md."""

from lkas.integration.shared_memory.sockets.endpoint import SocketStats
from lkas.integration.shared_memory.sockets.pubsub import Publisher, Subscriber
from lkas.integration.shared_memory.sockets.pushpull import Puller, Pusher
from lkas.integration.shared_memory.sockets.reqrep import Replier, Requester

__all__ = ["Publisher", "Puller", "Pusher", "Replier", "Requester", "SocketStats", "Subscriber"]
