"""The tuning of decision for a model car: the parameters of the full-size car, scaled by their units."""

from msgspec import structs

from lkas.decision.parameters import DecisionParameters
from lkas.parameters import declared
from lkas.scale import FULL_SIZE, Scale

ALSO_SCALED = (  # beside the controllers' parameters
    "speed_gain_per_s",
    "speed_integral_per_s2",
    "longitudinal_jerk_mps3",
    "hold_offset_m",
    "warning_earliest_m",
    "warning_least_speed_mps",
)
# Unit -> exponents of length and time; accelerations and m/s per acceleration are the same at every size.
DIMENSIONS = {
    "m": (1, 0),
    "m/s": (1, -1),
    "m/s³": (1, -3),
    "s": (0, 1),
    "1/s": (0, -1),
    "1/s²": (0, -2),
    "1/s³": (0, -3),
}


def tuned_for(parameters: DecisionParameters, scale: Scale) -> DecisionParameters:
    """Return the parameters with the lengths, times and speeds of the control laws scaled.

    Speeds and accelerations of the drive itself, such as the set speed, are those of the real car and stay.
    """
    if scale == FULL_SIZE:
        return parameters
    return structs.replace(
        parameters,
        **{
            name: getattr(parameters, name) * scale.length**length * scale.time**time
            for name, (length, time) in SCALED.items()
        },
    )


SCALED = {
    name: DIMENSIONS[declaration.unit]
    for name, declaration in declared("decision", DecisionParameters).items()
    if (declaration.used_by or name in ALSO_SCALED) and declaration.unit in DIMENSIONS
}
