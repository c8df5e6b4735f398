"""Antialiased filling of many small quadrilaterals at once.

Each edge adds its signed area to the pixels it crosses, on several sample lines per row; the running sum along a row
then is how much of each pixel is covered. Sums are whole numbers, so that what is entered is left exactly, and
neighbours that share an edge leave no seam.
"""

import numpy as np

FULL = 4096  # a pixel that is covered completely
FINE_ROWS = 48  # rows below the horizon, where a dash is less than a row high
FINE_SAMPLES, COARSE_SAMPLES = 8, 2  # sample lines per row


class Rasteriser:
    """Fills quadrilaterals into rows `first_row` to `height_px` of an image."""

    def __init__(self, width_px: int, height_px: int, first_row: int, horizon_row: float) -> None:
        self._width = width_px
        self._first_row = first_row
        rows = np.arange(first_row, height_px)
        samples = np.where(rows < horizon_row + FINE_ROWS, FINE_SAMPLES, COARSE_SAMPLES)
        number = np.concatenate([np.arange(count) for count in samples])
        per_row = np.repeat(samples, samples)
        self._sample_v = np.repeat(rows, samples) - 0.5 + (number + 0.5) / per_row
        self._sample_start = (np.repeat(rows, samples) - first_row) * (width_px + 2)
        # As wide as the buffer: adding wider numbers into it takes several times as long.
        self._sample_weight = (FULL // per_row).astype(np.int32)
        self._buffer = np.zeros(len(rows) * (width_px + 2), np.int32)
        self._touched = np.zeros((len(rows), width_px + 2), bool)

    def cover(self, quads_px: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(N, 4, 2) quadrilaterals, all turning the same way -> flat pixel indices and their coverage in (0, FULL].

        Indices count pixels from the start of row `first_row`. Where quadrilaterals overlap,
        their coverage adds up to FULL at most.
        """
        start = quads_px.reshape(-1, 2)
        end = quads_px[:, [1, 2, 3, 0]].reshape(-1, 2)
        low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
        first, last = np.searchsorted(self._sample_v, low), np.searchsorted(self._sample_v, high)
        count = last - first
        edge = np.repeat(np.arange(len(count)), count)
        if len(edge) == 0:
            return np.zeros(0, np.intp), np.zeros(0, np.int32)
        line = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]

        rise = end[:, 1] - start[:, 1]
        slope = (end[:, 0] - start[:, 0]) / np.where(rise == 0, 1.0, rise)
        # Where the edge crosses the sample line, with pixel u reaching from u to u + 1.
        crossing = start[edge, 0] + (self._sample_v[line] - start[edge, 1]) * slope[edge] + 0.5
        crossing = np.clip(crossing, 0.0, self._width)
        column = crossing.astype(np.int32)
        weight = np.where(rise > 0, -1, 1).astype(np.int32)[edge] * self._sample_weight[line]
        beyond = np.rint(weight * (crossing - column)).astype(np.int32)
        index = self._sample_start[line] + column

        buffer = self._buffer
        buffer.fill(0)
        np.add.at(buffer, index, weight - beyond)
        np.add.at(buffer, index + 1, beyond)
        np.cumsum(buffer, out=buffer)
        np.not_equal(buffer, 0, out=self._touched.reshape(-1))
        covered = np.flatnonzero(self._touched)
        row, column = np.divmod(covered, self._width + 2)
        inside = column < self._width
        # Two columns beyond the image end each of the buffer's rows.
        covered, row = covered[inside], row[inside]
        return covered - 2 * row, np.minimum(np.abs(buffer[covered]), FULL)
