"""The report: one self-contained file."""

import re
from html.parser import HTMLParser

import pytest
from msgspec import structs

from simulation.evaluation.plots import cumulative_plot
from simulation.evaluation.report import DEFINITIONS, write_report
from simulation.evaluation.report_tables import COLUMNS
from simulation.evaluation.run_record import Details, Place, Record, Trace
from tests.simulation.evaluation.test_results import run


def record(departures=(), **fields):
    values = [float(n) for n in range(0, 100, 5)]
    trace = Trace(distance_m=values, offset_m=[0.01 * d for d in values], speed_mps=values, x_m=values, y_m=values)
    details = Details(
        end="completed", mean_speed_mps=20.0, r79_lat_accel_max_mps2=1.25, r79_lat_jerk_max_mps3=0.75,
        steering_reversals_per_min=4.0, ttlc_min_s=None, offset_per_curvature_m2=None, modes={"lane_keeping": 5.0},
        departures=[Place(d, d, d) for d in departures], trace=trace,
    )  # fmt: skip
    return Record(inputs="0", metrics=run(departures=len(departures), **fields), details=details)


class Tags(HTMLParser):
    """Checks that tags are closed in order, and collects the attributes."""

    VOID = ("meta", "link", "img", "br")

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes = [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, *attribute) for attribute in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes += [(tag, *attribute) for attribute in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@pytest.fixture
def page(tmp_path):
    def write(records, earlier=None, against=None):
        write_report(tmp_path / "report.html", records, earlier, against)
        return (tmp_path / "report.html").read_text(encoding="utf-8")

    return write


def test_it_is_complete_and_loads_nothing_from_the_network(page):
    text = page([record(), record(scenario="b", departures=(35.0,))])
    attributes = Tags(text).attributes
    assert [a for a in attributes if a[1] in ("src", "href", "action", "srcset")] == []
    assert not re.search(r"https?://|url\(|@import|<script", text)


def test_every_metric_has_its_column_and_every_departure_its_dots(page):
    text = page([record(departures=(35.0, 70.0))])
    assert all(f"<th>{column.title}<" in text for column in COLUMNS)
    assert all(name in text for name, _ in DEFINITIONS)
    assert text.count('class="departed"') == 4  # in the plot and on the map
    assert "2 departures" in text
    assert "1.25" in text


def test_each_method_and_controller_has_a_row_and_a_line(page):
    text = page([record(), record(method="truth"), record(controller="zero", completed_ratio=0.2)])
    assert text.count("class='word'>truth</td>") == 2  # summary and run
    assert text.count("0 of 1") == 1
    assert len(set(re.findall(r'class="line" style="--c: var\(--s(\d)\)"', text))) == 3


def test_the_worst_runs_come_first(page):
    fine, off = record(scenario="fine", offset_rms_m=0.01), record(scenario="off", offset_rms_m=0.2)
    stopped, left = record(scenario="stopped", minimum_risk_stops=1), record(scenario="left", departures=(35.0,))
    short = record(scenario="short", completed_ratio=0.5)
    text = page([fine, off, stopped, left, short])
    assert re.findall(r"<h3>(\w+)</h3>", text) == ["short", "left", "stopped", "off", "fine"]
    table = text[text.index("All runs, worst runs first") :]
    assert re.findall(r"<tr><td class='word'>(\w+)</td>", table) == ["short", "left", "stopped", "off", "fine"]


def test_each_of_several_conditions_has_a_row_with_its_worst_run(page):
    assert "class='word'>all</td>" not in page([record()])
    text = page([record(), record(condition="night", scenario="dark", offset_rms_m=0.2)])
    summary = text[: text.index("Distributions")]
    assert re.findall(r"<td class='word'>(all|clear|night)</td>", summary) == ["all", "clear", "night"]
    assert summary.count("0.200<small>dark</small>") == 2  # of all and of its condition


def test_a_comparison_marks_improvements_and_regressions(page):
    before = [run(offset_rms_m=0.2, availability_ratio=0.999), run(scenario="gone")]
    text = page([record()], before, "old<er")
    assert "Compared with old&lt;er" in text
    assert "<td class='good'><span class='faint'>0.200 →</span> 0.100</td>" in text
    assert "<td class='bad'><span class='faint'>99.9% →</span> 99.0%</td>" in text
    assert "gone" not in text


def test_a_comparison_without_common_runs_says_so(page):
    assert "It contains none of these runs" in page([record()], [run(scenario="other")], "x")


def test_names_are_escaped(page):
    assert "<script" not in page([record(scenario="<script>alert(1)</script>")])


def test_a_run_without_any_distance_is_reported(page):
    empty = Trace(distance_m=[], offset_m=[], speed_mps=[], x_m=[], y_m=[])
    stationary = record(offset_rms_m=None, offset_p95_m=None, offset_max_m=None)
    details = structs.replace(stationary.details, trace=empty)
    assert "No distance was travelled" in page([structs.replace(stationary, details=details)])


def test_a_cumulative_plot_rises_to_its_total_weight():
    text = cumulative_plot("share within … m", [(0, [(0.1, 3.0), (0.4, 1.0)])])
    Tags(text)
    points = [tuple(map(float, point.split(","))) for point in re.search(r'points="([^"]+)"', text)[1].split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    heights = [points[0][1] - y for _, y in points]
    assert heights[2] == pytest.approx(0.75 * heights[-1], abs=0.2)  # three of four metres are within 0.1 m
    assert cumulative_plot("nothing", [(0, [])]) == ""


def test_a_report_shows_a_distribution_for_each_method_and_controller(page):
    text = page([record(), record(controller="zero", offset_max_m=3.0)])
    assert text.count("share of the ") == 8  # four plots, each with its title as label too
    assert "share of the runs with lat. jerk up to … m/s³" in text
