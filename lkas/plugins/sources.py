"""Which files the user's own code consists of, told from its text alone: nothing is run.

The file itself and what it imports from beside it, or for package.module:NAME from the same package; not what is
installed, and no data such as weights.
"""

import ast
import hashlib
import importlib.util
from collections.abc import Iterator
from pathlib import Path

OURS = {"lkas", "simulation", "viewer"}


def module_file(name: str) -> Path | None:
    """The file that FILE.py:NAME or package.module:NAME is in; None when there is none."""
    where = name.rpartition(":")[0]
    if where.endswith(".py"):
        return Path(where).resolve()
    root = _root_of_package(where.partition(".")[0])
    return next(reversed(list(_files(root, where))), None) if root is not None else None


def own_sources(name: str) -> list[Path]:
    """The files, sorted. Empty when there is no such module."""
    where = name.rpartition(":")[0]
    first = module_file(name)
    if first is None or not first.is_file():
        return []
    top = None if where.endswith(".py") else where.partition(".")[0]
    root = first.parent if top is None else _root_of_package(top)
    assert root is not None
    found, open_ = {first}, [first]
    while open_:
        path = open_.pop()
        for module in _imports(path, root):
            name_of_top = module.partition(".")[0]
            if name_of_top in OURS or top not in (None, name_of_top):
                continue
            new = set(_files(root, module)) - found
            found |= new
            open_ += new
    return sorted(found)


def content_digest(name: str) -> bytes:
    """SHA-256 of the files' names and contents."""
    digest = hashlib.sha256()
    for path in own_sources(name):
        digest.update(path.name.encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return digest.digest()


def _root_of_package(top: str) -> Path | None:
    """The folder that a package or module lies in."""
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None:
        return None
    if spec.submodule_search_locations:
        return Path(next(iter(spec.submodule_search_locations))).resolve().parent
    return Path(spec.origin).resolve().parent if spec.has_location and spec.origin else None


def _files(root: Path, module: str) -> Iterator[Path]:
    """The files that an import of this dotted name reads below the folder: packages first, the module last."""
    folder = root
    for part in module.split("."):
        for path in (folder / part / "__init__.py", folder / f"{part}.py"):
            if path.is_file():
                yield path
                break
        folder = folder / part


def _imports(path: Path, root: Path) -> Iterator[str]:
    """Dotted names that a file imports; of `from a import b` both a and a.b."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return  # importing it says what is wrong
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            folder = path.parents[min(node.level, len(path.parents)) - 1] if node.level else root
            package = folder.relative_to(root).parts if folder.is_relative_to(root) else ()
            base = ".".join([*package, *filter(None, [node.module])])
            yield from filter(None, [base])
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names)
