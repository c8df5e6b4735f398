"""A number is written once: ports, the page's address and exit codes stand in one module each."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from lkas.integration.zmq.ports import DEFAULT_PORT_BASE, ZmqConfig
from lkas.page import ViewerConfig
from lkas.runtime import exit_codes, threads
from tests.support.stack import ROOT

CODE = sorted(
    path
    for folder in ("lkas", "simulation", "viewer", "scripts", "benchmarks")
    for path in (ROOT / folder).rglob("*.py")
)
PAGE_PORT = ViewerConfig().port


def constants(path: Path) -> Iterator[tuple[int, object]]:
    """Line and value of every number and text in the code; docstrings are documentation."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            yield node.lineno, node.value


def places(pattern: str, *sources: str) -> list[str]:
    """Where a number or text matches, outside of the modules that define it."""
    return [
        f"{path.relative_to(ROOT)}:{line}"
        for path in CODE
        if str(path.relative_to(ROOT)) not in sources
        for line, value in constants(path)
        if isinstance(value, int | str) and not isinstance(value, bool) and re.search(pattern, str(value))
    ]


def test_the_port_of_the_page_is_written_once():
    assert places(rf"\b{PAGE_PORT}\b", "lkas/page.py") == []


def test_the_ports_of_the_broker_are_written_once():
    numbers = "|".join(str(DEFAULT_PORT_BASE + offset) for offset in range(6))
    assert places(rf"\b({numbers})\b", "lkas/integration/zmq/ports.py") == []
    assert ZmqConfig().port_base == DEFAULT_PORT_BASE


def test_a_script_of_the_page_that_needs_the_port_has_the_same_one():
    """A browser cannot import the declaration, so the numbers are compared."""
    scripts = [path for path in (ROOT / "viewer" / "static" / "js").rglob("*.js") if "vendor" not in path.parts]
    assert scripts
    found = {number for path in scripts for number in re.findall(r"\b(?:55\d\d|80\d\d)\b", path.read_text())}
    assert found <= {str(DEFAULT_PORT_BASE), str(PAGE_PORT)}


@pytest.mark.parametrize("name", [name for name in vars(exit_codes) if name.startswith("EXIT_")])
def test_an_exit_code_is_defined_once(name):
    definition = re.compile(rf"^\s*{name}\b[^=\n]*=[^=]", re.MULTILINE)
    assert [path for path in CODE if definition.search(path.read_text())] == [Path(exit_codes.__file__)]


def test_exit_codes_of_signals_are_computed_once():
    computed = re.compile(r"\b128 \+ \w*(number|signal)")
    assert [path for path in CODE if computed.search(path.read_text())] == [Path(exit_codes.__file__)]


def test_the_programs_name_their_exit_codes():
    raised = re.compile(r"(?:raise SystemExit|sys\.exit|typer\.Exit)\((?:code=)?[1-9]")
    programs = [path for path in CODE if path.relative_to(ROOT).parts[0] in ("lkas", "simulation", "viewer")]
    assert [str(path.relative_to(ROOT)) for path in programs if raised.search(path.read_text())] == []


def test_thread_variables_are_listed_once():
    assert places("_NUM_THREADS$", str(Path(threads.__file__).relative_to(ROOT))) == []
