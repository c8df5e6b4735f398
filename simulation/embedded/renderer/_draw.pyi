"""The drawing kernel; `_draw.h` documents each function. Arrays are C-contiguous unless stated otherwise."""

from typing import Any

LAYERS: int
APPEARANCE_FIELDS: str  # names of the appearance's fields in order, separated by spaces

_Array = Any  # anything with the buffer protocol
_Texture = tuple[_Array, int, int, int, int]  # texels, side, bytes per texel, levels, shift

def plane(depth: _Array, camera: _Array, z_m: float, far_m: float, /) -> None: ...
def depth(depth: _Array, camera: _Array, quads: _Array, near_m: float, bias: float, /) -> None: ...
def coverage(
    depth: _Array,
    camera: _Array,
    quads: _Array,
    near_m: float,
    far_m: float,
    sums: _Array,
    coverage: _Array,
    spans: _Array,
    /,
) -> None: ...
def ground(
    image: _Array,
    depth: _Array,
    camera: _Array,
    coverage: _Array,
    spans: _Array,
    textures: tuple[_Texture, _Texture, _Texture, _Texture, _Texture],
    beam: _Array,
    appearance: _Array,
    /,
) -> None: ...
def panorama(
    image: _Array, depth: _Array, camera: _Array, panorama: _Array, px_per_rad: float, lowest: float, /
) -> None: ...
def billboards(
    image: _Array,
    depth: _Array,
    camera: _Array,
    sprites: tuple[_Array, _Array],
    sizes: int,
    billboards: _Array,
    atmosphere: _Array,
    /,
) -> None: ...
def vehicle(
    image: _Array,
    depth: _Array,
    camera: _Array,
    model: tuple[_Array, _Array, _Array],
    vehicle: _Array,
    sums: _Array,
    spans: _Array,
    /,
) -> None: ...
def drops(image: _Array, at: _Array, source: _Array, /) -> None: ...
def polygons(
    image: _Array,
    depth: _Array,
    corners: _Array,
    counts: _Array,
    colours: _Array,
    sums: _Array,
    spans: _Array,
    /,
) -> None: ...
def expose(
    image: _Array, blur: int, mask: _Array | None, gain: int, veil: _Array | None, noise: _Array, offset: int, /
) -> None: ...
