"""Small road files for the tests, written to a temporary folder."""

from pathlib import Path

SOLID = '<roadMark sOffset="0" type="solid" color="white" width="0.12"/>'
BROKEN = '<roadMark sOffset="0" type="broken" color="white" width="0.12"/>'
LINE = '<geometry s="0" x="0" y="0" hdg="0" length="100"><line/></geometry>'


def lane(lane_id: int, width: str = 'a="3.5" b="0" c="0" d="0"', mark: str = SOLID, link: int | None = None) -> str:
    ends = "" if link is None else f'<predecessor id="{link}"/><successor id="{link}"/>'
    return f'<lane id="{lane_id}" type="driving"><link>{ends}</link><width sOffset="0" {width}/>{mark}</lane>'


def lanes(left: str = "", right: str | None = None, centre_mark: str = BROKEN, offset: str = "") -> str:
    right = lane(-1) if right is None else right
    centre = f'<lane id="0" type="none">{centre_mark}</lane>'
    sides = f"<left>{left}</left><center>{centre}</center><right>{right}</right>"
    return f'<lanes>{offset}<laneSection s="0">{sides}</laneSection></lanes>'


def road(
    road_id: str = "1",
    geometry: str = LINE,
    length: float = 100.0,
    links: str = "",
    lanes_xml: str | None = None,
    junction: str = "-1",
) -> str:
    body = f"<link>{links}</link><planView>{geometry}</planView>{lanes() if lanes_xml is None else lanes_xml}"
    return f'<road id="{road_id}" length="{length}" junction="{junction}">{body}</road>'


def profile(slope: float) -> str:
    return f'<elevationProfile><elevation s="0" a="0" b="{slope}" c="0" d="0"/></elevationProfile>'


def write(folder: Path, *elements: str, name: str = "road.xodr") -> Path:
    path = folder / name
    path.write_text(f"<OpenDRIVE><header/>{''.join(elements)}</OpenDRIVE>", encoding="utf-8")
    return path
