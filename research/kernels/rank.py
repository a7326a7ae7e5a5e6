"""Rank of one value among the recent ones: how far from usual a prediction is.

In: a ring of the last values in any order, and a value. Out: its percentile, as a share.
"""

from __future__ import annotations

import math

from research.kernels.jit import njit
from research.kernels.windows import Array

__all__ = ["percentile_nb"]


@njit
def percentile_nb(ring: Array, filled: int, x: float) -> float:
    """Return the share of values below `x`, plus half of those equal to it.

    Parameters
    ----------
    ring : (n,) float64
        Past values; whether `x` is one of them is the caller's choice. NaN is no value and is not counted.
    filled : int
        Slots in use, 0 to n: 0 to `filled` − 1.
    x : float
        The value to rank.

    Returns
    -------
    float
        0 to 1, ½ among its equals; NaN where `x` is NaN or there is no value. Counts are whole numbers, so
        the order of the ring does not matter to a bit.
    """
    if not x == x:
        return math.nan
    below = 0
    equal = 0
    counted = 0
    for i in range(filled):
        value = ring[i]
        if value == value:
            counted += 1
            if value < x:
                below += 1
            elif value == x:
                equal += 1
    return (below + 0.5 * equal) / counted if counted > 0 else math.nan
