"""A feature that compares two statistics, made from their rows, where many pairs share few statistics.

In: rows that are held. Out: the feature's row, by the very operations of a program (`research.kernels.rows`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import codes as do
from research.kernels.jit import njit
from research.kernels.trend import crossed_nb, ratio_nb, side_nb

__all__ = ["HELD", "compare_nb"]

# A recipe is four integers: the code of a row step, its parameter, the rows that it reads.
HELD = 0  # no step at all: the feature is the first of its rows


@njit
def compare_nb(
    recipe: NDArray[np.int64], rows: NDArray[np.float64], lead: int, out: NDArray[np.float64], k: int
) -> None:
    """Make one feature.

    Parameters
    ----------
    recipe : (4,) int64
        HELD, or the code OVER or CROSS; its parameter; two rows.
    rows : (R, lead + T) float64
        Statistics and features that are held.
    lead : int
        Bars of `rows` before the first of `out`, 0 or 1.
    out : (K, T) float64
        Row `k` is written.
    """
    code, a, b = recipe[0], recipe[2], recipe[3]
    n_bars = out.shape[1]
    if code == do.OVER:
        minus = float(recipe[1])
        for i in range(n_bars):
            out[k, i] = ratio_nb(rows[a, lead + i], rows[b, lead + i], minus)
    elif code == do.CROSS:
        if n_bars > 0 and lead == 0:
            out[k, 0] = np.nan  # nobody knows the side before a symbol's first bar
        for i in range(1 - lead, n_bars):
            j = lead + i
            before = side_nb(rows[a, j - 1], rows[b, j - 1])
            out[k, i] = crossed_nb(before, side_nb(rows[a, j], rows[b, j]))
    else:
        for i in range(n_bars):
            out[k, i] = rows[a, lead + i]
