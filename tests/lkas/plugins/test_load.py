"""Code of the user's own: how it is named, found and run, what is wrong with it, and when it has changed."""

import os
import pickle
import subprocess
import sys
import uuid

import pytest

from lkas.detection.parameters import DetectionParameters
from lkas.parameters import ParameterError, changed, declared, offered
from lkas.plugins.load import OwnCodeError, absolute_name, is_own_name, load, make, short_names
from lkas.plugins.sources import content_digest, own_sources
from tests.support.stack import ROOT


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The working directory; what tests put on the path of modules is taken away again."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.mark.parametrize(
    ("name", "is_own"),
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
def test_a_name_is_told_by_its_form(name, is_own):
    assert is_own_name(name) is is_own


def test_files_are_found_from_the_working_directory_and_modules_by_import(folder):
    (folder / "my.py").write_text("class Detector: size = 1")
    (folder / "team").mkdir()
    (folder / "team" / "__init__.py").write_text("")
    (folder / "team" / "lanes.py").write_text("class Detector: size = 2")
    assert load("my.py:Detector").size == load(f"{folder}/my.py:Detector").size == 1
    assert load("team.lanes:Detector").size == 2
    assert absolute_name("my.py:Detector") == f"{folder}/my.py:Detector"
    assert absolute_name("team.lanes:Detector") == "team.lanes:Detector"


def test_neighbours_can_be_imported_and_hide_nothing(folder):
    (folder / "my.py").write_text("import json, width\ndef create(): return width.WIDTH, json.dumps")
    (folder / "width.py").write_text("WIDTH = 7")
    (folder / "json.py").write_text("raise RuntimeError('not this one')")
    assert make("my.py:create", {}, ())[0] == 7


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (None, "nyx.py:A", "nyx.py:A: there is no file {folder}/nyx.py; did you mean my.py?"),
        ("class Detektor: pass", "my.py:Detector", "{folder}/my.py defines no Detector; did you mean Detektor?"),
        ("X = 1", "my.py:Detector", "defines no Detector; it defines no class and no function"),
        ("X = 1", "my.py:X", "my.py:X: expected a class or a function, found an int"),
        ("class A(:\n pass", "my.py:A", "my.py:A: imported: SyntaxError: invalid syntax (my.py, line 1)"),
        ("\nimport nowhere", "my.py:A", "ModuleNotFoundError: No module named 'nowhere' (my.py, line 2)"),
        ("raise SystemExit(3)", "my.py:A", "my.py:A: imported: SystemExit: 3 (my.py, line 1)"),
        ("def A(one): return one.x", "my.py:A", "called with (p): AttributeError: 'int' object has no attribute 'x' "
         "(my.py, line 1, in A)"),
        ("def A(): pass", "my.py:A", "my.py:A: called with (p): TypeError: A() takes 0 positional arguments but 1 was"),
        ("def A(p): return object()", "my.py:A",
         "my.py:A: gave an object without detect(), models_lag; expected an object with detect(), models_lag"),
        (None, "no.such:A", "no.such:A: imported: ModuleNotFoundError: No module named 'no'"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_in_a_sentence(folder, text, name, words):
    (folder / "my.py").write_text(text or "")
    with pytest.raises(OwnCodeError) as raised:
        make(name, {"p": 1}, ("detect",), ("models_lag",))
    assert words.format(folder=folder) in str(raised.value)
    assert "\n" not in str(raised.value)
    again = pickle.loads(pickle.dumps(raised.value))  # it comes out of worker processes
    assert (str(again), again.cause) == (str(raised.value), raised.value.cause)


def test_a_file_that_is_no_python_file_is_not_taken_for_a_module(folder):
    (folder / "notes.txt").write_text("")
    with pytest.raises(OwnCodeError, match=r"notes.txt:A: expected FILE.py:NAME, and notes.txt does not end in .py"):
        make("notes.txt:A", {}, ())


def test_a_changed_file_or_neighbour_is_run_anew_and_an_unchanged_one_is_not(folder):
    (folder / "my.py").write_text("import beside\nclass A: size = 1, beside.SIZE")
    (folder / "beside.py").write_text("SIZE = 1")
    first = load("my.py:A")
    assert load("my.py:A") is first
    (folder / "my.py").write_text("import beside\nclass A: size = 2, beside.SIZE")
    assert load("my.py:A").size == (2, 1)
    (folder / "beside.py").write_text("SIZE = 3 # and longer")
    assert load("my.py:A").size == (2, 3)


def test_the_sources_are_what_is_imported_from_beside_it(folder):
    (folder / "my.py").write_text("import numpy, near\nfrom team import lanes\nimport lkas.config")
    (folder / "near.py").write_text("def f():\n    from team.deep import inner")
    (folder / "far.py").write_text("")
    (folder / "lkas").mkdir()
    (folder / "lkas" / "config.py").write_text("")
    (folder / "team" / "deep").mkdir(parents=True)
    for name in ("__init__", "lanes", "other", "deep/__init__", "deep/inner"):
        (folder / "team" / f"{name}.py").write_text("from . import other" if name == "lanes" else "")
    found = [os.path.relpath(path, folder) for path in own_sources("my.py:A")]
    assert found == ["my.py", "near.py", "team/__init__.py", "team/deep/__init__.py", "team/deep/inner.py",
                     "team/lanes.py", "team/other.py"]  # fmt: skip
    before = content_digest("my.py:A")
    (folder / "far.py").write_text("1")
    assert content_digest("my.py:A") == before
    (folder / "team" / "deep" / "inner.py").write_text("1")
    assert content_digest("my.py:A") != before
    assert own_sources("nowhere.py:A") == own_sources("no.such:A") == []


def test_names_are_short_as_far_as_that_tells_them_apart():
    assert short_names(["cv", "/a/b/my.py:D", "team.lanes:D"]) == ["cv", "my.py:D", "team.lanes:D"]
    assert short_names(["/old/x/my.py:D", "/new/x/my.py:D", "/new/x/my.py:E"]) == [
        "old/x/my.py:D", "new/x/my.py:D", "my.py:E"
    ]  # fmt: skip
    assert short_names(["my.py:D", "my.py:D"]) == ["my.py:D", "my.py:D"]


def test_a_configuration_takes_any_own_name_and_a_running_process_only_its_own():
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
def test_what_can_not_be_used_is_told_before_any_process_is_started(folder, command):
    (folder / "my.py").write_text("class Detector:\n    def __init__(self, parameters, camera): parameters.nothing")
    done = subprocess.run(
        [sys.executable, "-m", "lkas", *command, "--method", "my.py:Detector", "--set", "zmq.port_base=0"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LKAS_INSTANCE": f"own-{uuid.uuid4().hex[:8]}"},
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "lkas: my.py:Detector: called with (parameters, camera): AttributeError: 'DetectionParameters' object has no "
        "attribute 'nothing' (my.py, line 2, in __init__)\n"
    )
    assert done.stdout == ""
