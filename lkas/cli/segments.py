"""The report of `lkas doctor` on each segment: its owner, its rate, its problem and the remedy."""

import time
from typing import Any

from msgspec import Struct

from lkas.integration.shared_memory.segment import SegmentInfo, list_segments

RATE_WINDOW_S = 0.3
SILENT_S = 1.0  # longer than the period of any channel of a healthy process
DROPS_SHARE = 0.01  # of the messages; readers stopped in a debugger cause a few

_CREATORS = {
    "ImageMessage": "`simulation`",
    "VehicleState": "`simulation`",
    "DetectionMessage": "`lkas`",
    "ControlMessage": "`lkas`",
}


class SegmentState(Struct, frozen=True, kw_only=True):
    """One segment, with its rate between two checks."""

    segment: SegmentInfo
    rate_hz: float | None  # current messages per second; None: no process writes it
    state: str
    advice: str | None  # what to do; None: nothing

    @property
    def is_fine(self) -> bool:
        return self.segment.stale is None and self.segment.damage is None

    def as_dict(self) -> dict[str, Any]:
        fields = {name: getattr(self.segment, name) for name in self.segment.__struct_fields__}
        return fields | {"rate_hz": self.rate_hz, "state": self.state, "advice": self.advice}


def segment_states() -> list[SegmentState]:
    """Check this user's channels of all instances; takes 0.3 s when one has a writer. Does not disturb them."""
    before, began = _channels(), time.monotonic()
    if any(segment.writer_pid is not None for segment in before):
        time.sleep(RATE_WINDOW_S)
    after, took_s = _channels(), time.monotonic() - began
    sequences = {segment.path: segment.sequence for segment in before}
    return [judged(segment, _rate_hz(segment, sequences.get(segment.path), took_s)) for segment in after]


def _channels() -> list[SegmentInfo]:
    return [segment for segment in list_segments() if segment.kind == "channel"]


def _rate_hz(segment: SegmentInfo, sequence_before: int | None, took_s: float) -> float | None:
    if segment.writer_pid is None or sequence_before is None:
        return None
    return max(0, segment.sequence - sequence_before) / took_s


def judged(segment: SegmentInfo, rate_hz: float | None) -> SegmentState:
    """Return the state of a segment as text, and the remedy."""
    state, advice = "in use", None
    creator = _CREATORS.get(segment.record_type, "its writer")
    instance = "" if segment.instance == "default" else f" with --instance {segment.instance}"
    if segment.stale is not None:
        state, advice = f"stale: {segment.stale}", "`lkas doctor --clean` removes it"
    elif segment.damage is not None:
        state = f"damaged: {segment.damage}"
        advice = (
            "its writer creates it again with the next message; otherwise end its programs, then `lkas doctor --clean`"
        )
    elif segment.writer_pid is None:
        waiting = f"{segment.readers} reader{'' if segment.readers == 1 else 's'} wait{'s' * (segment.readers == 1)}"
        state, advice = f"no writer, {waiting}", f"start {creator}{instance}: its readers then continue by themselves"
    elif segment.age_s is None:
        state, advice = (
            "nothing has been written yet",
            f"{creator} (process {segment.writer_pid}) waits for its own inputs",
        )
    elif segment.age_s > SILENT_S:
        state = f"silent for {segment.age_s:.1f} s"
        advice = (
            f"process {segment.writer_pid} lives but writes nothing: it waits, is paused or hangs, see `lkas status`"
        )
    elif segment.corrupt:
        state = f"{segment.corrupt} messages failed their checksum and were skipped"
        advice = f"another program or the disk changes {segment.path}: find who has it open, or move the channel"
    elif segment.drops > DROPS_SHARE * segment.sequence:
        state = "drops messages"
        advice = "readers hold their views too long: copy what is kept, or create the channel with more slots"
    return SegmentState(segment=segment, rate_hz=rate_hz, state=state, advice=advice)
