"""YAML that a user wrote: what is accepted, and one sentence with its line for all else, in bounded time and memory."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkas.yaml_text import MAX_CHARS, YamlError, YamlFileError, parse_document, parse_yaml, read_yaml

ALIAS_BOMB = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12))
HOSTILE = {
    "brackets": "[" * 20_000,
    "braces": "{" * 20_000,
    "indentation": "".join(" " * n + "a:\n" for n in range(1_000)),
    "dashes": "- " * 20_000,
    "alias bomb": ALIAS_BOMB,
    "wide list": "[" + "1," * 400_000 + "]",
    "long number": "a: " + "9" * 6_000,
    "long float": "a: 1." + "9" * 100_000,
    "long text": "a: " + "x" * 2_000_000,
    "int of text": "a: !!int 'x'",
    "int of nothing": "a: !!int ''",
    "bool of number": "a: !!bool 3",
    "timestamp": "a: !!timestamp 2024-13-45",
    "python": "a: !!python/object/apply:os.system ['true']",
    "binary": "a: !!binary 'ab c'",
    "set": "a: !!set {x, y}",
    "twice": "a: 1\nb: 2\na: 3",
    "list as key": "? [1, 2]\n: 3",
    "no such anchor": "a: *nothing",
    "itself": "a: &a [*a]",
    "two documents": "a: 1\n---\nb: 2",
    "control character": "a: \x01",
    "tab": "a:\n\t- b",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_not_accepted_is_one_sentence_in_bounded_time(name):
    began_s = time.process_time()
    with pytest.raises(YamlError) as refused:
        parse_yaml(HOSTILE[name])
    assert time.process_time() - began_s < 1.0
    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)


def test_memory_stays_bounded():
    """Less than 50 MB more than a program that reads nothing."""
    code = "import sys, resource\nfrom lkas.yaml_text import parse_yaml\n"
    code += "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
    code += "try: parse_yaml(sys.stdin.read())\nexcept ValueError: pass\n"
    code += "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    for name in ("brackets", "alias bomb", "wide list", "long text", "dashes"):
        done = subprocess.run(
            [sys.executable, "-c", code], input=HOSTILE[name], capture_output=True, text=True, timeout=120
        )
        assert int(done.stdout) * 1024 < 50e6, (name, done.stderr)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: 2\na: 3", "line 3, column 1: key 'a' is given twice, first in line 1"),
        ("a:\n  b: !!int 'x'", "line 2, column 6: expected int, found 'x'"),
        ("x: [", "line 1"),
        ("\na: !!timestamp 2024-01-01", "line 2, column 4: tag tag:yaml.org,2002:timestamp is not accepted"),
    ],
)
def test_the_sentence_names_line_and_problem(text, words):
    with pytest.raises(YamlError) as refused:
        parse_yaml(text)
    assert words in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        ("a: 2001-12-14t21:59:43.10-05:00", {"a": "2001-12-14t21:59:43.10-05:00"}),
        ("a: [1, 2.5, true, null, x]", {"a": [1, 2.5, True, None, "x"]}),
        ("a: &p {x: 1}\nb: *p", {"a": {"x": 1}, "b": {"x": 1}}),
        ("a: !!float 3", {"a": 3.0}),
        ("0x10", 16),
        ("1e3", "1e3"),
        ("=", "="),
    ],
)
def test_plain_data(text, value):
    assert parse_yaml(text) == value


def test_the_line_of_a_key():
    document = parse_document("a: 1\n\nsection:\n  key: 2\n  other: {x: 3}\n")
    assert [document.line_of(*keys) for keys in (("a",), ("section", "key"), ("section", "other"), ("b",))] == [
        1,
        4,
        5,
        None,
    ]


@given(st.text())
def test_any_text_gives_a_value_or_a_refusal(text):
    with contextlib.suppress(YamlError):
        parse_yaml(text)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: None, "No such file"),
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_bytes(b"a: \xff\xfe"), "utf-8"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path, make, words):
    make(tmp_path / "a.yaml")
    with pytest.raises(YamlFileError, match=words):
        read_yaml(tmp_path / "a.yaml")


def test_a_file_without_end_is_refused():
    began_s = time.process_time()
    with pytest.raises(YamlError, match=f"longer than {MAX_CHARS}"):
        read_yaml(Path("/dev/zero"))
    assert time.process_time() - began_s < 5.0
