"""Named collections of scenarios."""

import math
from collections.abc import Callable

from msgspec import structs

from simulation.conditions import CONDITIONS
from simulation.evaluation.scenario import Scenario, StartPose
from simulation.evaluation.scenario_events import Blackout, DroppedFrames, FaultEvent
from simulation.evaluation.scenario_file import built_in_scenarios, load_scenario
from simulation.evaluation.scenario_roads import Segment

SMOKE = (
    "motorway_straight_130",
    "motorway_bends_130",
    "motorway_bends_110",
    "rural_bends_80",
    "country_bends_50",
    "town_bends_30",
)
SMALL = "small"  # folder of its scenarios
FAST_AND_TIGHT = ("motorway_bends_130", "country_bends_50")
LATENCIES_S = (0.0, 0.1, 0.2, 0.3)
DROPPED_RATIOS = (0.3, 0.8)
BLACKOUTS_S = (0.5, 1.0, 2.0)
BLACKOUT_AT_S = 8.0  # in the first bend of both
DRIFTS_MPS = (0.2, 0.3, 0.4, 0.5, 0.6)  # lateral speeds of the Euro NCAP tests, to either side
DRIFT_SPEED_MPS = 20.0  # 72 km/h


def load_suite(name: str) -> list[Scenario]:
    """Return the scenarios of a suite. Raises KeyError for an unknown suite."""
    return SUITES[name]()


def _smoke() -> list[Scenario]:
    return [_built_in(name) for name in SMOKE]


def _standard() -> list[Scenario]:
    return [_built_in(name) for name in built_in_scenarios() if name not in _small_names()]


def _small() -> list[Scenario]:
    """Return the drives of a model car on model roads."""
    return [_built_in(name) for name in _small_names()]


def _small_names() -> list[str]:
    return [name for name, path in built_in_scenarios().items() if path.parent.name == SMALL]


def _full() -> list[Scenario]:
    """Return all built-in scenarios in every condition, and the suites of faults."""
    everywhere = [
        structs.replace(scenario, header=structs.replace(scenario.header, condition=condition))
        for condition in CONDITIONS
        for scenario in _standard()
    ]
    return [*everywhere, *_latency(), *_dropout(), *_blackout(), *_drift()]


def _latency() -> list[Scenario]:
    return [
        structs.replace(
            base,
            name=f"{base.name}_latency_{latency_s * 1e3:.0f}ms",
            header=structs.replace(base.header, latency_s=latency_s),
        )
        for base in map(_built_in, FAST_AND_TIGHT)
        for latency_s in LATENCIES_S
    ]


def _dropout() -> list[Scenario]:
    return [
        _with_fault(base, f"dropped_{ratio:.0%}".removesuffix("%"), DroppedFrames(ratio=ratio))
        for base in map(_built_in, FAST_AND_TIGHT)
        for ratio in DROPPED_RATIOS
    ]


def _blackout() -> list[Scenario]:
    return [
        _with_fault(
            base,
            f"blackout_{duration_s * 1e3:.0f}ms",
            Blackout(at_s=BLACKOUT_AT_S, duration_s=duration_s),
        )
        for base in map(_built_in, FAST_AND_TIGHT)
        for duration_s in BLACKOUTS_S
    ]


def _drift() -> list[Scenario]:
    base = _built_in("motorway_straight_130")
    return [
        structs.replace(
            base,
            name=f"drift_{side}_{drift_mps:g}mps".replace(".", "_"),
            header=structs.replace(
                base.header, description=f"72 km/h, drifting {side} at {drift_mps:g} m/s", set_speed_mps=DRIFT_SPEED_MPS
            ),
            segments=(Segment(length_m=250.0),),
            start=StartPose(heading_deg=sign * math.degrees(math.asin(drift_mps / DRIFT_SPEED_MPS))),
        )
        for side, sign in (("left", 1), ("right", -1))
        for drift_mps in DRIFTS_MPS
    ]


def _built_in(name: str) -> Scenario:
    return load_scenario(built_in_scenarios()[name])


def _with_fault(base: Scenario, suffix: str, fault: FaultEvent) -> Scenario:
    return structs.replace(base, name=f"{base.name}_{suffix}", faults=(fault,))


SUITES: dict[str, Callable[[], list[Scenario]]] = {
    "smoke": _smoke,
    "standard": _standard,
    "small": _small,
    "full": _full,
    "latency": _latency,
    "dropout": _dropout,
    "blackout": _blackout,
    "drift": _drift,
}
