"""Keeps a drive going when a detector fails: such a frame has no lanes; each cause is reported once."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from lkas.detection.types import DetectionResult, LaneDetector
from lkas.integration.shared_memory.messages import VehicleState
from lkas.plugins.guard import PluginError


class Guard:
    """Calls a detector and counts its failures."""

    def __init__(self, detector: LaneDetector, on_failure: Callable[[str, Exception], None] | None = None) -> None:
        """`on_failure` is called once per cause, with the text and the exception."""
        self._detector = detector
        self._on_failure = on_failure
        self._texts: dict[str, str] = {}
        self.causes: Counter[str] = Counter()  # failures by cause: the place in a plugin, else the kind of exception

    @property
    def failures(self) -> dict[str, int]:
        """Number of failures by the text of the first one of each cause."""
        return {self._texts[cause]: count for cause, count in self.causes.items()}

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult | None:
        """The lanes of the frame; None: the detector failed."""
        return self._guarded(self._detector.detect, image, timestamp, vehicle)

    def reset(self) -> None:
        """Make the detector forget earlier frames."""
        self._guarded(self._detector.reset)

    def update_parameter(self, name: str, value: object) -> None:
        """Change one live parameter. Raises ParameterError."""
        self._detector.update_parameter(name, value)

    def _guarded(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:  # a bad frame, or a bug in one scene, must not end the drive
            kind = type(error).__name__
            cause, text = (error.cause, str(error)) if isinstance(error, PluginError) else (kind, f"{kind}: {error}")
            self.causes[cause] += 1
            if self.causes[cause] == 1:
                self._texts[cause] = text
                if self._on_failure is not None:
                    self._on_failure(text, error)
            return None
