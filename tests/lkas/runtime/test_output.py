"""Output through bounded queues: no reader can block a program, and lost lines are counted."""

import fcntl
import json
import logging
import os
import subprocess
import sys
import threading

import pytest

from lkas.runtime import log, output
from lkas.runtime.output import MAX_PIECES, OutputStream, QueuedWriter, RotatingFile
from tests.support.stack import PATIENCE_S, wait_until

FLOOD = (
    "import sys\nfor i in range(20000): print('out', i); print('err', i, file=sys.stderr)\nprint('done', flush=True)"
)
PROGRAM = """
import logging, sys, time
from lkas.runtime import log
with log.set_up("flooding", log.LogOptions()):
    for number in range(20_000):
        logging.getLogger("a").warning("a warning, number %d", number)
        print("a line")
    open(sys.argv[1], "w").close()
"""


class SlowSink:
    """Takes texts only while `is_open` is set."""

    def __init__(self):
        self.is_open, self.texts = threading.Event(), []

    def __call__(self, text):
        self.is_open.wait(PATIENCE_S)
        self.texts.append(text)


@pytest.fixture
def small_pipe():
    """A pipe of 4 kB that no process reads."""
    read_fd, write_fd = os.pipe()
    fcntl.fcntl(write_fd, fcntl.F_SETPIPE_SZ, 4096)
    yield read_fd, write_fd
    os.close(read_fd)
    os.close(write_fd)


def test_what_does_not_fit_is_dropped_and_counted():
    sink = SlowSink()
    writer = QueuedWriter(sink)
    for number in range(3 * MAX_PIECES):
        writer.put(f"{number}\n")
    sink.is_open.set()
    writer.close()
    written = [text for text in sink.texts if not text.startswith("[")]
    notes = [text for text in sink.texts if text.startswith("[")]
    assert written[0] == "0\n"
    assert MAX_PIECES <= len(written) <= MAX_PIECES + 1
    assert len(notes) == 1
    assert int(notes[0].split()[0][1:]) + len(written) == 3 * MAX_PIECES


def test_lines_that_a_full_disk_refuses_are_counted_until_it_takes_them_again():
    texts, is_full = [], threading.Event()
    is_full.set()

    def sink(text):
        if is_full.is_set():
            raise OSError(28, "No space left on device")
        texts.append(text)

    writer = QueuedWriter(sink)
    writer.put("lost\nlost\n")
    wait_until(lambda: writer._lost_lines == 2, "the sink has refused")
    is_full.clear()
    writer.put("kept\n")
    writer.close()
    assert texts == ["[2 lines of output lost here: not read in time, or not writable]\n", "kept\n"]


@pytest.mark.parametrize("blocking", [True, False])
def test_a_program_whose_pipe_is_not_read_runs_to_its_end(small_pipe, tmp_path, blocking):
    os.set_blocking(small_pipe[1], blocking)
    done = tmp_path / "done"
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(done)], stdout=small_pipe[1], stderr=small_pipe[1], timeout=PATIENCE_S
    )
    assert program.returncode == 0
    assert done.exists()


@pytest.mark.parametrize("where", ["/dev/full", "a closed pipe"])
def test_a_program_that_cannot_write_runs_to_its_end(tmp_path, where):
    done = tmp_path / "done"
    if where == "/dev/full":
        descriptor = os.open(where, os.O_WRONLY)
    else:
        read_fd, descriptor = os.pipe()
        os.close(read_fd)
    program = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(done)], stdout=descriptor, stderr=descriptor, timeout=PATIENCE_S
    )
    os.close(descriptor)
    assert program.returncode == 0
    assert done.exists()


def test_the_supervisor_passes_on_everything_its_children_print(tmp_path):
    with (tmp_path / "out").open("w") as out, (tmp_path / "err").open("w") as err:
        done = supervised(tmp_path / "done", stdout=out, stderr=err)
    assert done.returncode == 0
    for name in ("out", "err"):
        assert (tmp_path / name).read_text().splitlines()[:20000] == [f"{name} {i}" for i in range(20000)]


def test_a_child_is_never_blocked_by_the_supervisors_own_output(small_pipe, tmp_path):
    assert supervised(tmp_path / "done", bounded=True, stdout=small_pipe[1], stderr=small_pipe[1]).returncode == 0


def supervised(done, *, bounded: bool = False, **streams) -> subprocess.CompletedProcess:
    """Run a supervisor of a child that floods both its streams; it ends when the child has created `done`."""
    child = f"{FLOOD}\nopen({str(done)!r}, 'w').close()\nimport time\ntime.sleep(1000)"
    code = f"""
import contextlib, pathlib, sys
from lkas.runtime import log
from lkas.runtime.processes import Process
from lkas.runtime.supervisor import Supervisor
with log.set_up("a", log.LogOptions()) if {bounded} else contextlib.nullcontext():
    supervisor = Supervisor([Process(name="b", command=(sys.executable, "-c", {child!r}))])
    while not pathlib.Path({str(done)!r}).exists():
        supervisor.step(0.05)
    supervisor.stop()
"""
    return subprocess.run([sys.executable, "-c", code], timeout=PATIENCE_S, **streams)


def test_a_log_file_is_rotated(tmp_path, monkeypatch):
    monkeypatch.setattr(output, "LOG_FILE_BYTES", 100)
    path = tmp_path / "a.log"
    write = RotatingFile(path)
    for number in range(100):
        write(f"line {number:3}\n")
    write.close()
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["a.log", "a.log.1", "a.log.2", "a.log.3", "a.log.4"]
    assert all(file.stat().st_size <= 100 for file in tmp_path.iterdir())
    assert path.read_text().endswith("line  99\n")


def test_the_log_goes_to_the_file_and_to_standard_error(tmp_path, capsys):
    path = tmp_path / "a.log"
    with log.set_up("a", log.LogOptions(file=path, format=log.LogFormat.JSON)):
        logging.getLogger("b.c").warning("hello %d", 3)
    record = json.loads(path.read_text())
    assert capsys.readouterr().err == path.read_text()
    assert (record["level"], record["process"], record["logger"], record["text"]) == ("warning", "a", "b.c", "hello 3")


def test_a_log_file_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(log.LogFileError, match=r"--log-file .*no/such/a.log: cannot be written: No such file"):
        log.set_up("a", log.LogOptions(file=tmp_path / "no" / "such" / "a.log"))


def test_what_a_child_prints_beside_its_log_becomes_a_record():
    line_of = log.supervisor_line(log.LogOptions(format=log.LogFormat.JSON))
    record = json.loads(line_of("viewer", "Traceback\n"))
    assert (record["process"], record["text"], record["level"]) == ("viewer", "Traceback", "warning")
    log_line = line_of("viewer", "x\n")
    assert line_of("viewer", log_line) == log_line


def test_a_long_text_is_cut():
    sink = SlowSink()
    sink.is_open.set()
    writer = QueuedWriter(sink)
    writer.put("x" * 100_000)
    writer.close()
    assert sink.texts[0].endswith("x[...]\n")


def test_the_stream_looks_like_the_one_it_replaces():
    stream = OutputStream(sys.__stdout__)
    assert stream.writable()
    assert stream.isatty() == sys.__stdout__.isatty()
    with pytest.raises(TypeError, match="expected str"):
        stream.write(b"bytes")
    stream.close_writers()
