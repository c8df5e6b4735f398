"""Reads any channel by its name, for `LKASClient.get()`."""

import threading
from typing import Any

from msgspec import Struct

from lkas.integration.client.feed import Feed
from lkas.integration.shared_memory import _core
from lkas.integration.shared_memory.errors import SHMConnectionError, SHMSchemaError
from lkas.integration.shared_memory.layout import RECORD_TYPES
from lkas.integration.shared_memory.segment import segment_path


class AnyChannels:
    """The channels that one client has asked for by name. Threads may share it."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._lock = threading.Lock()
        self._feeds: dict[tuple[str, type[Struct]], Feed[Any]] = {}
        self._is_closed = False

    def newest(self, name: str, message_type: type[Struct] | None) -> Any:
        """Return the newest message of a channel, or None before the first. `message_type` None: by the segment's name
        of its record. Errors as LKASClient.get()."""
        if message_type is None:
            message_type = self._type_in(name)
            if message_type is None:
                return None
        return self._feed(name, message_type).newest()

    def close(self) -> None:
        with self._lock:
            self._is_closed = True
            feeds, self._feeds = list(self._feeds.values()), {}
        for feed in feeds:
            feed.close()

    def _feed(self, name: str, message_type: type[Struct]) -> Feed[Any]:
        with self._lock:
            if self._is_closed:
                raise SHMConnectionError(f"channel {name!r}: the client is closed")
            feed = self._feeds.get((name, message_type))
            if feed is None:
                feed = self._feeds[name, message_type] = Feed(message_type, name, self._instance)
            return feed

    def _type_in(self, name: str) -> type[Struct] | None:
        """The struct of the messages in a segment; None when there is none yet."""
        state = _core.inspect(segment_path(name, self._instance))
        if state is None:
            return next((given for channel, given in self._feeds if channel == name), None)
        found = state["record_type"]
        known = (*RECORD_TYPES, *(given for channel, given in list(self._feeds) if channel == name))
        for message_type in known:
            if message_type.__name__ == found:
                return message_type
        raise SHMSchemaError(
            f"channel {name!r} holds {found or 'no readable record'}, which is no message of lkas: "
            f"give its struct, as in get({name!r}, {found or 'Struct'})"
        )
