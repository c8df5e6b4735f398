"""An exception in plugin code becomes a PluginError with its place and cause."""

import pytest

from lkas.plugins.guard import PluginError, guarded
from lkas.plugins.load import load


def test_the_error_names_the_plugin_the_call_and_the_line(tmp_path):
    file = tmp_path / "my.py"
    file.write_text("def f(value):\n    raise RuntimeError(f'bad value {value}')")
    function, errors = load(f"{file}:f"), []
    for value in (1, 2):
        with pytest.raises(PluginError) as raised, guarded(f"{file}:f", "update"):
            function(value)
        errors.append(raised.value)
    assert str(errors[0]) == "my.py:f: update: RuntimeError: bad value 1 (my.py, line 2, in f)"
    assert errors[0].cause == errors[1].cause == "my.py:f: update: RuntimeError (my.py, line 2, in f)"
    assert isinstance(errors[0].origin, RuntimeError)


def test_exceptions_of_the_caller_s_own_kind_pass_unchanged():
    with pytest.raises(KeyError), guarded("my.py:f", "update", passes=(KeyError,)):
        raise KeyError("name")
