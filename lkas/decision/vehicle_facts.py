"""Facts that a world reports about its car, in place of the configured values."""

from msgspec import structs

from lkas.decision.parameters import DecisionParameters
from lkas.integration.shared_memory.messages import VehicleFacts
from lkas.parameters import ParameterError, changed
from lkas.vehicle import VehicleConfig


def with_facts(
    vehicle: VehicleConfig, parameters: DecisionParameters, facts: VehicleFacts
) -> tuple[VehicleConfig, DecisionParameters, list[str]]:
    """Return both sections with the known facts, and one sentence for each fact that is out of its range.

    A wheelbase without a centre of gravity keeps the configured share of the wheelbase behind it.
    """
    refused = []
    known = {name: value for name, value in structs.asdict(facts).items() if value is not None}
    if "wheelbase_m" in known and "cg_to_rear_axle_m" not in known:
        known["cg_to_rear_axle_m"] = known["wheelbase_m"] * vehicle.cg_to_rear_axle_m / vehicle.wheelbase_m
    for name, value in known.items():
        try:
            if name in VehicleConfig.__struct_fields__:
                vehicle = changed("vehicle", vehicle, name, value)
            else:
                parameters = changed("decision", parameters, name, value)
        except ParameterError as error:
            refused.append(f"the world says {error}; the configured value stays")
    return vehicle, parameters, refused
