"""Code of the user's own, by its name: FILE.py:NAME (from the working directory), or package.module:NAME.

`load` is the one place that runs such code. A name comes from the command line, the environment or a configuration
file, never from the network: a running process offers no names but those it was started with (`parameters.offered`).
"""

import difflib
import importlib
import importlib.util
import sys
import traceback
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from lkas.plugins.sources import content_digest, module_file, own_sources

PATTERN = "FILE.py:NAME"  # in help and error texts; package.module:NAME works as well


class OwnCodeError(ValueError):
    """The user's own code can not be used, or has failed; the text names it, the place in its file and the reason."""

    def __init__(self, text: str, cause: str | None = None, origin: BaseException | None = None) -> None:
        super().__init__(text)
        self.cause = cause or text  # the same for the same mistake, whatever the figures in its message
        self.origin = origin  # the exception of the user's code, with its traceback

    def __reduce__(self) -> tuple[type, tuple[str, str]]:
        return type(self), (str(self), self.cause)  # another process may not know the class of the origin


def is_own_name(name: str) -> bool:
    """Whether a name has the form FILE.py:NAME or package.module:NAME."""
    where, colon, attribute = name.rpartition(":")
    if not colon or not attribute.isidentifier():
        return False
    return where.endswith(".py") or all(part.isidentifier() for part in where.split("."))


def absolute_name(name: str) -> str:
    """The same name, valid in any working directory; any other name as it is."""
    where, _, attribute = name.rpartition(":")
    return f"{Path(where).resolve()}:{attribute}" if where.endswith(".py") else name


def short_names(names: Sequence[str]) -> list[str]:
    """Names as people read them: of own files without their folders, as far as that tells them apart."""
    lengths = [1] * len(names)
    while True:
        shortened = [_shortened(name, length) for name, length in zip(names, lengths, strict=True)]
        grown = [
            length + (shortened.count(short) > 1 and _shortened(name, length + 1) != short)
            for name, short, length in zip(names, shortened, lengths, strict=True)
        ]
        if grown == lengths:
            return shortened
        lengths = grown


def short_name(name: str) -> str:
    """One name as people read it."""
    return _shortened(name, 1)


def load(name: str) -> Callable[..., Any]:
    """What the name stands for, with its module run once and again only after a change of its source.

    Raises OwnCodeError: no such file, no such name in it, or what went wrong while it was imported.
    """
    where, _, attribute = name.rpartition(":")
    if where.endswith(".py"):
        path = Path(where).resolve()
        if not path.is_file():
            raise OwnCodeError(f"{name}: there is no file {path}{_file_hint(path)}")
    elif Path(where).is_file():
        raise OwnCodeError(f"{name}: expected {PATTERN}, and {where} does not end in .py")
    else:
        path = None
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.append(str(Path.cwd()))  # as for `python -m`
    module = _module(name, where, path)
    found = getattr(module, attribute, None)
    if found is None:
        raise OwnCodeError(f"{name}: {module.__file__} defines no {attribute}{_name_hint(module, attribute)}")
    if not callable(found):
        raise OwnCodeError(f"{name}: expected a class or a function, found {_a(type(found).__name__)}")
    return found


def make(name: str, arguments: dict[str, Any], methods: Sequence[str], attributes: Sequence[str] = ()) -> Any:
    """An object of the user's own: what `name` stands for, called with these arguments, in their order.

    It has to have these methods and attributes. Raises OwnCodeError.
    """
    factory = load(name)
    try:
        made = factory(*arguments.values())
    except Exception as error:
        raise failure_of(name, error, f"called with ({', '.join(arguments)})") from error
    missing = [f"{method}()" for method in methods if not callable(getattr(made, method, None))]
    missing += [attribute for attribute in attributes if not hasattr(made, attribute)]
    if missing:
        wanted = ", ".join([*(f"{method}()" for method in methods), *attributes])
        raise OwnCodeError(
            f"{name}: gave {_a(type(made).__name__)} without {', '.join(missing)}; expected an object with {wanted}"
        )
    return made


def failure_of(name: str, error: BaseException, doing: str) -> OwnCodeError:
    """An exception of the user's code in a sentence: what was called, what came of it, where in the user's file."""
    kind, place = type(error).__name__, _place(name, error)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    text = kind + (f": {' '.join(message.split())}" if message else "")
    begin = f"{short_name(name)}: {doing}: "
    return OwnCodeError(f"{begin}{text}{place}", f"{begin}{kind}{place}", error)


_loaded: dict[str, tuple[bytes, ModuleType]] = {}  # by file or dotted name: digest of the sources, and the module


def _module(name: str, where: str, path: Path | None) -> ModuleType:
    key = where if path is None else str(path)
    digest = content_digest(name)
    before = _loaded.get(key)
    if before is not None and before[0] == digest:
        return before[1]
    if before is not None:
        _forget(own_sources(name))
    try:
        module = importlib.import_module(where) if path is None else _run(path)
    except (Exception, SystemExit) as error:
        raise failure_of(name, error, "imported") from error
    _loaded[key] = digest, module
    return module


def _run(path: Path) -> ModuleType:
    """The module of a file. Its neighbours can be imported, as when Python runs the file itself."""
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # last: it hides no installed package
    module_name = f"own_code_{path.stem}_{zlib.crc32(bytes(path)):08x}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # classes find their module by its name
    try:
        # Compiled here, for cached bytecode does not notice two changes within a second.
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _forget(paths: Sequence[Path]) -> None:
    """Have these files run again by the next import."""
    files = {str(path) for path in paths}
    for module_name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in files:
            del sys.modules[module_name]
    importlib.invalidate_caches()


def _place(name: str, error: BaseException) -> str:
    """` (my_lanes.py, line 41, in detect)`: the innermost place in the user's file or one beside it; or nothing."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({Path(error.filename).name}, line {error.lineno})"
    file = module_file(name)
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if file is not None and Path(frame.filename).parent == file.parent:
            inside = "" if frame.name == "<module>" else f", in {frame.name}"
            return f" ({Path(frame.filename).name}, line {frame.lineno}{inside})"
    return ""


def _shortened(name: str, parts: int) -> str:
    where, _, attribute = name.rpartition(":")
    return "/".join(Path(where).parts[-parts:]) + f":{attribute}" if where.endswith(".py") else name


def _file_hint(path: Path) -> str:
    close = difflib.get_close_matches(path.name, (found.name for found in path.parent.glob("*.py")), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _name_hint(module: ModuleType, attribute: str) -> str:
    own = [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    close = difflib.get_close_matches(attribute, own, n=1)
    return f"; did you mean {close[0]}?" if close else f"; it defines {', '.join(own) or 'no class and no function'}"


def _a(noun: str) -> str:
    return f"{'an' if noun[0].lower() in 'aeiou' else 'a'} {noun}"
