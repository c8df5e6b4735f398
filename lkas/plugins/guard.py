"""Failures of plugins: turn an exception in plugin code into a PluginError that names its place and cause."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lkas.plugins.names import short_name
from lkas.plugins.sources import module_file


class PluginError(ValueError):
    """A plugin cannot be used or has failed. The text names the plugin, the place in its file and the reason."""

    def __init__(self, text: str, cause: str | None = None, origin: BaseException | None = None) -> None:
        super().__init__(text)
        self.cause = cause or text  # equal for equal mistakes, whatever values the message contains
        self.origin = origin  # the plugin's exception, with its traceback

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self), self.cause)  # another process may be unable to import the origin's class


@contextmanager
def guarded(name: str, action: str, passes: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """Run plugin code in the body. Raises PluginError for any exception but those in `passes`.

    `action` says what the body calls, such as `update`.
    """
    try:
        yield
    except passes:
        raise
    except Exception as error:
        raise failure_of(name, error, action) from error


def failure_of(name: str, error: BaseException, action: str) -> PluginError:
    """Return a PluginError that says in one sentence what was called, what was raised, and where in the plugin."""
    kind, place = type(error).__name__, _place(name, error)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    text = kind + (f": {' '.join(message.split())}" if message else "")
    start = f"{short_name(name)}: {action}: "
    return PluginError(f"{start}{text}{place}", f"{start}{kind}{place}", error)


def _place(name: str, error: BaseException) -> str:
    """` (my_lanes.py, line 41, in detect)`: the innermost traceback entry in the plugin's folder; empty if none."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    file = module_file(name)
    for entry in reversed(traceback.extract_tb(error.__traceback__)):
        if file is not None and Path(entry.filename).parent == file.parent:
            function = "" if entry.name == "<module>" else f", in {entry.name}"
            return f" ({Path(entry.filename).name}, line {entry.lineno}{function})"
    return ""
