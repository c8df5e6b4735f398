"""`lkas bench ipc` measures every row that is installed; the values themselves are not asserted."""

from types import SimpleNamespace

import msgspec
from typer.testing import CliRunner

from lkas.bench.ipc import plan, roles
from lkas.bench.ipc.targets import TARGETS, TITLES
from lkas.cli.app import app


def test_a_tiny_run_has_every_row_and_metric():
    done = CliRunner().invoke(app, ["bench", "ipc", "--json", "--rounds", "1", "--readers", "2", "--scale", "0.01"])
    assert done.exit_code == 0, done.output
    report = msgspec.json.decode(done.stdout)
    assert set(report) == {"machine", "rounds", "scale", "readers", "took_s", "skipped", "rows", "targets"}
    assert set(report["machine"]) == {"system", "processor", "cpus", "load", "python"}
    assert {*report["rows"], *report["skipped"]} == {row.name for row in plan.ROWS} | {"numpy copyto", "C futex"}
    assert {"stream", "round_trip", "round_trip_asleep"} <= set(report["rows"]["pyzmq ipc"])
    assert {metric for metric in report["rows"]["lkas"] if not metric.endswith("_call")} == set(TITLES)
    for metrics in report["rows"].values():
        for percentiles in metrics.values():
            assert set(percentiles) == {"p50_us", "p99_us"}
            assert 0 < percentiles["p50_us"] <= percentiles["p99_us"]
    assert [(target["metric"], target["against"]) for target in report["targets"]] == [
        (target.metric, target.against) for target in TARGETS
    ]


def test_a_delayed_reader_receives_the_newest_at_the_end():
    stamps = [5]
    receiver = SimpleNamespace(poll=lambda: stamps.pop() if stamps else None, close=lambda: None)
    test = plan.Test(metric="many_small", kind="small", count=5, sleeps=True, readers=2)
    board_of_an_ended_test = [0, 1, 5]
    row, connection = SimpleNamespace(receiver=lambda *_: receiver), SimpleNamespace(send=lambda word: None)
    assert len(roles._read(row, "topic", test, None, board_of_an_ended_test, connection)) == 1


def test_the_tables_name_the_machine(monkeypatch):
    percentiles = [("lkas", "small", 1.0, 2.0), ("lkas", "small_call", 0.5, 0.6), ("iceoryx2", "small", 5.0, 6.0)]
    monkeypatch.setattr("lkas.bench.ipc.duel.run", lambda *_: iter([(0.5, percentiles[:2]), (1.0, percentiles[2:])]))
    done = CliRunner().invoke(app, ["bench", "ipc", "--quick"])
    assert done.exit_code == 0, done.output
    assert "64 bytes, polled" in done.stdout
    words = " ".join(done.stdout.split())
    assert "64 bytes, polled iceoryx2 0.20 0.25 met" in words
    assert "1.44 MB copied in and out, polled numpy copyto - 2.30 not measured" in words
    assert "Python 3." in words
