"""An invalid instance name is refused before a process starts."""

import pytest
from typer.testing import CliRunner

from lkas.cli.app import app


@pytest.mark.parametrize("command", [[], ["demo", "--no-browser"], ["bench", "pipeline"]])
def test_a_bad_instance_is_one_sentence(command):
    done = CliRunner().invoke(app, [*command, "--instance", "a/b"])
    assert done.exit_code == 2
    assert done.stderr == "lkas: --instance: instance 'a/b': expected 1 to 64 letters, digits, - or _\n"
