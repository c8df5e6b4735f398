"""Estimate of the steering's lag by recursive least squares, from the measured wheel angle and the command.

The wheel follows the command that reaches it with a first-order lag tau. Over a short window,

    change of the wheel angle = (1 / tau) x integral of (command - wheel),

a straight line through the origin whose slope is estimated with exponential forgetting. Windows without a steering
demand carry no information and are skipped. The configured lag is the prior, and the estimate stays within bounds
around it: a wheel that does not respond is not a lag. An error of the configured dead time appears as lag.
"""

WINDOW_S = 0.1
MIN_DIFFERENCE_RAD = 4e-4  # mean of command - wheel in a window: less is sensor noise
MEMORY_S = 10.0  # of windows that carry information
PRIOR_WEIGHT = 1e-8  # s² rad²: of six windows that just carry information
BOUNDS_RATIO = (0.4, 2.5)  # of the configured lag


class SteeringLag:
    """The estimate; `lag_s` starts with the configured value."""

    def __init__(self, configured_s: float) -> None:
        self._configured_s = configured_s
        self.lag_s = configured_s
        self._reset_window()
        self._xx = PRIOR_WEIGHT
        self._xy = PRIOR_WEIGHT / configured_s if configured_s > 0 else 0.0

    def update(self, command_rad: float, wheel_rad: float | None, dt_s: float) -> None:
        """Use one step: the command that reached the wheel, and the angle measured at the end of the step."""
        if wheel_rad is None or self._configured_s <= 0 or not 0 < dt_s <= WINDOW_S:
            self._reset_window()
            return
        if self._start_rad is None:
            self._start_rad = self._last_rad = wheel_rad
            return
        self._integral += (command_rad - (wheel_rad + self._last_rad) / 2) * dt_s
        self._last_rad = wheel_rad
        self._elapsed_s += dt_s
        if self._elapsed_s < WINDOW_S - 1e-9:
            return
        if abs(self._integral) >= MIN_DIFFERENCE_RAD * self._elapsed_s:
            forgetting = 1 - self._elapsed_s / MEMORY_S
            self._xx = forgetting * self._xx + self._integral**2
            self._xy = forgetting * self._xy + self._integral * (wheel_rad - self._start_rad)
            low, high = BOUNDS_RATIO
            slowest_per_s, fastest_per_s = 1 / (high * self._configured_s), 1 / (low * self._configured_s)
            self.lag_s = 1 / min(fastest_per_s, max(slowest_per_s, self._xy / self._xx))
        self._reset_window()

    def _reset_window(self) -> None:
        self._start_rad: float | None = None
        self._last_rad = self._integral = self._elapsed_s = 0.0
