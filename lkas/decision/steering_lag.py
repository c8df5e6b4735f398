"""The steering's lag, learned while driving: recursive least squares of the measured wheel against the command.

The wheel follows the command that arrives at it with a first-order lag tau. Over a short window,

    change of the wheel angle = (1 / tau) x integral of (command - wheel),

a straight line through the origin whose slope is estimated with exponential forgetting. Windows in which nobody asks
for a turn say nothing and are left out. The configured lag is the prior, and the estimate stays within bounds around
it: a wheel that does not answer is no longer a lag. A dead time other than the configured one is learned as lag.
"""

WINDOW_S = 0.1
LEAST_DIFFERENCE_RAD = 4e-4  # mean of command - wheel in a window: less is sensor noise
MEMORY_S = 10.0  # of windows that say something
PRIOR_WEIGHT = 1e-8  # s² rad²: of six windows that say just enough
BOUNDS_RATIO = (0.4, 2.5)  # of the configured lag


class SteeringLag:
    """The estimate; `lag_s` is the configured one until there is better."""

    def __init__(self, configured_s: float) -> None:
        self._configured_s = configured_s
        self.lag_s = configured_s
        self._forget_window()
        self._xx = PRIOR_WEIGHT
        self._xy = PRIOR_WEIGHT / configured_s if configured_s > 0 else 0.0

    def update(self, arriving_rad: float, wheel_rad: float | None, dt_s: float) -> None:
        """One step: the command that arrives at the wheel, and the wheel as measured at the end of the step."""
        if wheel_rad is None or self._configured_s <= 0 or not 0 < dt_s <= WINDOW_S:
            self._forget_window()
            return
        if self._start_rad is None:
            self._start_rad = self._last_rad = wheel_rad
            return
        self._integral += (arriving_rad - (wheel_rad + self._last_rad) / 2) * dt_s
        self._last_rad = wheel_rad
        self._passed_s += dt_s
        if self._passed_s < WINDOW_S - 1e-9:
            return
        if abs(self._integral) >= LEAST_DIFFERENCE_RAD * self._passed_s:
            kept = 1 - self._passed_s / MEMORY_S
            self._xx = kept * self._xx + self._integral**2
            self._xy = kept * self._xy + self._integral * (wheel_rad - self._start_rad)
            low, high = BOUNDS_RATIO
            slowest_per_s, fastest_per_s = 1 / (high * self._configured_s), 1 / (low * self._configured_s)
            self.lag_s = 1 / min(fastest_per_s, max(slowest_per_s, self._xy / self._xx))
        self._forget_window()

    def _forget_window(self) -> None:
        self._start_rad: float | None = None
        self._last_rad = self._integral = self._passed_s = 0.0
