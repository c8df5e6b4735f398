"""Reporting process states: on every change, and again once a second."""

from lkas.clock import FakeClock
from lkas.runtime.reporter import ProcessReporter
from lkas.runtime.watched_process import ProcessState

RUNNING = [ProcessState(name="a", pid=1, state="running", restarts=0)]
RESTARTED = [ProcessState(name="a", pid=2, state="running", restarts=1)]


def test_a_change_is_sent_at_once_and_repeated_once_a_second():
    clock, sent = FakeClock(), []
    reporter = ProcessReporter(sent.append, clock)
    reporter.update(RUNNING)
    reporter.update(RESTARTED)
    assert sent == [RUNNING, RESTARTED]
    clock.advance(0.9)
    reporter.repeat()
    assert len(sent) == 2
    clock.advance(0.1)
    reporter.repeat()
    assert sent == [RUNNING, RESTARTED, RESTARTED]
