"""Reads untrusted XML: limited size, depth and number of elements, no document type.

Names lose their namespace or prefix. Texts and <userData> are dropped.
"""

import re
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element
from xml.parsers import expat

from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.notices import Place

MAX_BYTES = 64 * 2**20
MAX_DEPTH = 100
MAX_ELEMENTS = 2_000_000
DROPPED = "userData"
KEPT = "road"  # a broken file is used where it has a complete element of this name
MARKS = {  # byte order marks
    b"\xef\xbb\xbf": "utf-8",
    b"\xff\xfe\x00\x00": "utf-32-le",
    b"\x00\x00\xfe\xff": "utf-32-be",
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
}
PATTERNS = {b"<\x00?\x00": "utf-16-le", b"\x00<\x00?": "utf-16-be", b"<\x00O\x00": "utf-16-le"}  # without a mark
ENCODINGS = re.compile(
    r"(utf|us-?ascii|ascii|iso|latin|windows|cp\d|gb|hz|big5|euc|shift|sjis|koi8|mac)", re.IGNORECASE
)
DECLARATION = re.compile(r"\s*(?:<!--.*?-->\s*)*<\?xml\s[^>]*\?>", re.DOTALL)
ENCODING = re.compile(rb"<\?xml[^>]*?encoding\s*=\s*[\"']([^\"']*)[\"']")
HEAD_BYTES = 4096  # the declaration is looked for in so many


def read_xml(path: Path, content: bytes | None, place: Place) -> Element:
    """The root element of a file, or of `content`. Raises OpenDriveError with the file and the reason."""
    text = _decoded(_file_bytes(path) if content is None else content, place)
    declaration = DECLARATION.match(text[:HEAD_BYTES])
    if declaration is not None:
        if not declaration.group().startswith("<?xml"):
            place.at("XML declaration").repaired("it is not at the start of the file")
        text = text[declaration.end() :]
    builder = _Builder()
    try:
        builder.read(text.encode("utf-8", errors="replace"))
    except expat.ExpatError as error:
        if not builder.drop_unfinished(KEPT):
            raise OpenDriveError(f"{path}: not a road file: {error}") from error
        place.at("XML").skipped(f"{error}; what is complete before it is used")
    except ValueError as error:
        raise OpenDriveError(f"{path}: not a road file: {error}") from error
    return builder.root


class _Builder:
    """Builds the tree of elements and stops at the limits."""

    def __init__(self) -> None:
        self.root = Element("")
        self._open: list[Element] = []
        self._dropped_depth = 0
        self._count = 0

    def read(self, content: bytes) -> None:
        parser = expat.ParserCreate("utf-8")
        parser.StartElementHandler, parser.EndElementHandler = self._start, self._end
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.Parse(content, True)

    def drop_unfinished(self, name: str) -> bool:
        """Drop the element below the root that was being read; whether a complete one with this name is left."""
        if len(self._open) > 1:
            self.root.remove(self._open[1])
        return self.root.find(name) is not None

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        if self._dropped_depth or tag == DROPPED:
            self._dropped_depth += 1
            if self._dropped_depth > MAX_DEPTH:
                raise ValueError(f"its elements are nested more than {MAX_DEPTH} deep")
            return
        self._count += 1
        if self._count > MAX_ELEMENTS:
            raise ValueError(f"it has more than {MAX_ELEMENTS} elements")
        if len(self._open) >= MAX_DEPTH:
            raise ValueError(f"its elements are nested more than {MAX_DEPTH} deep")
        element = Element(tag.rpartition(":")[2] if ":" in tag else tag, attributes)
        if self._open:
            self._open[-1].append(element)
        else:
            self.root = element
        self._open.append(element)

    def _end(self, tag: str) -> None:
        if self._dropped_depth:
            self._dropped_depth -= 1
        else:
            self._open.pop()

    def _refuse_doctype(self, *_: object) -> NoReturn:
        """Stop before its content is read, so that there are no entities to expand or to load."""
        raise ValueError("a road file must not contain a DOCTYPE")


def _decoded(content: bytes, place: Place) -> str:
    """The text of a file in the encoding of its byte order mark or of its declaration; otherwise in UTF-8."""
    place = place.at("encoding")
    for mark, name in MARKS.items():
        if content.startswith(mark):
            return content[len(mark) :].decode(name, errors="replace")
    for pattern, name in PATTERNS.items():
        if content.startswith(pattern):
            return content.decode(name, errors="replace")
    declared = ENCODING.search(content[:HEAD_BYTES])
    name = "utf-8" if declared is None else declared.group(1).decode("ascii", errors="replace").strip()
    if name.lower().replace("_", "-") in ("utf-16", "utf16", "utf-32", "utf32"):
        name = "utf-8"  # as the declaration itself can be read byte by byte
    if not ENCODINGS.match(name):
        place.repaired(f"{name[:40]!r} is not known; read as UTF-8")
        name = "utf-8"
    try:
        return content.decode(name)
    except LookupError:
        place.repaired(f"{name[:40]!r} is not known; read as UTF-8")
    except ValueError:
        place.repaired(f"some bytes are not valid {name[:40]}; replaced")
        return content.decode(name, errors="replace")
    return content.decode(errors="replace")


def _file_bytes(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise OpenDriveError(f"{path}: {size} bytes; a road file may have at most {MAX_BYTES}")
        return path.read_bytes()
    except FileNotFoundError:
        raise OpenDriveError(f"{path}: no such road file") from None
    except OSError as error:
        raise OpenDriveError(f"{path}: cannot read this road file: {error.strerror}") from error
