"""A detector that ends no drive: a frame in which it fails is a frame without lanes, told once for each cause."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from lkas.detection.types import DetectionResult, LaneDetector
from lkas.integration.shared_memory.messages import VehicleState
from lkas.plugins.load import OwnCodeError


class Guard:
    """Calls a detector and counts what goes wrong."""

    def __init__(self, detector: LaneDetector, on_failure: Callable[[str, Exception], None] | None = None) -> None:
        """`on_failure` hears the text and the exception of each cause once."""
        self._detector = detector
        self._on_failure = on_failure
        self._texts: dict[str, str] = {}
        self.causes: Counter[str] = Counter()  # failures by cause: the place in own code, else the kind of exception

    @property
    def failures(self) -> dict[str, int]:
        """How often it failed, by the text of the first failure of each cause."""
        return {self._texts[cause]: count for cause, count in self.causes.items()}

    def detect(
        self, image: np.ndarray, timestamp: float | None = None, vehicle: VehicleState | None = None
    ) -> DetectionResult | None:
        """What the frame shows; None: the detector failed."""
        return self._guarded(self._detector.detect, image, timestamp, vehicle)

    def reset(self) -> None:
        """Have the detector forget earlier frames."""
        self._guarded(self._detector.reset)

    def update_parameter(self, name: str, value: object) -> None:
        """Change one live parameter. Raises ParameterError."""
        self._detector.update_parameter(name, value)

    def _guarded(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:  # one bad frame, or a bug for one scene, must not end the drive
            kind = type(error).__name__
            cause, text = (error.cause, str(error)) if isinstance(error, OwnCodeError) else (kind, f"{kind}: {error}")
            self.causes[cause] += 1
            if self.causes[cause] == 1:
                self._texts[cause] = text
                if self._on_failure is not None:
                    self._on_failure(text, error)
            return None
