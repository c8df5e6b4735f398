"""Light, weather, wear and traffic: named conditions as plain data.

What they do to the picture is done by the stages of `simulation.embedded.renderer`; a condition only says how much.
Everything random in it comes from the world's seed: the same name and seed give the same pixels.
"""

from typing import Literal

from msgspec import Struct

ConditionName = Literal["clear", "worn", "night", "rain", "fog", "glare", "shadows", "traffic", "mixed"]
Rgb = tuple[float, float, float]


class Condition(Struct, frozen=True, kw_only=True):
    """How much of what. Ratios are 0 (nothing) to 1."""

    description: str
    # Road
    wear: float = 0.0  # share of the paint that has flaked off
    missing: float = 0.0  # share of the painted stretches of 6 m that are not there at all
    stains: float = 0.0  # tar seams and skid marks, against a road full of them
    # Light
    ambient: float = 1.0  # daylight
    lamps: float = 0.0  # own headlights
    sun: float = 0.0  # how much a low sun ahead dazzles
    shadow: float = 0.0  # how dark trees' shadows on the road are
    # Weather
    overcast: float = 0.0  # share of the sky that is a grey blanket
    haze_m: float = 420.0  # distance at which 63 % is haze
    haze: Rgb = (136.0, 158.0, 142.0)
    wet: float = 0.0  # how much the road mirrors
    rain: float = 0.0  # streaks in the air and drops on the glass, against a downpour
    # Camera
    noise: int = 7  # of the sensor: uniform, peak to peak, grey values
    blur_px: float = 0.0  # deviation of the lens's blur
    dirt: float = 0.0  # on the glass
    exposure: float = 0.0  # how far exposure drifts, as a share, up and down
    # Others
    traffic: bool = False


GREY: Rgb = (172.0, 178.0, 182.0)

CONDITIONS: dict[str, Condition] = {
    "clear": Condition(description="a clear day, fresh paint, an empty road"),
    "worn": Condition(
        description="old asphalt: paint worn and in places gone, tar seams, skid marks",
        wear=0.45,
        missing=0.08,
        stains=0.8,
        exposure=0.05,
    ),
    "night": Condition(
        description="no light but the own headlights",
        ambient=0.06,
        lamps=2.4,
        overcast=0.4,
        haze_m=500.0,
        haze=(13.0, 15.0, 21.0),
        noise=22,
        exposure=0.04,
    ),
    "rain": Condition(
        description="a wet road that mirrors the sky, rain in the air, drops on the glass",
        ambient=0.72,
        overcast=0.95,
        haze_m=170.0,
        haze=(150.0, 156.0, 160.0),
        wet=0.8,
        rain=0.7,
        noise=10,
        blur_px=0.5,
        exposure=0.05,
    ),
    "fog": Condition(
        description="fog: contrast falls to a third within 36 m",
        ambient=0.85,
        overcast=1.0,
        haze_m=36.0,
        haze=GREY,
        wet=0.2,
        noise=8,
    ),
    "glare": Condition(
        description="a low sun near the road's end, and a glass that was not cleaned",
        sun=0.9,
        dirt=0.5,
        haze_m=300.0,
        haze=(196.0, 184.0, 160.0),
        exposure=0.08,
    ),
    "shadows": Condition(description="sunshine through trees: dark patches over road and lines", shadow=0.62),
    "traffic": Condition(description="a clear day with vehicles ahead, beside and oncoming", traffic=True, stains=0.2),
    "mixed": Condition(
        description="a drizzly afternoon with everything a little: worn, wet, hazy, shaded, dirty, busy",
        wear=0.25,
        missing=0.03,
        stains=0.5,
        ambient=0.82,
        shadow=0.3,
        overcast=0.6,
        haze_m=150.0,
        haze=(158.0, 166.0, 166.0),
        wet=0.4,
        rain=0.25,
        noise=12,
        blur_px=0.4,
        dirt=0.3,
        exposure=0.1,
        traffic=True,
    ),
}
