"""Named collections of scenarios."""

import math
from collections.abc import Callable

from msgspec import structs

from simulation.conditions import CONDITIONS
from simulation.evaluation.scenario_events import Blackout, DroppedFrames, Fault
from simulation.evaluation.scenarios import Scenario, Segment, StartPose, gallery, load_scenario

SMOKE = (
    "motorway_straight_130",
    "motorway_bends_130",
    "motorway_bends_110",
    "rural_bends_80",
    "country_bends_50",
    "town_bends_30",
)
FAST_AND_TIGHT = ("motorway_bends_130", "country_bends_50")
LATENCIES_S = (0.0, 0.1, 0.2, 0.3)
DROPPED_RATIOS = (0.3, 0.8)
BLACKOUTS_S = (0.5, 1.0, 2.0)
BLACKOUT_AT_S = 8.0  # in the first bend of both
DRIFTS_MPS = (0.2, 0.3, 0.4, 0.5, 0.6)  # as Euro NCAP drives them, to either side
DRIFT_SPEED_MPS = 20.0  # 72 km/h


def load_suite(name: str) -> list[Scenario]:
    """Raises KeyError for an unknown suite."""
    return SUITES[name]()


def _smoke() -> list[Scenario]:
    return [_from_gallery(name) for name in SMOKE]


def _standard() -> list[Scenario]:
    return [_from_gallery(name) for name in gallery()]


def _full() -> list[Scenario]:
    """All of the gallery in every condition, and the suites of what goes wrong."""
    everywhere = [
        structs.replace(scenario, head=structs.replace(scenario.head, condition=condition))
        for condition in CONDITIONS
        for scenario in _standard()
    ]
    return [*everywhere, *_latency(), *_dropout(), *_blackout(), *_drift()]


def _latency() -> list[Scenario]:
    return [
        structs.replace(
            base,
            name=f"{base.name}_latency_{latency_s * 1e3:.0f}ms",
            head=structs.replace(base.head, latency_s=latency_s),
        )
        for base in map(_from_gallery, FAST_AND_TIGHT)
        for latency_s in LATENCIES_S
    ]


def _dropout() -> list[Scenario]:
    return [
        _disturbed(base, f"dropped_{ratio:.0%}".removesuffix("%"), DroppedFrames(ratio=ratio))
        for base in map(_from_gallery, FAST_AND_TIGHT)
        for ratio in DROPPED_RATIOS
    ]


def _blackout() -> list[Scenario]:
    return [
        _disturbed(
            base,
            f"blackout_{duration_s * 1e3:.0f}ms",
            Blackout(at_s=BLACKOUT_AT_S, duration_s=duration_s),
        )
        for base in map(_from_gallery, FAST_AND_TIGHT)
        for duration_s in BLACKOUTS_S
    ]


def _drift() -> list[Scenario]:
    base = _from_gallery("motorway_straight_130")
    return [
        structs.replace(
            base,
            name=f"drift_{side}_{drift_mps:g}mps".replace(".", "_"),
            head=structs.replace(
                base.head, description=f"72 km/h, drifting {side} at {drift_mps:g} m/s", set_speed_mps=DRIFT_SPEED_MPS
            ),
            segments=(Segment(length_m=250.0),),
            start=StartPose(heading_deg=sign * math.degrees(math.asin(drift_mps / DRIFT_SPEED_MPS))),
        )
        for side, sign in (("left", 1), ("right", -1))
        for drift_mps in DRIFTS_MPS
    ]


def _from_gallery(name: str) -> Scenario:
    return load_scenario(gallery()[name])


def _disturbed(base: Scenario, what: str, fault: Fault) -> Scenario:
    return structs.replace(base, name=f"{base.name}_{what}", faults=(fault,))


SUITES: dict[str, Callable[[], list[Scenario]]] = {
    "smoke": _smoke,
    "standard": _standard,
    "full": _full,
    "latency": _latency,
    "dropout": _dropout,
    "blackout": _blackout,
    "drift": _drift,
}
