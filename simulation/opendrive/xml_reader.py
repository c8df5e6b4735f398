"""Reads untrusted XML: limited size, no document type, attributes checked when they are read."""

import math
from pathlib import Path
from typing import NoReturn
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from simulation.opendrive.errors import OpenDriveError

MAX_BYTES = 64 * 2**20


class _NoDoctype(ElementTree.TreeBuilder):
    """Rejects a DOCTYPE before its content is read, so that there are no entities to expand or to load."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("a road file must not contain a DOCTYPE")


class XmlReader:
    """The root element of one file; every error names the file and the element."""

    def __init__(self, path: Path, content: bytes | None = None) -> None:
        """`content`: bytes to parse instead of the file; `path` is then only the name in errors."""
        self.path = path
        self.root = self._parse(self._read() if content is None else content)

    def fail(self, where: str, reason: str) -> NoReturn:
        raise OpenDriveError(f"{self.path}: {where}: {reason}")

    def number(self, element: Element, name: str, where: str, default: float | None = None) -> float:
        """A finite number; required when there is no default."""
        text = element.get(name)
        if text is None:
            if default is None:
                self.fail(where, f"attribute {name} is missing")
            return default
        try:
            value = float(text)
        except ValueError:
            self.fail(where, f"{name}={text!r}: expected a number")
        if not math.isfinite(value) or abs(value) > 1e9:
            self.fail(where, f"{name}={text!r}: expected a finite number")
        return value

    def integer(self, element: Element, name: str, where: str) -> int:
        """A required integer."""
        text = element.get(name)
        try:
            return int(text or "")
        except ValueError:
            self.fail(where, f"{name}={text!r}: expected an integer")

    def required_child(self, element: Element, path: str, where: str) -> Element:
        """A required child element."""
        found = element.find(path)
        if found is None:
            self.fail(where, f"element {path} is missing")
        return found

    def _read(self) -> bytes:
        try:
            size = self.path.stat().st_size
            if size > MAX_BYTES:
                raise OpenDriveError(f"{self.path}: {size} bytes; a road file may have at most {MAX_BYTES}")
            return self.path.read_bytes()
        except FileNotFoundError:
            raise OpenDriveError(f"{self.path}: no such road file") from None
        except OSError as error:
            raise OpenDriveError(f"{self.path}: cannot read this road file: {error.strerror}") from error

    def _parse(self, content: bytes) -> Element:
        try:
            return ElementTree.fromstring(content, ElementTree.XMLParser(target=_NoDoctype()))
        except (ElementTree.ParseError, ValueError) as error:
            raise OpenDriveError(f"{self.path}: not a road file: {error}") from error
