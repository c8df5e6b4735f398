import numpy as np
import pytest

from simulation.opendrive import xml_reader
from simulation.opendrive.errors import OpenDriveError
from simulation.opendrive.parser import read_map
from simulation.world import WorldError
from tests.simulation.opendrive import roads


def error_text(path) -> str:
    with pytest.raises(OpenDriveError) as caught:
        read_map(path)
    assert isinstance(caught.value, WorldError)
    text = str(caught.value)
    assert str(path) in text
    return text


def test_a_missing_file_is_one_sentence(tmp_path):
    assert error_text(tmp_path / "nowhere.xodr").endswith("no such road file")


def test_a_folder_is_no_road_file(tmp_path):
    assert "cannot read" in error_text(tmp_path)


@pytest.mark.parametrize("text", ["", "no xml", "<OpenDRIVE>", "<a/><b/>"])
def test_broken_xml_is_refused(tmp_path, text):
    path = tmp_path / "broken.xodr"
    path.write_text(text)
    assert "not a road file" in error_text(path)


def test_another_root_element_is_refused(tmp_path):
    path = tmp_path / "other.xodr"
    path.write_text("<svg/>")
    assert "<svg>: expected the root element OpenDRIVE" in error_text(path)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE OpenDRIVE [<!ENTITY secret SYSTEM "file:///etc/passwd">]><OpenDRIVE>&secret;</OpenDRIVE>',
        '<!DOCTYPE OpenDRIVE [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;">]><OpenDRIVE>&b;</OpenDRIVE>',
        '<!DOCTYPE OpenDRIVE SYSTEM "http://localhost/x.dtd"><OpenDRIVE/>',
    ],
)
def test_a_doctype_is_refused_before_its_entities_are_read(tmp_path, doctype):
    path = tmp_path / "hostile.xodr"
    path.write_text(doctype)
    assert "DOCTYPE" in error_text(path)


def test_a_file_beyond_the_size_bound_is_not_read(tmp_path, monkeypatch):
    path = roads.write(tmp_path, roads.road())
    monkeypatch.setattr(xml_reader, "MAX_BYTES", 100)
    assert "at most 100" in error_text(path)


def test_a_map_without_roads_is_refused(tmp_path):
    assert "it contains no road" in error_text(roads.write(tmp_path))


def geometry(shape: str, attributes: str = 's="0" x="0" y="0" hdg="0" length="100"') -> str:
    return f"<geometry {attributes}>{shape}</geometry>"


@pytest.mark.parametrize(
    ("plan", "said"),
    [
        (geometry("<line/>", 's="0" x="0" y="0" hdg="0" length="-3"'), ("road 1 geometry 0", "length=-3")),
        (geometry("<line/>", 's="0" x="0" y="0" hdg="0" length="1e8"'), ("geometry 0", "length=1e+08")),
        (geometry("<line/>", 's="0" x="0" hdg="0" length="100"'), ("geometry 0", "attribute y is missing")),
        ("", ("road 1", "it has no planView with a geometry")),
    ],
)
def test_a_map_without_a_usable_road_is_refused_with_the_first_reason(tmp_path, plan, said):
    text = error_text(roads.write(tmp_path, roads.road(geometry=plan)))
    for words in ("it contains no road that can be used", *said):
        assert words in text


@pytest.mark.parametrize("lanes", ["", "<lanes/>"])
def test_a_map_without_lanes_is_refused(tmp_path, lanes):
    path = roads.write(tmp_path, roads.road().replace(roads.lanes(), lanes))
    assert "road 1: it has no lanes with a laneSection that can be used" in error_text(path)


def test_marks_and_widths_are_read(tmp_path):
    dashes = (
        '<type name="broken" width="0.2"><line length="6" space="12" tOffset="0.1" sOffset="2" width="0.2"/></type>'
    )
    centre = f'<roadMark sOffset="0" type="broken" color="yellow" width="0.2">{dashes}</roadMark>'
    right = roads.lane(-1, mark='<roadMark sOffset="0" type="solid solid" weight="bold" color="white"/>')
    road_map = read_map(roads.write(tmp_path, roads.road(lanes_xml=roads.lanes(right=right, centre_mark=centre))))
    section = road_map.roads["1"].sections[0]
    (mark,) = section.lanes[0].marks
    (stroke,) = mark.strokes
    assert mark.is_yellow
    assert (stroke.t_m, stroke.width_m, stroke.dash_m, stroke.gap_m, stroke.phase_m) == (0.1, 0.2, 6, 12, 2)
    (double,) = section.lanes[-1].marks
    assert [stroke.width_m for stroke in double.strokes] == [0.25, 0.25]
    assert not double.is_yellow


def test_unsupported_elements_are_counted(tmp_path):
    elements = "<objects><object/><object/></objects><signals><signal/></signals></road>"
    marks = '<roadMark type="edge"/><roadMark sOffset="9" type="custom"/>'
    road = roads.road(lanes_xml=roads.lanes(right=roads.lane(-1, mark=marks))).replace("</road>", elements)
    assert read_map(roads.write(tmp_path, road)).unsupported == (
        "2 objects (posts, rails, buildings)",
        "1 signals (signs, lights)",
        "1 road marks of type edge",
        "1 road marks of type custom without lines",
    )


def test_a_custom_mark_is_painted_as_its_lines_say(tmp_path):
    line = '<line length="1" space="2" tOffset="0.1" sOffset="0" width="0.2"/>'
    mark = f'<roadMark sOffset="0" type="custom"><type name="zebra" width="0.2">{line}</type></roadMark>'
    road = roads.road(lanes_xml=roads.lanes(right=roads.lane(-1, mark=mark)))
    read = read_map(roads.write(tmp_path, road))
    (stroke,) = read.roads["1"].sections[0].lanes[-1].marks[0].strokes
    assert (stroke.t_m, stroke.width_m, stroke.dash_m, stroke.gap_m) == (0.1, 0.2, 1, 2)
    assert read.unsupported == ()


def test_a_lane_may_be_given_by_its_border(tmp_path):
    def bordered(lane_id, a, b):
        return (
            f'<lane id="{lane_id}" type="driving"><border sOffset="0" a="{a}" b="{b}" c="0" d="0"/>{roads.SOLID}</lane>'
        )

    lanes = roads.lanes(right=bordered(-1, -3.5, -0.01) + roads.lane(-2))
    section = read_map(roads.write(tmp_path, roads.road(lanes_xml=lanes))).roads["1"].sections[0]
    s_m = np.array([0.0, 50.0])
    t_m, slope = section.border_m(-1, (), s_m)
    assert (t_m.tolist(), slope.tolist()) == ([-3.5, -4.0], [-0.01, -0.01])
    assert section.border_m(-2, (), s_m)[0].tolist() == [-7.0, -7.5]
    assert section.width_m(-2, (), s_m).tolist() == [3.5, 3.5]


A, B = 0.004, -2e-5  # v = A u² + B u³ from (10, -20) on, turned by 30 degrees


def on_the_cubic(u):
    cos, sin, v = np.cos(np.pi / 6), np.sin(np.pi / 6), A * u**2 + B * u**3
    return np.column_stack([10 + cos * u - sin * v, -20 + sin * u + cos * v])


def length_to(u_m):
    u = (np.arange(200_000) + 0.5) / 200_000 * u_m
    return float(np.hypot(1, 2 * A * u + 3 * B * u**2).mean() * u_m)


NORMALIZED = f'aU="0" bU="60" cU="0" dU="0" aV="0" bV="0" cV="{A * 3600}" dV="{B * 216e3}"'


@pytest.mark.parametrize(
    "shape",
    [
        f'<poly3 a="0" b="0" c="{A}" d="{B}"/>',
        f'<paramPoly3 pRange="normalized" {NORMALIZED}/>',
        f"<paramPoly3 {NORMALIZED}/>",
    ],
)
def test_a_cubic_in_a_file_lies_on_its_formula(tmp_path, shape):
    length_m = length_to(60.0)
    plan = geometry(shape, f's="0" x="10" y="-20" hdg="{np.pi / 6}" length="{length_m}"')
    curve = read_map(roads.write(tmp_path, roads.road(geometry=plan, length=length_m))).roads["1"].curve
    u = np.array([0.0, 7.3, 25.0, 41.9, 60.0])
    x, y, heading, curvature = curve.poses(np.array([0.0, *(length_to(end) for end in u[1:])]))
    assert np.column_stack([x, y]) == pytest.approx(on_the_cubic(u), abs=1e-3)
    slope, bend = 2 * A * u + 3 * B * u**2, 2 * A + 6 * B * u
    assert heading == pytest.approx(np.pi / 6 + np.arctan(slope), abs=2e-5)
    assert curvature == pytest.approx(bend / (1 + slope**2) ** 1.5, abs=1e-5)


def test_a_cubic_by_arc_length_takes_its_parameter_in_metres(tmp_path):
    # A line whose parameter is metres: u = p cos 0.2, v = p sin 0.2.
    u, v = np.cos(0.2), np.sin(0.2)
    shape = f'<paramPoly3 pRange="arcLength" aU="0" bU="{u}" cU="0" dU="0" aV="0" bV="{v}" cV="0" dV="0"/>'
    curve = read_map(roads.write(tmp_path, roads.road(geometry=geometry(shape)))).roads["1"].curve
    assert curve.pose(70.0) == pytest.approx((70 * u, 70 * v, 0.2, 0.0), abs=1e-9)
