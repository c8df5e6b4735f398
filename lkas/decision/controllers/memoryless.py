"""What the laws without a memory have in common: parameters, the car's model, and nothing to forget."""

from lkas.decision.bicycle import Bicycle
from lkas.decision.parameters import DecisionParameters


class Memoryless:
    """Base of a law that needs the lane state after the lag, and no other than this moment's."""

    models_lag = False

    def __init__(self, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._parameters = parameters
        self._bicycle = bicycle

    def reset(self) -> None:
        """There is nothing to forget."""
