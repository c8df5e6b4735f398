"""Reads attributes of elements; what cannot be read is noted and replaced."""

from collections.abc import Sequence
from xml.etree.ElementTree import Element

from simulation.opendrive.lanes import Cubic, cubic_value
from simulation.opendrive.notices import Place

MAX_NUMBER = 1e9  # a larger one is an error of the file
SAME_STATION_M = 1e-9
LATE_M = 0.01


def number(element: Element, name: str, place: Place, default: float | None = None) -> float | None:
    """A finite number; the default where it is missing or cannot be read, which is noted unless it is missing."""
    text = element.get(name)
    if text is None:
        return default
    value = _parsed(text)
    if value is not None:
        return value
    value = _parsed(text.replace(",", "."))
    if value is not None:
        place.repaired(f"{name}={_short(text)} has a decimal comma; read as {value:g}")
        return value
    if default is None:
        return None
    place.repaired(f"{name}={_short(text)} is not a finite number; {default:g} is used")
    return default


def integer(element: Element, name: str) -> int | None:
    """An integer; None where it is missing or cannot be read."""
    text = element.get(name, "").strip()
    return int(text) if len(text) < 10 and text.lstrip("+-").isdecimal() else None


def described(element: Element, name: str) -> str:
    """The attribute as errors name it."""
    text = element.get(name)
    return f"attribute {name} is missing" if text is None else f"{name}={_short(text)}"


def cubics(elements: Sequence[Element], start: str, place: Place) -> tuple[Cubic, ...]:
    """Cubic records in ascending order of their start; a record without a readable start or value is skipped."""
    found = [record for element in elements if (record := _cubic(element, start, place)) is not None]
    ordered = sorted(found, key=lambda record: record.s_m)
    if ordered != found:
        place.repaired("its records are out of order; sorted")
    kept = [
        record
        for index, record in enumerate(ordered)
        if index + 1 == len(ordered) or ordered[index + 1].s_m - record.s_m > SAME_STATION_M
    ]
    if len(kept) < len(ordered):
        place.repaired(f"{len(ordered) - len(kept)} records share the {start} of another; the last one is used")
    return tuple(kept)


def from_the_start(records: tuple[Cubic, ...], place: Place) -> tuple[Cubic, ...]:
    """The records, with the first value held from 0 on where the first record begins late."""
    if not records or records[0].s_m <= LATE_M:
        return records
    place.repaired(f"it begins at {records[0].s_m:g} m; its first value is used from 0 m on")
    return (Cubic(0.0, records[0].a), *records)


def plausible(records: tuple[Cubic, ...], end_m: float, limit: float, place: Place) -> tuple[Cubic, ...]:
    """The records whose values stay within a limit, at both ends and in the middle of the part where they are valid."""
    kept: list[Cubic] = []
    ends_m = [*(record.s_m for record in records[1:]), end_m]
    for record, stop_m in zip(records, ends_m, strict=False):
        length_m = max(0.0, stop_m - record.s_m)
        values = (abs(cubic_value((record,), record.s_m + share * length_m)[0]) for share in (0.0, 0.5, 1.0))
        if max(values) <= limit:
            kept.append(record)
        else:
            place.skipped(f"the record at {record.s_m:g} m leads beyond {limit:g}; it is not used")
    return tuple(kept)


def _cubic(element: Element, start: str, place: Place) -> Cubic | None:
    attributes = element.attrib
    try:
        record = Cubic(float(attributes[start]), *[float(attributes[name]) for name in "abcd"])
    except (KeyError, ValueError):
        record = None
    if record is not None and all(
        abs(value) <= MAX_NUMBER for value in (record.s_m, record.a, record.b, record.c, record.d)
    ):
        return record
    values: list[float] = []
    for name in (start, *"abcd"):
        value = number(element, name, place, 0.0 if name not in attributes and name != start else None)
        if value is None:
            place.skipped(f"{described(element, name)}: expected a finite number; this record is not used")
            return None
        if name not in attributes:
            place.repaired(f"attribute {name} is missing; 0 is used")
        values.append(value)
    return Cubic(*values)


def _parsed(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if abs(value) <= MAX_NUMBER else None


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
