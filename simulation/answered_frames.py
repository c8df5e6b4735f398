"""Counts which published frames were answered by a control."""

from collections import OrderedDict

from lkas.integration.shared_memory.messages import ControlMessage

ANSWER_LIMIT_S = 0.5  # of world time; decision itself treats an older detection as lost


class AnsweredFrames:
    """Each frame is settled, as answered or missed, once it is `ANSWER_LIMIT_S` old."""

    def __init__(self) -> None:
        self.published = 0
        self.settled = 0
        self.missed = 0
        self.withheld = 0
        self._open: OrderedDict[tuple[int, int], tuple[float, bool]] = OrderedDict()  # exposed (s), is answered

    def add_frame(self, session: int, frame_id: int, timestamp: float) -> None:
        """Count a published frame."""
        self.published += 1
        self._open[session, frame_id] = (timestamp, False)

    def withhold(self, session: int, frame_id: int) -> None:
        """Count a frame as withheld from the detector; it can no longer be missed."""
        self.withheld += self._open.pop((session, frame_id), None) is not None

    def add_control(self, control: ControlMessage) -> None:
        """Mark the frame that this control is based on as answered."""
        key = (control.session, control.frame_id)
        if key in self._open:
            self._open[key] = (self._open[key][0], True)

    def settle(self, now_s: float) -> None:
        """Settle all frames that are old enough at this world time."""
        while self._open:
            key, (exposed_s, is_answered) = next(iter(self._open.items()))
            if now_s - exposed_s < ANSWER_LIMIT_S:
                return
            del self._open[key]
            self.settled += 1
            self.missed += not is_answered
