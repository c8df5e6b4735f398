"""Named conditions of light, weather, wear and traffic, as plain data.

The stages of `simulation.embedded.renderer` implement the effects; a condition gives their strengths. All randomness
comes from the seed: the same name and seed give the same pixels.
"""

from typing import Literal

from msgspec import Struct

ConditionName = Literal["clear", "worn", "night", "rain", "fog", "glare", "shadows", "traffic", "mixed"]
Rgb = tuple[float, float, float]


class Condition(Struct, frozen=True, kw_only=True):
    """Strengths of all effects. Ratios are in [0, 1]; 0 is off."""

    description: str
    # Road
    wear: float = 0.0  # share of the paint that has flaked off
    missing: float = 0.0  # share of the painted stretches of 6 m that are missing
    stains: float = 0.0  # amount of tar seams and skid marks
    # Light
    ambient: float = 1.0  # daylight
    lamps: float = 0.0  # brightness of the ego headlights
    sun: float = 0.0  # glare of a low sun ahead
    shadow: float = 0.0  # darkness of tree shadows on the road
    # Weather
    overcast: float = 0.0  # share of grey cloud cover
    haze_m: float = 420.0  # distance at which 63 % is haze
    haze: Rgb = (136.0, 158.0, 142.0)
    wet: float = 0.0  # reflectivity of the wet road
    rain: float = 0.0  # streaks in the air and drops on the glass, relative to a downpour
    # Camera
    noise: int = 7  # of the sensor: uniform, peak to peak, in grey values
    blur_px: float = 0.0  # standard deviation of the lens blur
    dirt: float = 0.0  # on the glass
    exposure: float = 0.0  # relative amplitude of the exposure drift
    # Other vehicles
    traffic: bool = False


GREY: Rgb = (172.0, 178.0, 182.0)

CONDITIONS: dict[str, Condition] = {
    "clear": Condition(description="a clear day, fresh paint, an empty road"),
    "worn": Condition(
        description="old asphalt: paint worn and partly missing, tar seams, skid marks",
        wear=0.45,
        missing=0.08,
        stains=0.8,
        exposure=0.05,
    ),
    "night": Condition(
        description="night with the ego headlights as the only light",
        ambient=0.06,
        lamps=2.4,
        overcast=0.4,
        haze_m=500.0,
        haze=(13.0, 15.0, 21.0),
        noise=22,
        exposure=0.04,
    ),
    "rain": Condition(
        description="a wet road that reflects the sky, rain in the air, drops on the glass",
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
        description="a low sun near the road's direction, and a dirty glass",
        sun=0.9,
        dirt=0.5,
        haze_m=300.0,
        haze=(196.0, 184.0, 160.0),
        exposure=0.08,
    ),
    "shadows": Condition(description="sunshine through trees: dark patches over road and lines", shadow=0.62),
    "traffic": Condition(description="a clear day with vehicles ahead, beside and oncoming", traffic=True, stains=0.2),
    "mixed": Condition(
        description="a drizzly afternoon with a little of every effect: worn, wet, hazy, shaded, dirty, with traffic",
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
