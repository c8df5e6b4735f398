"""The stored result of one run: its metrics, and the details that the report shows."""

from collections.abc import Sequence

from msgspec import Struct

from simulation.evaluation.metrics import RunMetrics


class Trace(Struct, frozen=True, kw_only=True):
    """Samples of the drive at a fixed period, for plots."""

    distance_m: list[float]
    offset_m: list[float]  # left positive
    speed_mps: list[float]
    x_m: list[float]
    y_m: list[float]


class Place(Struct, frozen=True):
    """Where a departure started."""

    distance_m: float
    x_m: float
    y_m: float


class Details(Struct, frozen=True, kw_only=True):
    """What the report shows in addition to the metrics."""

    end: str  # why the run ended
    mean_speed_mps: float | None
    r79_lat_accel_max_mps2: float | None
    r79_lat_jerk_max_mps3: float | None
    steering_reversals_per_min: float | None
    ttlc_min_s: float | None  # minimum time to line crossing at the lateral speed; None: never moved towards a line
    offset_per_curvature_m2: float | None  # slope of offset over curvature; positive: towards the inside of bends
    modes: dict[str, float]  # seconds in each mode of decision
    departures: list[Place]
    trace: Trace
    withheld_frame_ratio: float | None = None  # exposed frames that the scenario withheld from the detector
    detector_failures: dict[str, int] = {}  # number of exceptions of the detector by text; such a frame has no lanes
    unscored: str = ""  # what could not be scored in this world, and why


class Record(Struct, frozen=True, kw_only=True):
    """The content of the file of one run."""

    inputs: str  # hash of everything that determines the outcome
    metrics: RunMetrics
    details: Details


def unscored(records: Sequence[Record]) -> list[str]:
    """Return one sentence for each world that could not be scored in full."""
    texts = {f"{record.metrics.scenario}: {record.details.unscored}" for record in records if record.details.unscored}
    return sorted(texts)
