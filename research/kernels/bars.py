"""One symbol's bars in one array, and on which of them a holder is paid or has other shares.

In: six rows of T bars. Out: the numbers of the rows, and for each bar the next one that acts on a position.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from research.kernels import account as ac
from research.kernels.jit import njit

__all__ = ["BARS", "actions_nb"]

# Rows of one symbol's bars, (N_BARS, T), in one array, since each array costs a kernel's caller time.
BARS = ("open", "high", "low", "close", "split", "dividend")
B_OPEN, B_HIGH, B_LOW, B_CLOSE, B_SPLIT, B_DIVIDEND = range(6)


@njit
def actions_nb(bars: NDArray[np.float64], execution: NDArray[np.float64], ahead: NDArray[np.int32]) -> None:
    """Say for each bar the next, itself included, with a split or a dividend that is paid; T is none.

    Parameters
    ----------
    bars : (N_BARS, T) float64
    execution : (N_EXECUTION,) float64
    ahead : (T + 1,) int32
        Written.
    """
    dividends = execution[ac.X_DIVIDENDS] != 0.0
    ahead[-1] = following = bars.shape[1]
    for i in range(bars.shape[1] - 1, -1, -1):
        if bars[B_SPLIT, i] != 1.0 or (dividends and bars[B_DIVIDEND, i] != 0.0):
            following = i
        ahead[i] = following
