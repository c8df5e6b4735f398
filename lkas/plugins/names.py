"""Names of plugins: recognise them, make them absolute, shorten them for people. Runs no plugin code."""

from collections.abc import Sequence
from pathlib import Path

PATTERN = "FILE.py:NAME"  # in help and error texts; package.module:NAME is accepted as well


def is_plugin_name(name: str) -> bool:
    """Return whether a name has the form FILE.py:NAME or package.module:NAME."""
    source, colon, attribute = name.rpartition(":")
    if not colon or not attribute.isidentifier():
        return False
    return source.endswith(".py") or all(part.isidentifier() for part in source.split("."))


def absolute_name(name: str) -> str:
    """Return the same name, valid in any working directory. Names without a file are returned unchanged."""
    source, _, attribute = name.rpartition(":")
    return f"{Path(source).resolve()}:{attribute}" if source.endswith(".py") else name


def short_names(names: Sequence[str]) -> list[str]:
    """Shorten names for display: drop the folders of files, except those needed to tell the names apart."""
    lengths = [1] * len(names)
    while True:
        shortened = [_last_parts(name, length) for name, length in zip(names, lengths, strict=True)]
        longer = [
            length + (shortened.count(short) > 1 and _last_parts(name, length + 1) != short)
            for name, short, length in zip(names, shortened, lengths, strict=True)
        ]
        if longer == lengths:
            return shortened
        lengths = longer


def short_name(name: str) -> str:
    """Shorten one name for display."""
    return _last_parts(name, 1)


def _last_parts(name: str, count: int) -> str:
    """The name with only the last `count` parts of its path."""
    source, _, attribute = name.rpartition(":")
    return "/".join(Path(source).parts[-count:]) + f":{attribute}" if source.endswith(".py") else name
