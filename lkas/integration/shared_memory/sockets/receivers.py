"""The living receivers of one role, for a sender."""

import logging

from lkas.integration.shared_memory.errors import SHMBufferFullError
from lkas.integration.shared_memory.sockets._ring import FULL, GONE, HANDED, NO_SPACE, TOO_LARGE, Outlet, Outlets
from lkas.integration.shared_memory.sockets.registry import Registry
from lkas.integration.shared_memory.sockets.serialize import Parts
from lkas.integration.shared_memory.sockets.waiting import rounds

logger = logging.getLogger(__name__)


class Receivers:
    """Looked up in the registry again when the bell announces a change; a push to a dead receiver reports it."""

    def __init__(self, registry: Registry, role: str) -> None:
        self._registry = registry
        self._role = role
        self._outlets: dict[int, Outlet] = {}
        self._order: list[tuple[int, Outlet]] = []  # the same outlets, oldest first
        self._quick = Outlets(registry.bell)  # the same outlets, for sending in one call
        self.push_next = self._quick.push_next  # the fast send_to_next(); None: call that
        self.push_next_plain = self._quick.push_next_plain  # the same for raw bytes
        self._members = -1  # the bell's count at the last lookup
        self.failures = 0  # pushes that found no memory left in the directory

    @property
    def sent(self) -> int:
        """Messages that at least one receiver has."""
        return self._quick.sent

    @property
    def bytes(self) -> int:
        """Their bytes, once per receiver."""
        return self._quick.bytes

    def send_to_all(self, kind: int, parts: Parts, timeout: float | None) -> tuple[int, int]:
        """Send a message to all; return how many got it, and how many had no room within the timeout (ms)."""
        handed = self._quick.push_all(kind, parts)
        if handed and handed == len(self._order):
            return handed, 0
        done = {number for number, _ in self._order[:handed]}
        behind = self._push_to_all(kind, parts, done)
        if timeout != 0 and (behind or not done):
            for _ in rounds(self._registry.bell, timeout):
                behind = self._push_to_all(kind, parts, done)
                if done and not behind:
                    break
        for outlet in behind:
            outlet.count_drop()
        self._quick.count(parts, len(done))
        return len(done), len(behind)

    def send_to_next(
        self, kind: int, parts: Parts, timeout: float | None, sender: int = 0, request: int = 0
    ) -> Outlet | None:
        """Send a message to the next receiver with room and return it; None: there was none within the timeout (ms)."""
        outlet = self._push_to_next(kind, parts, sender, request)
        if outlet is None and timeout != 0:
            for _ in rounds(self._registry.bell, timeout):
                outlet = self._push_to_next(kind, parts, sender, request)
                if outlet is not None:
                    break
        return outlet

    def send_to(self, number: int, kind: int, parts: Parts, timeout: float | None, request: int) -> int:
        """Send a message to the receiver of this number: HANDED, GONE, or FULL when the timeout (ms) has expired."""
        result = self._push_to(number, kind, parts, request)
        if result == FULL and timeout != 0:
            for _ in rounds(self._registry.bell, timeout):
                result = self._push_to(number, kind, parts, request)
                if result != FULL:
                    break
        if result == HANDED:
            self._quick.count(parts, 1)
        return result

    def close(self) -> None:
        for outlet in self._outlets.values():
            outlet.close()

    def _push_to_all(self, kind: int, parts: Parts, done: set[int]) -> list[Outlet]:
        """Try once with every receiver not in `done`; return those that had no room."""
        behind, largest = [], 0
        for number, outlet in self._living():
            if number in done:
                continue
            result = outlet.push(kind, parts, 0, 0)
            if result == HANDED:
                done.add(number)
            elif result == GONE:
                self._forget(number)
            else:
                behind.append(outlet)
                self.failures += result == NO_SPACE
                if result == TOO_LARGE:
                    largest = max(largest, outlet.capacity)
        if largest and not done:
            raise _too_large(parts, largest)
        return behind

    def _push_to_next(self, kind: int, parts: Parts, sender: int, request: int) -> Outlet | None:
        """Try once with each receiver, in turn, until one has room."""
        outlets = self._living()
        start, count = self._quick.turn, len(outlets)
        largest, is_behind = 0, False
        for turn in range(start, start + count):
            number, outlet = outlets[turn % count]
            result = outlet.push(kind, parts, sender, request)
            if result == HANDED:
                self._quick.turn = turn + 1
                self._quick.count(parts, 1)
                return outlet
            if result == GONE:
                self._forget(number)
            elif result == TOO_LARGE:
                largest = max(largest, outlet.capacity)
            else:
                is_behind = True
                self.failures += result == NO_SPACE
        if largest and not is_behind:
            raise _too_large(parts, largest)
        return None

    def _push_to(self, number: int, kind: int, parts: Parts, request: int) -> int:
        self._living()
        outlet = self._outlets.get(number)
        if outlet is None:
            return GONE
        result = outlet.push(kind, parts, 0, request)
        if result == GONE:
            self._forget(number)
        elif result == TOO_LARGE:
            raise _too_large(parts, outlet.capacity)
        elif result == NO_SPACE:
            self.failures += 1
            result = FULL
        return result

    def _living(self) -> list[tuple[int, Outlet]]:
        members = self._registry.bell.members
        if members != self._members:
            found = {number: self._outlets.get(number) for number in self._registry.numbers(self._role)}
            for number in self._outlets.keys() - found.keys():
                self._leave(self._outlets[number])
            attached = (
                (number, outlet or self._registry.attach(self._role, number)) for number, outlet in found.items()
            )
            living = {number: outlet for number, outlet in attached if outlet is not None}
            for number in living.keys() - self._outlets.keys():
                logger.info("%s: process %d receives", self._registry.name, living[number].pid)
            self._keep(living, members)
        return self._order

    def _keep(self, outlets: dict[int, Outlet], members: int) -> None:
        self._outlets, self._members = outlets, members
        self._order = list(outlets.items())
        self._quick.fill(list(outlets.values()), members)

    def _forget(self, number: int) -> None:
        """Remove a receiver that died or closed, and the files it left."""
        self._leave(self._outlets.pop(number))
        self._keep(self._outlets, self._members)
        self._registry.clean()

    def _leave(self, outlet: Outlet) -> None:
        logger.info("%s: process %d receives no more", self._registry.name, outlet.pid)
        outlet.close()


def _too_large(parts: Parts, capacity: int) -> SHMBufferFullError:
    size = sum(len(part) for part in parts)
    return SHMBufferFullError(
        f"a message of {size} bytes is larger than the receivers' inboxes of {capacity} bytes: "
        f"give the receiver a larger capacity"
    )
