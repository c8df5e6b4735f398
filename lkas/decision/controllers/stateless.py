"""Base class of the controllers that depend on the present lane state only."""

from lkas.decision.bicycle import Bicycle
from lkas.decision.parameters import DecisionParameters


class StatelessController:
    """Keeps parameters and vehicle model; receives the lane state after the lag."""

    models_lag = False

    def __init__(self, parameters: DecisionParameters, bicycle: Bicycle) -> None:
        self._parameters = parameters
        self._bicycle = bicycle

    def reset(self) -> None:
        """Do nothing: there is no state."""
