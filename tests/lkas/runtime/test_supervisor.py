"""The supervisor with real processes: restarts, back-off, hung processes, final exit codes, no orphans."""

import os
import signal
import subprocess
import sys
import time

import pytest

from lkas.clock import FakeClock
from lkas.runtime.processes import Process, Restart
from lkas.runtime.supervisor import Supervisor

FOREVER = "import time\nwhile True: time.sleep(0.05)"
BEATS = "import os, time\nfd = int(os.environ['LKAS_HEARTBEAT'])\nos.write(fd, b'.')\n"
BEATS_FOREVER = BEATS + "while True:\n    time.sleep(0.02)\n    os.write(fd, b'.')\n"
IGNORES_TERM = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\nprint('ready', flush=True)\n"


def python(name: str, code: str, **row) -> Process:
    return Process(name=name, command=(sys.executable, "-c", code), **row)


@pytest.fixture
def supervise():
    running = []

    def start(*processes: Process, **options) -> Supervisor:
        supervisor = Supervisor(processes, **options)
        running.append(supervisor)
        return supervisor

    yield start
    for supervisor in running:
        pids = [state.pid for state in supervisor.states if state.pid is not None]
        supervisor.stop()
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)


def step_until(supervisor: Supervisor, condition, limit_s: float = 120.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < deadline, supervisor.states
        supervisor.step(0.02)


def pid_of(supervisor: Supervisor, name: str) -> int | None:
    return next(state.pid for state in supervisor.states if state.name == name)


def test_a_killed_process_is_restarted(supervise):
    supervisor = supervise(python("a", FOREVER), python("b", FOREVER))
    supervisor.step(0)
    first, other = pid_of(supervisor, "a"), pid_of(supervisor, "b")
    assert first is not None
    os.kill(first, signal.SIGKILL)
    step_until(supervisor, lambda: pid_of(supervisor, "a") not in (first, None))
    assert supervisor.restarts == 1
    assert pid_of(supervisor, "b") == other


def test_a_process_that_fails_repeatedly_is_restarted_after_increasing_pauses(supervise, caplog):
    clock = FakeClock()  # on a busy machine the process needs seconds to end, and a real clock would call it healthy
    supervisor = supervise(python("a", "raise SystemExit(1)"), clock=clock)
    for restarts, pause_s in enumerate((0.25, 0.5, 1.0), 1):
        step_until(supervisor, lambda restarts=restarts: supervisor.restarts == restarts)
        assert caplog.records[-1].getMessage().endswith(f"restarting in {pause_s:g} s")
        clock.advance(pause_s - 0.01)
        supervisor.step(0)
        assert pid_of(supervisor, "a") is None
        clock.advance(0.01)
    assert supervisor.exit_code is None


def test_a_hung_process_is_killed_and_restarted(supervise):
    supervisor = supervise(python("a", BEATS + FOREVER, heartbeat_limit_s=0.3, settings={}))
    step_until(supervisor, lambda: supervisor.restarts == 1)


def test_a_stopped_process_is_named_and_killed_and_its_return_is_told(supervise):
    clock, events = FakeClock(), []
    row = python("a", BEATS_FOREVER, heartbeat_limit_s=3.0)
    supervisor = supervise(row, clock=clock, on_event=lambda level, text: events.append((level, text)))
    step_until(supervisor, lambda: supervisor.states[0].state == "running")
    pid = pid_of(supervisor, "a")
    os.kill(pid, signal.SIGSTOP)
    supervisor.step(0.1)  # the last heartbeats
    for _ in range(3):
        clock.advance(0.4)
        supervisor.step(0)
    assert supervisor.states[0].state == "not responding for 1 s"
    assert events == [("warning", f"a does not respond (pid {pid}); it is killed after 3 s")]
    for _ in range(5):
        clock.advance(0.4)
        supervisor.step(0)
    step_until(supervisor, lambda: "is back" in events[-1][1] or clock.advance(0.1))
    assert [text.split(" was")[0].split(" after")[0] for _, text in events[1:]] == [
        "a did not respond for 3.2 s and",
        "a is back",
    ]


def test_a_process_that_responds_again_is_not_killed(supervise):
    clock, events = FakeClock(), []
    supervisor = supervise(
        python("a", BEATS_FOREVER, heartbeat_limit_s=3.0), clock=clock, on_event=lambda _, text: events.append(text)
    )
    step_until(supervisor, lambda: supervisor.states[0].state == "running")
    pid = pid_of(supervisor, "a")
    os.kill(pid, signal.SIGSTOP)
    supervisor.step(0.1)
    for _ in range(4):
        clock.advance(0.4)
        supervisor.step(0)
    os.kill(pid, signal.SIGCONT)
    step_until(supervisor, lambda: len(events) == 2)
    assert events[1] == "a is back after 1.6 s"
    assert (supervisor.restarts, pid_of(supervisor, "a")) == (0, pid)


def test_time_in_which_the_supervisor_did_not_run_does_not_count_as_silence(supervise):
    clock = FakeClock()
    row = python("a", BEATS + FOREVER, heartbeat_limit_s=3.0, settings={})
    supervisor = supervise(row, clock=clock)
    step_until(supervisor, lambda: supervisor.states[0].state == "running")
    clock.advance(100.0)
    for _ in range(3):  # kill, detect, restart
        supervisor.step(0)
    assert supervisor.restarts == 0
    for _ in range(10):
        clock.advance(0.4)
        supervisor.step(0)
    assert supervisor.restarts == 1


def test_a_process_without_a_first_heartbeat_is_not_hung(supervise):
    clock = FakeClock()
    supervisor = supervise(python("a", FOREVER, heartbeat_limit_s=0.05, settings={}), clock=clock)
    for _ in range(5):
        supervisor.step(0)
        clock.advance(0.4)
    assert supervisor.restarts == 0
    assert supervisor.states[0].state == "starting"


@pytest.mark.parametrize(
    ("code", "restart", "ends_with"), [(0, Restart.ON_FAILURE, 0), (2, Restart.ALWAYS, 2), (2, Restart.ON_FAILURE, 2)]
)
def test_a_final_exit_code_ends_the_run(supervise, code, restart, ends_with):
    supervisor = supervise(python("a", f"raise SystemExit({code})", restart=restart), python("b", FOREVER))
    step_until(supervisor, lambda: supervisor.exit_code is not None)
    assert supervisor.exit_code == ends_with


def test_exit_code_2_after_a_restart_is_retried(supervise, tmp_path):
    code = f"import pathlib, time\np = pathlib.Path({str(tmp_path / 'ran')!r})\n"
    code += "if p.exists(): raise SystemExit(2)\np.touch()\nraise SystemExit(1)"
    supervisor = supervise(python("a", code))
    step_until(supervisor, lambda: supervisor.restarts == 2)
    assert supervisor.exit_code is None


def test_changes_are_reported_once(supervise):
    reports = []
    supervisor = supervise(python("a", FOREVER), on_change=reports.append)
    for _ in range(5):
        supervisor.step(0)
    assert [[state.state for state in report] for report in reports] == [["running"]]


def test_a_process_that_ignores_sigterm_is_killed(supervise, capfd, caplog):
    supervisor = supervise(python("stubborn", IGNORES_TERM + FOREVER, stop_limit_s=0.2))
    step_until(supervisor, lambda: "ready" in capfd.readouterr().out)
    supervisor.stop()
    assert "stubborn" in caplog.text
    assert "killed" in caplog.text
    assert supervisor.states[0].state == "finished"


@pytest.mark.parametrize(("is_gone", "code", "output"), [(False, 0, "lives"), (True, -signal.SIGTERM, "")])
def test_a_program_ends_when_its_supervisor_was_killed_during_its_start(is_gone, code, output):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    row = python("a", "from lkas.runtime.child import die_with_supervisor\ndie_with_supervisor()\nprint('lives')")
    variables = row.child_environment(None) | ({"LKAS_PARENT": str(gone.pid)} if is_gone else {})
    done = subprocess.run(row.command, env=os.environ | variables, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout.strip()) == (code, output), done.stderr


@pytest.mark.parametrize(
    "error", [OSError(1, "Operation not permitted"), OSError(38, "Function not implemented"), None]
)
def test_processes_are_watched_without_pidfds(supervise, monkeypatch, error):
    """As with old kernels and in containers that do not allow them, and where Python has no such function."""

    def refuse(pid):
        raise error or AttributeError("pidfd_open")

    monkeypatch.setattr(os, "pidfd_open", refuse)
    supervisor = supervise(python("a", FOREVER))
    supervisor.step(0)
    os.kill(pid_of(supervisor, "a"), signal.SIGKILL)
    step_until(supervisor, lambda: supervisor.restarts == 1)
    step_until(supervisor, lambda: supervisor.states[0].state == "running")


def test_a_process_that_cannot_be_started_is_tried_again(supervise, monkeypatch, caplog):
    clock = FakeClock()
    supervisor = supervise(python("a", BEATS + FOREVER, heartbeat_limit_s=60.0, settings={}), clock=clock)
    popen = subprocess.Popen

    def refuse(*args, **options):
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    descriptors = len(os.listdir("/proc/self/fd"))
    supervisor.step(0)
    supervisor.step(0)
    assert len(os.listdir("/proc/self/fd")) == descriptors
    assert [record.getMessage() for record in caplog.records] == [
        "a cannot be started: [Errno 24] Too many open files: restarting in 0.25 s"
    ]
    monkeypatch.setattr(subprocess, "Popen", popen)
    clock.advance(0.25)
    step_until(supervisor, lambda: supervisor.states[0].state == "running")
