"""Stop signals: at once during start-up, after the current step while driving."""

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
def test_during_start_up_a_signal_ends_the_program_at_once(stop, number, code):
    with pytest.raises(SystemExit) as end:
        os.kill(os.getpid(), number)
    assert end.value.code == code


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_while_driving_the_first_signal_sets_the_exit_code_and_the_step_is_finished(stop, number, code):
    stop.finish_step = True
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), signal.SIGTERM)  # from a supervisor, right after Ctrl-C in the terminal
    assert (stop.number, stop.exit_code) == (number, code)


def test_without_a_signal_the_exit_code_is_0(stop):
    assert (stop.number, stop.exit_code) == (None, 0)
