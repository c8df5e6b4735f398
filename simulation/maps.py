"""The command `simulation maps`: describes road files as text, as JSON or as an image."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lkas.runtime.exit_codes import EXIT_USAGE
from lkas.runtime.threads import use_one_thread
from simulation.world import WorldError

if TYPE_CHECKING:
    from simulation.opendrive.survey import RouteSummary, Survey

ROADS_SHOWN, ROUTES_SHOWN, IDS_SHOWN, NOTICES_SHOWN = 12, 8, 10, 30


def maps(
    files: Annotated[list[Path], typer.Argument(metavar="FILE.xodr...", help="Road files (OpenDRIVE).")],
    picture: Annotated[
        Path | None, typer.Option(metavar="OUT.png", help="Draw the map of one FILE there.", show_default=False)
    ] = None,
    route: Annotated[
        str | None,
        typer.Option(
            metavar="IDS", help="Route to draw: road ids such as 12,7,3; default; or turns (random, by the seed)."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of --route turns.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: a list, one object for each file.")] = False,
) -> None:
    """List roads, lanes, road marks, drivable routes, and what is not supported or was repaired in road files.

    \b
    Examples:
    simulation maps town.xodr                       as text
    simulation maps town.xodr --picture town.png    as an image, with the route the car would take
    simulation maps *.xodr --json                   as JSON

    Exit codes: 0 success, 2 usage, or a file that cannot be read or driven.
    """
    if picture is not None and len(files) != 1:
        _print_error("--picture takes one FILE")
        raise typer.Exit(EXIT_USAGE)
    use_one_thread()
    from simulation.opendrive.parser import read_map
    from simulation.opendrive.survey import survey

    surveys: list[Survey] = []
    failed = False
    for file in files:
        try:
            road_map = read_map(file)
            surveys.append(survey(road_map, None if as_json else ROUTES_SHOWN))
            if picture is not None:
                from simulation.opendrive.map_image import write_map_image
                from simulation.opendrive.route_choice import chosen_route

                write_map_image(picture, road_map, chosen_route(road_map, route, seed))
        except WorldError as error:
            _print_error(str(error))
            failed = True
    if as_json:
        import msgspec

        typer.echo(msgspec.json.format(msgspec.json.encode(surveys), indent=2).decode())
    else:
        typer.echo("\n\n".join(_text(found) for found in surveys))
    if failed:
        raise typer.Exit(EXIT_USAGE)


def _text(found: "Survey") -> str:
    inside = sum(road.junction is not None for road in found.roads)
    low_m, high_m = found.height_m
    lines = [
        f"{found.file}",
        f"  roads    {len(found.roads)}, {_km(found.length_m)}; {inside} of them in {found.junctions} junctions; "
        f"{found.size_m[0]:.0f} x {found.size_m[1]:.0f} m",
        f"  lanes    {_lengths(found.lanes_m)}",
        f"  marks    {_lengths(found.marks_m)}",
        f"  height   {low_m:.1f} to {high_m:.1f} m, slope up to {found.slope_ratio:.1%}, "
        f"bank up to {found.bank_deg:.1f} deg",
    ]
    if found.lane_width_m is not None:
        narrow_m, wide_m = found.lane_width_m
        lines.insert(3, f"  width    {narrow_m:.2f} to {wide_m:.2f} m (lanes to drive on)")
    if len(found.roads) <= ROADS_SHOWN:
        width = max(3, *(len(road.id) for road in found.roads))
        lines += [
            f"  road {road.id:<{width}} {road.length_m:.0f} m, "
            f"{road.sections} lane section{'s' * (road.sections > 1)}, {road.traffic}: {' '.join(road.lanes)}"
            for road in found.roads
        ]
    else:
        lines.append("  (--json lists every road)")
    lines.append("  routes   the first is the default")
    lines += [f"    {_route(route)}" for route in found.routes]
    if found.route_count > len(found.routes):
        lines.append(f"    and {found.route_count - len(found.routes)} more (--json lists them)")
    skipped = [str(notice) for notice in found.notices if notice.action == "skipped"]
    lines += _list("not supported", [*found.not_supported, *skipped])
    repaired = [str(notice) for notice in found.notices if notice.action == "repaired"]
    lines += _list("repaired", repaired) if repaired else []
    return "\n".join(lines)


def _list(title: str, things: list[str]) -> list[str]:
    lines = [f"  {title}" + ("" if things else ": nothing"), *(f"    {thing}" for thing in things[:NOTICES_SHOWN])]
    further = len(things) - NOTICES_SHOWN
    return lines if further <= 0 else [*lines, f"    and {further} more (--json lists them)"]


def _route(route: "RouteSummary") -> str:
    ids = ",".join(route.roads[:IDS_SHOWN]) + (",..." if len(route.roads) > IDS_SHOWN else "")
    radius = "straight" if route.tightest_radius_m is None else f"R {route.tightest_radius_m:.0f} m"
    kind = "closed" if route.is_closed else "open"
    return f"{kind:<7}{route.length_m:>7.0f} m  tightest {radius:<9} lane {route.lane:+d}" + (
        f" over {ids}" if ids else " within a junction"
    )


def _lengths(lengths_m: dict[str, float]) -> str:
    return ", ".join(f"{kind} {_km(length_m)}" for kind, length_m in lengths_m.items()) or "none"


def _km(length_m: float) -> str:
    return f"{length_m / 1000:.1f} km" if length_m >= 1000 else f"{length_m:.0f} m"


def _print_error(text: str) -> None:
    typer.echo(f"simulation: {text}", err=True)
