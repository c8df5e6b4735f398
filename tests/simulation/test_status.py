"""Status line, table and JSON file of the program."""

import io
import json

import msgspec
import pytest
from rich.console import Console

from simulation.score import DriveCard
from simulation.status import StatusLine, print_table, statistics, status_text, write_json
from tests.simulation.fakes import Bench, control


class Terminal(io.StringIO):
    def isatty(self):
        return True


def drive(seconds=1.0):
    bench = Bench()
    bench.runner.step()
    bench.controls.write(control())
    bench.run(seconds)
    return bench


def test_the_status_line_has_time_speed_frame_rate_mode_and_offset_positive_right():
    bench = drive()
    bench.runner.tick = msgspec.structs.replace(
        bench.runner.tick, truth=msgspec.structs.replace(bench.runner.tick.truth, offset_m=0.12)
    )
    text = status_text(bench.runner, 33.3)
    assert text.split() == ["1.0", "s", "20.0", "m/s", "33.3", "fps", "lane_keeping", "offset", "-0.12", "m"]


def test_without_control_the_status_line_says_so():
    bench = Bench()
    bench.runner.step()
    assert "waiting for control" in status_text(bench.runner, 0.0)


@pytest.mark.parametrize(("stream", "lines"), [(Terminal(), 100), (io.StringIO(), 2)])
def test_a_terminal_gets_a_live_line_and_other_streams_a_line_every_ten_seconds(stream, lines):
    bench = drive()
    line = StatusLine(stream, bench.clock)
    for _ in range(400):
        bench.clock.advance(0.05)
        line.update(bench.runner)
    line.close()
    assert stream.getvalue().count("fps") == lines
    assert stream.getvalue().count("\n") == (0 if stream.isatty() else lines)


def test_the_json_file_is_written_atomically(tmp_path):
    path = tmp_path / "drive.json"
    path.write_text("old")
    metrics = statistics(drive(2.0).runner, lost_s=0.25)
    write_json(path, metrics)
    read = json.loads(path.read_text())
    assert set(DriveCard.__struct_fields__) < set(read)
    assert (read["world"], read["lost_s"], read["dropped_frames"]) == ("fake", 0.25, 0)
    assert read["distance_m"] == pytest.approx(40.0, abs=1.0)
    assert read["render_ms"].keys() == {"p50", "p99"}
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_json_file_leaves_no_temporary_file(tmp_path):
    (tmp_path / "drive.json").mkdir()
    with pytest.raises(OSError, match=r"drive\.json"):
        write_json(tmp_path / "drive.json", {})
    assert [path.name for path in tmp_path.iterdir()] == ["drive.json"]


def test_the_table_has_every_metric_with_its_unit_or_unknown():
    console = Console(file=io.StringIO(), width=100)
    print_table(statistics(Bench().runner, lost_s=0.0), console)
    text = console.file.getvalue()
    assert "mean speed" in text
    assert "m/s" in text
    assert "unknown" in text
    assert "None" not in text
