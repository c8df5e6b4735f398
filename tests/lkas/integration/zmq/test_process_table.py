import pytest

from lkas.health import Percentiles
from lkas.integration.zmq.messages import ProcessEntry, ProcessesReport, StatusReport
from lkas.integration.zmq.process_table import MAX_PROCESSES, ProcessTable


@pytest.fixture
def table(clock):
    return ProcessTable(clock)


def status(process="detection", pid=1, **more):
    return StatusReport(process=process, pid=pid, state="running", rate_hz=30.0, age_ms=5.0, **more)


def listing(state="running", pid=1, name="detection"):
    return ProcessesReport(processes=(ProcessEntry(name=name, pid=pid, state=state, restarts=2),))


def only(table):
    (process,) = table.health({}).processes
    return process


def test_a_recent_status_of_the_process_takes_precedence(table):
    table.take_list(listing())
    table.take_status(status())
    process = only(table)
    assert (process.state, process.rate_hz, process.age_ms, process.restarts, process.pid) == ("running", 30, 5, 2, 1)


def test_after_2_s_it_is_silent_and_its_rates_are_unknown(table, clock):
    table.take_status(status(latency_ms={"detection": Percentiles(1, 2)}))
    clock.advance(2.1)
    table.take_list(listing())
    process = only(table)
    assert (process.state, process.rate_hz, process.age_ms) == ("silent", None, None)
    assert table.health({}).latency_ms == {}


def test_the_state_of_a_stopped_process_comes_from_the_supervisor(table, clock):
    table.take_status(status())
    clock.advance(2.1)
    table.take_list(listing(state="restarting", pid=None))
    assert only(table).state == "restarting"


def test_the_status_of_a_replaced_process_is_ignored(table):
    table.take_status(status(pid=1))
    table.take_list(listing(state="starting", pid=2))
    process = only(table)
    assert (process.state, process.pid, process.rate_hz) == ("starting", 2, None)


def test_without_supervisor_and_status_a_process_is_forgotten(table, clock):
    table.take_status(status())
    clock.advance(29)
    assert only(table).state == "silent"
    clock.advance(2)
    assert table.health({}).processes == []


def test_the_table_is_bounded(table):
    for number in range(100):
        table.take_status(status(process=f"p{number}"))
    names = {process.name for process in table.health({}).processes}
    assert len(names) == MAX_PROCESSES
    assert "p99" in names
