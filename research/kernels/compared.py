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
    recipe: NDArray[np.int64],
    rows: NDArray[np.float64],
    lead: int,
    begin: int,
    out: NDArray[np.float64],
    k: int,
) -> None:
    """Make one feature, of some bars that follow each other.

    Parameters
    ----------
    recipe : (4,) int64
        HELD, or the code OVER or CROSS; its parameter; two rows.
    rows : (R, lead + T) float64
        Statistics and features that are held.
    lead : int
        Bars of `rows` before the first that may trade, 0 or 1.
    begin : int
        The first bar to make, counted from the first that may trade.
    out : (K, M) float64
        Row `k` is written: bars begin … begin + M − 1.
    """
    code, first, n_bars = recipe[0], lead + begin, out.shape[1]
    last = first + n_bars
    # Cut first and counted from 0: an index that might be negative keeps a loop from vectorising.
    one, other, to = rows[recipe[2]], rows[recipe[3]], out[k]
    if code == do.OVER:
        minus, a, b = float(recipe[1]), one[first:last], other[first:last]
        for i in range(to.size):
            to[i] = ratio_nb(a[i], b[i], minus)
    elif code == do.CROSS:
        unknown = 1 if first == 0 and n_bars > 0 else 0
        to[:unknown] = np.nan  # nobody knows the side before a symbol's first bar
        before, after = first + unknown - 1, first + unknown
        was_one, was_other = one[before : last - 1], other[before : last - 1]
        is_one, is_other, made = one[after:last], other[after:last], to[unknown:]
        for i in range(made.size):
            made[i] = crossed_nb(side_nb(was_one[i], was_other[i]), side_nb(is_one[i], is_other[i]))
    else:
        to[:] = one[first:last]
