"""How some rows stand among each other on each bar: all that a crossing of two of them asks.

In: rows of floats. Out: their places in ascending order, two bytes instead of eight, by which any two of
them compare as the floats do, to the tie.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels.jit import njit

__all__ = ["MOST", "stand_nb"]

MOST = 65_535  # rows whose places fit two bytes, 0 being no place


@njit
def stand_nb(
    values: NDArray[np.float64],
    rows: NDArray[np.int64],
    order: NDArray[np.int64],
    begin: int,
    out: NDArray[np.uint16],
) -> None:
    """Write the place of each row on some bars that follow each other: 1 the lowest, equal rows alike.

    Parameters
    ----------
    values : (K, M) float64
        Finite, or NaN where a row is not known.
    rows : (R,) int64
        Those that stand among each other, at most `MOST`.
    order : (R,) int64
        0 … R − 1 in any order; changed in place. Where it is that of the bar before, there is little to sort.
    begin : int
        The bar of `out` that the first of them is.
    out : (R, T) uint16
        Bars begin … begin + M − 1 are written; 0 where a row is not known.
    """
    n_rows = order.size
    sorted_values = np.empty(n_rows)
    for i in range(values.shape[1]):
        for k in range(n_rows):
            value = values[rows[order[k]], i]
            sorted_values[k] = value if value == value else np.inf
        for k in range(1, n_rows):
            value = sorted_values[k]
            if value < sorted_values[k - 1]:
                row, j = order[k], k
                while j > 0 and sorted_values[j - 1] > value:
                    sorted_values[j], order[j] = sorted_values[j - 1], order[j - 1]
                    j -= 1
                sorted_values[j], order[j] = value, row
        place, last = 0, -np.inf
        for k in range(n_rows):
            value = sorted_values[k]
            if value > last:
                place += 1
                last = value
            out[order[k], begin + i] = place if value < np.inf else 0
