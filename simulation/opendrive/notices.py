"""Notices about a road file: the pieces that the reader skipped or repaired, each with its place and reason."""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from msgspec import Struct

MAX_NOTICES = 2000  # kept for one file; further ones are counted


class Notice(Struct, frozen=True):
    """One piece of a file that was skipped or repaired."""

    element: str  # such as "road" or "junction"
    id: str  # of that element; "" where it has none
    part: str  # within the element, such as "geometry 3"; "" for all of it
    reason: str
    action: Literal["skipped", "repaired"]

    def __str__(self) -> str:
        return f"{' '.join(filter(None, (self.element, self.id, self.part)))}: {self.reason}"


class Notices:
    """Collects the notices of one file."""

    def __init__(self) -> None:
        self._found: dict[Notice, None] = {}  # a set in order
        self._further = 0

    def add(self, notice: Notice) -> None:
        """Add one; a repetition of an earlier one is dropped."""
        if notice in self._found:
            return
        if len(self._found) < MAX_NOTICES:
            self._found[notice] = None
        else:
            self._further += 1

    def __iter__(self) -> Iterator[Notice]:
        yield from self._found
        if self._further:
            yield Notice("file", "", "", f"{self._further} further pieces were skipped or repaired", "repaired")


class Place(NamedTuple):
    """A place in a file, to which notices refer."""

    notices: Notices
    element: str
    id: str = ""
    part: str = ""

    def at(self, part: str) -> "Place":
        """A part of this place."""
        return Place(self.notices, self.element, self.id, f"{self.part} {part}" if self.part else part)

    def skipped(self, reason: str) -> None:
        """Note that this piece is not used."""
        self.notices.add(Notice(self.element, self.id, self.part, reason, "skipped"))

    def repaired(self, reason: str) -> None:
        """Note that this piece is used with a changed value."""
        self.notices.add(Notice(self.element, self.id, self.part, reason, "repaired"))
