"""Signals: at once while there is nothing to leave behind, after the step from then on."""

import os
import signal

import pytest

from simulation.stop import StopSignals


@pytest.fixture
def stop():
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield StopSignals()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_while_it_prepares_a_signal_ends_it_at_once(stop, number, code):
    with pytest.raises(SystemExit) as end:
        os.kill(os.getpid(), number)
    assert end.value.code == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_while_it_drives_the_first_signal_decides_and_the_step_is_finished(stop, number, code):
    stop.finish_step = True
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGTERM)  # a supervisor's, right after the terminal's Ctrl-C
    assert (stop.number, stop.exit_code) == (number, code)


def test_without_a_signal_all_is_fine(stop):
    assert (stop.number, stop.exit_code) == (None, 0)
