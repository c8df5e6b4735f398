"""Load a plugin by its name: FILE.py:NAME (relative to the working directory) or package.module:NAME.

`load` is the only function that runs plugin code. Names come from the command line, the environment or a configuration
file, never from the network: a running process offers only the plugin it was started with (`parameters.offered`).
The interface of a plugin is the caller's matter: `make` checks any list of methods and attributes.
"""

import difflib
import importlib
import importlib.util
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from lkas.plugins.guard import PluginError, failure_of, guarded
from lkas.plugins.names import PATTERN
from lkas.plugins.sources import content_digest, plugin_sources


def load(name: str) -> Callable[..., Any]:
    """Return the class or function of this name. Its module runs once, and again only after its source has changed.

    Raises PluginError: the file or the name in it does not exist, or importing it failed.
    """
    source, _, attribute = name.rpartition(":")
    if source.endswith(".py"):
        path = Path(source).resolve()
        if not path.is_file():
            raise PluginError(f"{name}: there is no file {path}{_file_suggestion(path)}")
    elif Path(source).is_file():
        raise PluginError(f"{name}: expected {PATTERN}, and {source} does not end in .py")
    else:
        path = None
        if "" not in sys.path and str(Path.cwd()) not in sys.path:
            sys.path.append(str(Path.cwd()))  # as for `python -m`
    module = _module(name, source, path)
    found = getattr(module, attribute, None)
    if found is None:
        raise PluginError(f"{name}: {module.__file__} defines no {attribute}{_name_suggestion(module, attribute)}")
    if not callable(found):
        raise PluginError(f"{name}: expected a class or a function, found an object of type {type(found).__name__}")
    return found


def make(name: str, arguments: dict[str, Any], methods: Sequence[str], attributes: Sequence[str] = ()) -> Any:
    """Create a plugin object: call what `name` stands for with these arguments, in their order.

    The object must have these methods and attributes. Raises PluginError.
    """
    factory = load(name)
    with guarded(name, f"called with ({', '.join(arguments)})"):
        made = factory(*arguments.values())
    missing = [f"{method}()" for method in methods if not callable(getattr(made, method, None))]
    missing += [attribute for attribute in attributes if not hasattr(made, attribute)]
    if missing:
        required = ", ".join([*(f"{method}()" for method in methods), *attributes])
        raise PluginError(
            f"{name}: returned an object of type {type(made).__name__} without {', '.join(missing)}; "
            f"expected an object with {required}"
        )
    return made


_loaded: dict[str, tuple[bytes, ModuleType]] = {}  # by file or dotted name: digest of the sources, and the module


def _module(name: str, source: str, path: Path | None) -> ModuleType:
    key = source if path is None else str(path)
    digest = content_digest(name)
    before = _loaded.get(key)
    if before is not None and before[0] == digest:
        return before[1]
    if before is not None:
        _unload(plugin_sources(name))
    try:
        module = importlib.import_module(source) if path is None else _run(path)
    except (Exception, SystemExit) as error:
        raise failure_of(name, error, "import") from error
    _loaded[key] = digest, module
    return module


def _run(path: Path) -> ModuleType:
    """Run a file as a module. It can import the files beside it, as when Python runs the file itself."""
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # last, so that it hides no installed package
    module_name = f"lkas_plugin_{path.stem}_{zlib.crc32(bytes(path)):08x}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module  # pickle and dataclasses look the module up by its name
    try:
        # Compiled here because cached bytecode misses a second change within one second.
        exec(compile(path.read_bytes(), str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _unload(paths: Sequence[Path]) -> None:
    """Remove the modules of these files, so that the next import runs them again."""
    files = {str(path) for path in paths}
    for module_name, module in list(sys.modules.items()):
        if getattr(module, "__file__", None) in files:
            del sys.modules[module_name]
    importlib.invalidate_caches()


def _file_suggestion(path: Path) -> str:
    close = difflib.get_close_matches(path.name, (found.name for found in path.parent.glob("*.py")), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _name_suggestion(module: ModuleType, attribute: str) -> str:
    defined = [
        name
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
    ]
    close = difflib.get_close_matches(attribute, defined, n=1)
    return f"; did you mean {close[0]}?" if close else f"; it defines {', '.join(defined) or 'no class or function'}"
