"""Plugins: how they are named, found and run, which errors are reported, and when a change is noticed."""

import os
import pickle
import subprocess
import sys
import uuid

import pytest

from lkas.detection.parameters import DetectionParameters
from lkas.parameters import ParameterError, changed, declared, offered
from lkas.plugins.guard import PluginError
from lkas.plugins.load import load, make
from lkas.plugins.names import absolute_name, is_plugin_name, short_names
from lkas.plugins.sources import content_digest, plugin_sources
from tests.support.stack import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory. Restores sys.path and sys.modules after the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "is_plugin"),
    [
        ("my.py:Detector", True),
        ("/far away/my.py:Detector", True),
        ("package.module:create", True),
        ("cv", False),
        ("my.py", False),
        ("my.py:", False),
        ("tcp://host:8786", False),
        ("C:drive", True),
        ("a b:create", False),
    ],
)
def test_a_plugin_name_is_recognised_by_its_form(name, is_plugin):
    assert is_plugin_name(name) is is_plugin


def test_files_are_found_in_the_working_directory_and_modules_by_import(folder):
    (folder / "my.py").write_text("class Detector: size = 1")
    (folder / "team").mkdir()
    (folder / "team" / "__init__.py").write_text("")
    (folder / "team" / "lanes.py").write_text("class Detector: size = 2")
    assert load("my.py:Detector").size == load(f"{folder}/my.py:Detector").size == 1
    assert load("team.lanes:Detector").size == 2
    assert absolute_name("my.py:Detector") == f"{folder}/my.py:Detector"
    assert absolute_name("team.lanes:Detector") == "team.lanes:Detector"


def test_files_beside_a_plugin_can_be_imported_and_hide_no_installed_module(folder):
    (folder / "my.py").write_text("import json, width\ndef create(): return width.WIDTH, json.dumps")
    (folder / "width.py").write_text("WIDTH = 7")
    (folder / "json.py").write_text("raise RuntimeError('not this one')")
    assert make("my.py:create", {}, ())[0] == 7


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        (None, "nyx.py:A", "nyx.py:A: there is no file {folder}/nyx.py; did you mean my.py?"),
        ("class Detektor: pass", "my.py:Detector", "{folder}/my.py defines no Detector; did you mean Detektor?"),
        ("X = 1", "my.py:Detector", "defines no Detector; it defines no class or function"),
        ("X = 1", "my.py:X", "my.py:X: expected a class or a function, found an object of type int"),
        ("class A(:\n pass", "my.py:A", "my.py:A: import: SyntaxError: invalid syntax (my.py, line 1)"),
        ("\nimport nowhere", "my.py:A", "ModuleNotFoundError: No module named 'nowhere' (my.py, line 2)"),
        ("raise SystemExit(3)", "my.py:A", "my.py:A: import: SystemExit: 3 (my.py, line 1)"),
        ("def A(one): return one.x", "my.py:A", "called with (p): AttributeError: 'int' object has no attribute 'x' "
         "(my.py, line 1, in A)"),
        ("def A(): pass", "my.py:A", "my.py:A: called with (p): TypeError: A() takes 0 positional arguments but 1 was"),
        ("def A(p): return object()", "my.py:A",
         "my.py:A: returned an object of type object without detect(), models_lag; expected an object with detect(), "
         "models_lag"),
        (None, "no.such:A", "no.such:A: import: ModuleNotFoundError: No module named 'no'"),
    ],
)  # fmt: skip
def test_an_error_is_one_sentence_that_survives_pickling(folder, text, name, expected):
    (folder / "my.py").write_text(text or "")
    with pytest.raises(PluginError) as raised:
        make(name, {"p": 1}, ("detect",), ("models_lag",))
    assert expected.format(folder=folder) in str(raised.value)
    assert "\n" not in str(raised.value)
    again = pickle.loads(pickle.dumps(raised.value))  # worker processes return it pickled
    assert (str(again), again.cause) == (str(raised.value), raised.value.cause)


def test_a_file_without_the_suffix_py_is_not_loaded_as_a_module(folder):
    (folder / "notes.txt").write_text("")
    with pytest.raises(PluginError, match=r"notes.txt:A: expected FILE.py:NAME, and notes.txt does not end in .py"):
        make("notes.txt:A", {}, ())


def test_a_plugin_runs_again_only_after_it_or_an_imported_file_has_changed(folder):
    (folder / "my.py").write_text("import beside\nclass A: size = 1, beside.SIZE")
    (folder / "beside.py").write_text("SIZE = 1")
    first = load("my.py:A")
    assert load("my.py:A") is first
    (folder / "my.py").write_text("import beside\nclass A: size = 2, beside.SIZE")
    assert load("my.py:A").size == (2, 1)
    (folder / "beside.py").write_text("SIZE = 3 # and longer")
    assert load("my.py:A").size == (2, 3)


def test_the_sources_are_the_files_imported_from_the_same_folder(folder):
    (folder / "my.py").write_text("import numpy, near\nfrom team import lanes\nimport lkas.config")
    (folder / "near.py").write_text("def f():\n    from team.deep import inner")
    (folder / "far.py").write_text("")
    (folder / "lkas").mkdir()
    (folder / "lkas" / "config.py").write_text("")
    (folder / "team" / "deep").mkdir(parents=True)
    for name in ("__init__", "lanes", "other", "deep/__init__", "deep/inner"):
        (folder / "team" / f"{name}.py").write_text("from . import other" if name == "lanes" else "")
    found = [os.path.relpath(path, folder) for path in plugin_sources("my.py:A")]
    assert found == ["my.py", "near.py", "team/__init__.py", "team/deep/__init__.py", "team/deep/inner.py",
                     "team/lanes.py", "team/other.py"]  # fmt: skip
    before = content_digest("my.py:A")
    (folder / "far.py").write_text("1")
    assert content_digest("my.py:A") == before
    (folder / "team" / "deep" / "inner.py").write_text("1")
    assert content_digest("my.py:A") != before
    assert plugin_sources("nowhere.py:A") == plugin_sources("no.such:A") == []


def test_short_names_keep_the_folders_that_tell_them_apart():
    assert short_names(["cv", "/a/b/my.py:D", "team.lanes:D"]) == ["cv", "my.py:D", "team.lanes:D"]
    assert short_names(["/old/x/my.py:D", "/new/x/my.py:D", "/new/x/my.py:E"]) == [
        "old/x/my.py:D", "new/x/my.py:D", "my.py:E"
    ]  # fmt: skip
    assert short_names(["my.py:D", "my.py:D"]) == ["my.py:D", "my.py:D"]


def test_a_configuration_accepts_any_plugin_and_a_running_process_only_the_one_it_started_with():
    parameter = declared("detection", DetectionParameters)["method"]
    assert parameter.check("my.py:D") == "my.py:D"
    with pytest.raises(ParameterError, match=r"= 'cvv': expected one of cv, hybrid, hough, onnx, or FILE.py:NAME"):
        parameter.check("cvv")
    running = DetectionParameters(method="my.py:D")
    table = offered("detection", running)
    assert table["method"].choices == ("cv", "hybrid", "hough", "onnx", "my.py:D")
    assert changed("detection", running, "method", "my.py:D", table) == running
    with pytest.raises(ParameterError, match=r"'evil.py:D': expected one of cv, hybrid, hough, onnx, my.py:D"):
        changed("detection", running, "method", "evil.py:D", table)


@pytest.mark.parametrize("command", [[], ["demo", "--no-browser"]])
def test_an_unusable_plugin_is_reported_before_any_process_is_started(folder, command):
    (folder / "my.py").write_text("class Detector:\n    def __init__(self, parameters, camera): parameters.nothing")
    done = subprocess.run(
        [sys.executable, "-m", "lkas", *command, "--method", "my.py:Detector", "--set", "zmq.port_base=0"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LKAS_INSTANCE": f"plugin-{uuid.uuid4().hex[:8]}"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "lkas: my.py:Detector: called with (parameters, camera): AttributeError: 'DetectionParameters' object has no "
        "attribute 'nothing' (my.py, line 2, in __init__)\n"
    )
    assert done.stdout == ""
