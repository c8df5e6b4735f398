"""The source files of a plugin, found by parsing import statements; no plugin code runs.

They are the plugin's file and what it imports from the same folder, or for package.module:NAME from the same package.
Installed packages and data files such as network weights are not included.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

LKAS_PACKAGES = {"lkas", "simulation", "viewer"}


def module_file(name: str) -> Path | None:
    """Return the file of FILE.py:NAME or package.module:NAME, None when a package does not exist."""
    source = name.rpartition(":")[0]
    if source.endswith(".py"):
        return Path(source).resolve()
    root = _root_of_package(source.partition(".")[0])
    return next(reversed(list(_files(root, source))), None) if root is not None else None


def plugin_sources(name: str) -> list[Path]:
    """Return the plugin's files, sorted; empty when there is no such module."""
    source = name.rpartition(":")[0]
    first = module_file(name)
    if first is None or not first.is_file():
        return []
    package = None if source.endswith(".py") else source.partition(".")[0]
    root = first.parent if package is None else _root_of_package(package)
    assert root is not None
    found, unread = {first}, [first]
    while unread:
        path = unread.pop()
        for module in _imports(path, root):
            imported_package = module.partition(".")[0]
            if imported_package in LKAS_PACKAGES or package not in (None, imported_package):
                continue
            new = set(_files(root, module)) - found
            found |= new
            unread += new
    return sorted(found)


def content_digest(name: str) -> bytes:
    """Return the SHA-256 of the names and contents of the plugin's files."""
    digest = hashlib.sha256()
    for path in plugin_sources(name):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


def _root_of_package(package: str) -> Path | None:
    """The folder that contains a top-level package or module."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve().parent
    return Path(spec.origin).resolve().parent if spec.has_location and spec.origin else None


def _files(root: Path, module: str) -> Iterator[Path]:
    """The files below `root` that importing this dotted name reads: packages first, the module last."""
    folder = root
    for part in module.split("."):
        for path in (folder / part / "__init__.py", folder / f"{part}.py"):
            if path.is_file():
                yield path
                break
        folder = folder / part


def _imports(path: Path, root: Path) -> Iterator[str]:
    """The dotted names that a file imports; for `from a import b` both a and a.b."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # importing the file reports the error
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[min(node.level, len(path.parents)) - 1] if node.level else root
            package = folder.relative_to(root).parts if folder.is_relative_to(root) else ()
            base = ".".join([*package, *filter(None, [node.module])])
            yield from filter(None, [base])
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)
