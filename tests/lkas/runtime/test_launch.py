"""Starting a supervised process: what it may import, and what an import error does."""

import os
import subprocess

import pytest

from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.runtime.processes import Process, python_command
from lkas.runtime.supervisor import Supervisor
from tests.support.stack import PATIENCE_S

SOURCES = {
    "greets": "import sys\ndef main(): print(*sys.argv)",
    "fails": "def main(): return 3",
    "needs_more": "\n\nimport no_such_package\ndef main(): pass",
    "needs_more_later": "def main():\n    import no_such_package",
    "damaged": "def main(:",
    "reads_logging": "import logging\ndef main(): print(logging.__file__)",
}


@pytest.fixture
def start(tmp_path):
    modules = tmp_path / "modules"
    modules.mkdir()
    for name, source in SOURCES.items():
        (modules / f"{name}.py").write_text(source)

    def started(module: str, *options: str, cwd=None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            python_command(module, *options),
            cwd=cwd,
            env={**os.environ, "PYTHONPATH": str(modules)},
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
        )

    return started


def test_the_main_of_a_module_runs_with_its_options_and_exit_code(start):
    assert start("greets", "--seed", "3").stdout == "greets --seed 3\n"
    assert start("fails").returncode == 3


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("lkas.no_such_module", "No module named 'lkas.no_such_module'"),
        ("needs_more", "needs_more.py, line 3"),
        ("needs_more_later", "No module named 'no_such_package'"),
        ("damaged", "invalid syntax"),
    ],
)
def test_an_import_error_is_one_sentence_and_exit_code_2(start, module, words):
    done = start(module)
    assert done.returncode == EXIT_USAGE
    assert done.stderr.startswith(f"{module} cannot be imported: ")
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_working_directory_is_not_imported_from(start, tmp_path):
    (tmp_path / "logging.py").write_text("raise SystemExit('the working directory was imported from')")
    done = start("reads_logging", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) not in done.stdout


def test_an_import_error_of_a_first_start_ends_the_run():
    supervisor = Supervisor([Process(name="a", command=python_command("lkas.no_such_module"))])
    try:
        for _ in range(round(PATIENCE_S / 0.1)):
            supervisor.step(0.1)
            if supervisor.exit_code is not None:
                break
    finally:
        supervisor.stop()
    assert supervisor.exit_code == EXIT_USAGE
    assert supervisor.restarts == 0
